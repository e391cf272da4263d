"""`{milestone: first_value}`, as written in a map."""

from collections.abc import Iterator
from typing import ClassVar

from shared.journey.kinds.milestone import MilestoneReached
from shared.maps.problems import Path
from shared.maps.rules import RuleModel
from shared.maps.values import Key


class MilestoneRule(RuleModel):
    """The milestone was reached in this cycle."""

    kind: ClassVar[str] = "milestone"
    milestone: Key

    def milestones(self) -> Iterator[tuple[Path, str]]:
        """The milestone."""
        yield ("milestone",), self.milestone

    def to_condition(self) -> MilestoneReached:
        """The same, in the engine's types."""
        return MilestoneReached(milestone=self.milestone)
