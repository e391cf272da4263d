"""`{any: [...]}`, as written in a map."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from shared.journey.kinds.any import AnyOf
from shared.maps.problems import Path
from shared.maps.rules import Rule, RuleModel


class AnyRule(RuleModel):
    """At least one part holds."""

    kind: ClassVar[str] = "any"
    any: list[Rule] = Field(min_length=1)

    def inside(self) -> Iterator[tuple[Path, RuleModel]]:
        """The parts."""
        for number, part in enumerate(self.any):
            yield ("any", number), part

    def to_condition(self) -> AnyOf:
        """The parts, converted."""
        return AnyOf(parts=tuple(part.to_condition() for part in self.any))
