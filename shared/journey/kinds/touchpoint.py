"""`touchpoint`: any touchpoint at all, the implied `enter` of a first stage that has none."""

from dataclasses import dataclass
from typing import ClassVar

from shared.journey.condition import Check, Condition, Explainer, Node
from shared.journey.facts import FactRegistry, Place
from shared.journey.trackers import Since


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyTouchpoint(Condition):
    """There has been a touchpoint. Maps cannot write it: it is what a missing `enter` means."""

    kind: ClassVar[str] = "touchpoint"

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Whether the state has a last touchpoint."""
        del place, facts
        return lambda state, _: state.last is not None

    def sentence(self, since: Since) -> str:
        """No variants."""
        del since
        return "any touchpoint"

    def explain(self, explainer: Explainer) -> Node:
        """Satisfied by whatever happens first."""
        text, holds = explainer.text(self), explainer.state.last is not None
        return Node(
            condition=self.kind, text=text, holds=holds, satisfied_by=None if holds else text
        )
