"""`any`: at least one part holds."""

from dataclasses import dataclass
from typing import ClassVar

from shared.journey.condition import Check, Condition, Explainer, Node, events_of
from shared.journey.facts import FactRegistry, Place
from shared.journey.trackers import Since


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf(Condition):
    """At least one part holds."""

    kind: ClassVar[str] = "any"
    parts: tuple[Condition, ...]

    def inside(self) -> tuple[Condition, ...]:
        """The parts."""
        return self.parts

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Disjunction of the parts, in their order."""
        checks = tuple(part.compile(place, facts) for part in self.parts)
        if len(checks) == 1:
            return checks[0]
        if len(checks) == 2:  # noqa: PLR2004 - the common case, spared a loop
            first, second = checks
            return lambda state, at: first(state, at) or second(state, at)
        return lambda state, at: any(check(state, at) for check in checks)

    def sentence(self, since: Since) -> str:
        """The parts have sentences of their own."""
        del since
        return "at least one of these holds"

    def explain(self, explainer: Explainer) -> Node:
        """How many parts hold; satisfied by what any of them needs."""
        parts = tuple(part.explain(explainer) for part in self.parts)
        holding = [part for part in parts if part.holds]
        words = [part.satisfied_by for part in parts if part.satisfied_by is not None]
        return Node(
            condition=self.kind,
            text=explainer.text(self),
            holds=bool(holding),
            have=len(holding),
            need=1,
            satisfied_by=None if holding or not words else ", or ".join(words),
            events=() if holding else events_of(parts),
            parts=parts,
        )
