"""`{in_stage: 14d}` and `{in_stage: {for: 14d, stage: trial}}`, as written in a map."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from shared.journey.kinds.in_stage import InStageFor
from shared.maps.problems import Path
from shared.maps.rules import MapPart, RuleModel
from shared.maps.values import Duration, Key, timedelta_of


class InStageDetail(MapPart):
    """A visit, of one stage if named, and its length."""

    for_: Duration = Field(alias="for")
    stage: Key | None = None


class InStageRule(RuleModel):
    """The present visit has lasted so long."""

    kind: ClassVar[str] = "in_stage"
    needs_stage: ClassVar[bool] = True
    in_stage: Annotated[
        InStageDetail,
        BeforeValidator(
            lambda value: value if isinstance(value, dict | InStageDetail) else {"for": value},
            json_schema_input_type=InStageDetail | Duration,
        ),
    ]

    def stages(self) -> Iterator[tuple[Path, str]]:
        """The stage, if one is named."""
        if self.in_stage.stage is not None:
            yield ("in_stage", "stage"), self.in_stage.stage

    def to_condition(self) -> InStageFor:
        """The same, in the engine's types."""
        return InStageFor(duration=timedelta_of(self.in_stage.for_), stage=self.in_stage.stage)
