"""`performed`: touchpoints of some events happened often enough.

Windows are half-open: a touchpoint counts from its instant until just before its instant plus
`within`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from shared.journey.comparison import Predicate, accepts_properties, value_at
from shared.journey.condition import Check, Condition, Explainer, Needs, Node, checked_duration
from shared.journey.facts import FactRegistry, Place
from shared.journey.phrases import (
    alternatives,
    comparison,
    duration_text,
    obstacle,
    with_obstacle,
)
from shared.journey.state import State
from shared.journey.trackers import CountTracker, Since, Tracker, WindowTracker
from shared.wording import counted

_SINCE = {
    Since.VISIT: "since the last move",
    Since.CYCLE: "in this cycle",
    Since.EVER: "ever",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed(Condition):
    """One of `events` happened at least `count` times, within the last `within` if given.

    `since` None means the default of the place where the condition stands: CYCLE for `enter`,
    milestones and outcomes; VISIT for moves back, loops and win-backs.
    """

    kind: ClassVar[str] = "performed"
    events: tuple[str, ...]
    where: tuple[Predicate, ...] = ()
    count: int = 1
    within: timedelta | None = None
    since: Since | None = None

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Comparison of the fact with `count`."""
        tracker = self.tracker(place, facts)
        if not self.events or self.count < 1:
            raise ValueError(f"{self} names no event or counts less than one")
        number, count = tracker.number, self.count
        if self.within is None:
            if count == 1:
                return lambda state, _: number in state.counts
            return lambda state, _: state.counts.get(number, 0) >= count
        within = checked_duration(self.within)

        def performed(state: State, at: datetime) -> bool:
            times = state.times.get(number)
            return times is not None and len(times) >= count and at - times[-count] < within

        return performed

    def needs(self, place: Place, facts: FactRegistry) -> Needs:
        """The fact, and the instants at which its window closes."""
        number = self.tracker(place, facts).number
        windows = set() if self.within is None else {(number, self.within)}
        return Needs(facts=frozenset({number}), windows=frozenset(windows))

    def sentence(self, since: Since) -> str:
        """For example: "Order Placed at least 2 times within 30 days in this cycle"."""
        words = alternatives(self.events)
        if self.count != 1:
            words += f" at least {self.count} times"
        words += self._where()
        if self.within is not None:
            words += f" within {duration_text(self.within)}"
        return f"{words} {_SINCE[self.since or since]}"

    def explain(self, explainer: Explainer) -> Node:
        """The count, and until when the window leaves it high enough."""
        have, instants = self.occurrences(explainer)
        missing = max(0, self.count - have)
        until = None
        if not missing and self.within is not None:
            until = instants[-self.count] + self.within
        return Node(
            condition=self.kind,
            text=explainer.text(self),
            holds=not missing,
            have=have,
            need=self.count,
            satisfied_by=(
                with_obstacle(self._more(missing), self._obstacles(explainer)) if missing else None
            ),
            events=self.events if missing else (),
            until=until,
        )

    def _obstacles(self, explainer: Explainer) -> Iterator[str | None]:
        """Why the newest touchpoints of the events do not count, where a kind is the reason."""
        for touchpoint in explainer.recent:
            if touchpoint.event in self.events:
                for each in self.where:
                    value = value_at(touchpoint.properties, tuple(each.path.split(".")))
                    yield obstacle(each, value)

    def tracker(self, place: Place, facts: FactRegistry) -> Tracker:
        """The fact that the condition reads at `place`."""
        since = self.since or place.since
        group = place.group if since is Since.CYCLE else None
        # By repr, because True and 1 compare equal and would share a fact otherwise.
        compared = repr((self.events, self.where, self.within))
        kind = CountTracker if self.within is None else WindowTracker
        return facts.tracker(
            ("touchpoint", compared, since.value, group or ""),
            lambda number: kind(
                number=number,
                events=self.events,
                accepts=accepts_properties(self.where),
                since=since,
                group=group,
                keep=self.count,
            ),
            keep=self.count,
        )

    def occurrences(self, explainer: Explainer) -> tuple[int, list[datetime]]:
        """The count, up to the most that the fact keeps, and the instants still in the window."""
        number = self.tracker(explainer.place, explainer.facts).number
        if self.within is None:
            return explainer.state.counts.get(number, 0), []
        times = explainer.state.times.get(number, [])
        inside = [each for each in times if explainer.now - each < self.within]
        return len(inside), inside

    def _more(self, missing: int) -> str:
        words = alternatives(self.events)
        if missing > 1 or self.count > 1:
            words += f" {counted(missing, 'more time')}"
        return words + self._where()

    def _where(self) -> str:
        return f" where {' and '.join(map(comparison, self.where))}" if self.where else ""
