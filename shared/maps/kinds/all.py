"""`{all: [...]}`, as written in a map."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from shared.journey.kinds.all import All
from shared.maps.problems import Path
from shared.maps.rules import Rule, RuleModel


class AllRule(RuleModel):
    """Every part holds."""

    kind: ClassVar[str] = "all"
    all: list[Rule] = Field(min_length=1)

    def inside(self) -> Iterator[tuple[Path, RuleModel]]:
        """The parts."""
        for number, part in enumerate(self.all):
            yield ("all", number), part

    def to_condition(self) -> All:
        """The parts, converted."""
        return All(parts=tuple(part.to_condition() for part in self.all))
