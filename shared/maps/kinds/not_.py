"""`{not: ...}`, as written in a map."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from shared.journey.kinds.not_ import Not
from shared.maps.problems import Path
from shared.maps.rules import Rule, RuleModel


class NotRule(RuleModel):
    """The part does not hold."""

    kind: ClassVar[str] = "not"
    not_: Rule = Field(alias="not")

    def inside(self) -> Iterator[tuple[Path, RuleModel]]:
        """The part."""
        yield ("not",), self.not_

    def to_condition(self) -> Not:
        """The part, converted."""
        return Not(part=self.not_.to_condition())
