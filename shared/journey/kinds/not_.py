"""`not`: the part does not hold."""

from dataclasses import dataclass
from typing import ClassVar

from shared.journey.condition import Check, Condition, Explainer, Node
from shared.journey.facts import FactRegistry, Place
from shared.journey.trackers import Since


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Condition):
    """The part does not hold."""

    kind: ClassVar[str] = "not"
    part: Condition

    def inside(self) -> tuple[Condition, ...]:
        """The part."""
        return (self.part,)

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Negation of the part."""
        check = self.part.compile(place, facts)
        return lambda state, at: not check(state, at)

    def sentence(self, since: Since) -> str:
        """The part has a sentence of its own."""
        del since
        return "this does not hold"

    def explain(self, explainer: Explainer) -> Node:
        """Holds from when the part ends until it begins."""
        part = self.part.explain(explainer)
        return Node(
            condition=self.kind,
            text=explainer.text(self),
            holds=not part.holds,
            satisfied_by=None if not part.holds or part.until is None else "waiting",
            at=part.until,
            until=part.at,
            parts=(part,),
        )
