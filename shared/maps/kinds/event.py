"""`{event: Order Placed, count: 2, within: 30d}`, as written in a map."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from shared.journey import trackers
from shared.journey.kinds.performed import Performed
from shared.maps.comparisons import Since, Where, predicates_of
from shared.maps.problems import Path
from shared.maps.rules import RuleModel
from shared.maps.values import Count, Duration, EventNames, timedelta_of


class EventRule(RuleModel):
    """One of the events happened, at least `count` times, within the last `within`."""

    kind: ClassVar[str] = "event"
    needs_event: ClassVar[bool] = True
    event: EventNames
    where: Where = Field(default_factory=dict)
    count: Count = 1
    within: Duration | None = None
    since: Since | None = None

    def events(self) -> Iterator[tuple[Path, str]]:
        """The events."""
        for number, event in enumerate(self.event):
            yield ("event", number), event

    def to_condition(self) -> Performed:
        """The same, in the engine's types."""
        return Performed(
            events=tuple(self.event),
            where=predicates_of(self.where),
            count=self.count,
            within=timedelta_of(self.within) if self.within else None,
            since=trackers.Since(self.since) if self.since else None,
        )
