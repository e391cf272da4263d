"""`{never: {event: Ticket Opened, within: 30d}}`, as written in a map."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from shared.journey import trackers
from shared.journey.kinds.never import Never
from shared.maps.comparisons import Since, Where, predicates_of
from shared.maps.problems import Path
from shared.maps.rules import MapPart, RuleModel
from shared.maps.values import Duration, EventNames, timedelta_of


class NeverDetail(MapPart):
    """Events that must not have happened."""

    event: EventNames
    where: Where = Field(default_factory=dict)
    within: Duration | None = None
    since: Since | None = None


class NeverRule(RuleModel):
    """None of the events happened, within the last `within` if given."""

    kind: ClassVar[str] = "never"
    never: NeverDetail

    def events(self) -> Iterator[tuple[Path, str]]:
        """The events."""
        for number, event in enumerate(self.never.event):
            yield ("never", "event", number), event

    def to_condition(self) -> Never:
        """The same, in the engine's types."""
        detail = self.never
        return Never(
            events=tuple(detail.event),
            where=predicates_of(detail.where),
            within=timedelta_of(detail.within) if detail.within else None,
            since=trackers.Since(detail.since) if detail.since else None,
        )
