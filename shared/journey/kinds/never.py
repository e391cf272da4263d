"""`never`: touchpoints of some events did not happen."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from shared.journey.comparison import Predicate
from shared.journey.condition import Check, Condition, Explainer, Needs, Node
from shared.journey.facts import FactRegistry, Place
from shared.journey.kinds.performed import Performed
from shared.journey.phrases import alternatives
from shared.journey.trackers import Since


@dataclass(frozen=True, slots=True, kw_only=True)
class Never(Condition):
    """None of `events` happened, within the last `within` if given; `since` as in `Performed`.

    Holds from the beginning: nothing has to happen first.
    """

    kind: ClassVar[str] = "never"
    events: tuple[str, ...]
    where: tuple[Predicate, ...] = ()
    within: timedelta | None = None
    since: Since | None = None

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Negation of the events having happened once."""
        happened = self._opposite().compile(place, facts)
        return lambda state, at: not happened(state, at)

    def needs(self, place: Place, facts: FactRegistry) -> Needs:
        """The same as the opposite."""
        return self._opposite().needs(place, facts)

    def sentence(self, since: Since) -> str:
        """For example: "no Support Ticket Opened within 30 days in this cycle"."""
        return f"no {self._opposite().sentence(since)}"

    def explain(self, explainer: Explainer) -> Node:
        """The count, and from when the window will be empty."""
        have, instants = self._opposite().occurrences(explainer)
        at = instants[-1] + self.within if instants and self.within is not None else None
        return Node(
            condition=self.kind,
            text=explainer.text(self),
            holds=not have,
            have=have,
            need=0,
            satisfied_by=None if at is None else f"no {alternatives(self.events)} until then",
            at=at,
        )

    def _opposite(self) -> Performed:
        return Performed(events=self.events, where=self.where, within=self.within, since=self.since)
