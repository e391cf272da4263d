"""`idle`: no touchpoint at all for a duration."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from shared.journey.condition import Check, Condition, Explainer, Needs, Node, checked_duration
from shared.journey.facts import FactRegistry, Place
from shared.journey.kinds.waiting import waiting_node
from shared.journey.phrases import duration_text
from shared.journey.state import State
from shared.journey.trackers import Since


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleFor(Condition):
    """No touchpoint at all for `duration`; false before the first one."""

    kind: ClassVar[str] = "idle"
    duration: timedelta

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Comparison of the time since the last touchpoint."""
        del place, facts
        duration = checked_duration(self.duration)

        def idle(state: State, at: datetime) -> bool:
            return state.last is not None and at - state.last.occurred_at >= duration

        return idle

    def needs(self, place: Place, facts: FactRegistry) -> Needs:
        """The idle time."""
        del place, facts
        return Needs(idles=frozenset({self.duration}))

    def sentence(self, since: Since) -> str:
        """For example: "no touchpoint for 30 days"."""
        del since
        return f"no touchpoint for {duration_text(self.duration)}"

    def explain(self, explainer: Explainer) -> Node:
        """Seconds since the last touchpoint."""
        last = explainer.state.last
        start = None if last is None else last.occurred_at
        return waiting_node(self, explainer, start=start, duration=self.duration)
