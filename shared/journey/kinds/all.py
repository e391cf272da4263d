"""`all`: every part holds."""

from dataclasses import dataclass
from typing import ClassVar

from shared.journey.condition import Check, Condition, Explainer, Node, events_of
from shared.journey.facts import FactRegistry, Place
from shared.journey.trackers import Since


@dataclass(frozen=True, slots=True, kw_only=True)
class All(Condition):
    """Every part holds."""

    kind: ClassVar[str] = "all"
    parts: tuple[Condition, ...]

    def inside(self) -> tuple[Condition, ...]:
        """The parts."""
        return self.parts

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Conjunction of the parts, in their order."""
        checks = tuple(part.compile(place, facts) for part in self.parts)
        if len(checks) == 1:
            return checks[0]
        if len(checks) == 2:  # noqa: PLR2004 - the common case, spared a loop
            first, second = checks
            return lambda state, at: first(state, at) and second(state, at)
        return lambda state, at: all(check(state, at) for check in checks)

    def sentence(self, since: Since) -> str:
        """The parts have sentences of their own."""
        del since
        return "all of these hold"

    def explain(self, explainer: Explainer) -> Node:
        """How many parts hold; satisfied by all that the missing ones need."""
        parts = tuple(part.explain(explainer) for part in self.parts)
        missing = [part for part in parts if not part.holds]
        words = [part.satisfied_by for part in missing if part.satisfied_by is not None]
        return Node(
            condition=self.kind,
            text=explainer.text(self),
            holds=not missing,
            have=len(parts) - len(missing),
            need=len(parts),
            satisfied_by=" and ".join(words) if words and len(words) == len(missing) else None,
            events=events_of(missing),
            parts=parts,
        )
