"""`milestone`: a milestone was reached in the present cycle."""

from dataclasses import dataclass
from typing import ClassVar

from shared.journey.condition import Check, Condition, Explainer, Node, events_of
from shared.journey.facts import FactRegistry, Place
from shared.journey.trackers import Since


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneReached(Condition):
    """The milestone was reached in the present cycle."""

    kind: ClassVar[str] = "milestone"
    milestone: str

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Membership in the state's milestones."""
        del place, facts
        milestone = self.milestone
        return lambda state, _: milestone in state.milestones

    def named_milestones(self) -> tuple[str, ...]:
        """The milestone."""
        return (self.milestone,)

    def sentence(self, since: Since) -> str:
        """For example: "the milestone first_value is reached in this cycle"."""
        del since
        return f"the milestone {self.milestone} is reached in this cycle"

    def explain(self, explainer: Explainer) -> Node:
        """While it is not reached, the milestone's own condition stands below."""
        text = explainer.text(self)
        if self.milestone in explainer.state.milestones:
            return Node(condition=self.kind, text=text, holds=True)
        parts = explainer.milestone(self.milestone)
        return Node(
            condition=self.kind,
            text=text,
            holds=False,
            satisfied_by=next((part.satisfied_by for part in parts), None),
            events=events_of(parts),
            parts=parts,
        )
