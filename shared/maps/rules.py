"""Conditions as they are written in a map: one mapping with one telling key each.

`event never trait idle in_stage milestone` ask, `all any not` combine. engine.py turns them into
`shared.journey.conditions`.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from typing_extensions import TypeAliasType

from shared.maps.values import Count, Duration, Key, Ordered, PropertyPath, Scalar, Words, complain

KINDS = ("all", "any", "not", "event", "never", "trait", "idle", "in_stage", "milestone")
"""The telling keys; a condition has exactly one of them."""


class Part(BaseModel):
    """Base of every part of a map: unknown keys are refused, nothing is coerced or changed."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
        defer_build=True,  # compiled once, as a part of the whole: `MapDocument`
    )


class Comparison(Part):
    """How a property or trait must compare; several must all hold. Unlike types never match."""

    eq: Scalar | None = None
    ne: Scalar | None = None
    in_: list[Scalar] | None = Field(default=None, alias="in", min_length=1, max_length=200)
    exists: bool | None = None
    gt: Ordered | None = None
    gte: Ordered | None = None
    lt: Ordered | None = None
    lte: Ordered | None = None
    contains: Scalar | None = None
    starts_with: str | None = None

    @model_validator(mode="after")
    def _compares(self) -> "Comparison":
        if not self.comparisons():
            complain("comparison", "nothing is compared", "write for example `{gte: 5}`")
        return self

    def comparisons(self) -> list[tuple[str, Any]]:
        """Operators that are used, each with what it compares with, in the order declared here."""
        return [
            (field.alias or name, value)
            for name, field in Comparison.model_fields.items()
            if (value := getattr(self, name)) is not None
        ]


def _comparison(value: object) -> object:
    if isinstance(value, dict | Comparison):
        return value
    if isinstance(value, list):
        return {"in": value}
    if value is None:
        complain("comparison", "there is nothing to compare with", "is it set? `{exists: true}`")
    return {"eq": value}


Where = dict[
    PropertyPath,
    Annotated[
        Comparison,
        BeforeValidator(
            _comparison, json_schema_input_type=Comparison | str | bool | int | float | list[Scalar]
        ),
    ],
]
"""Properties by path; plain text, a number or a boolean means `eq`, a list means `in`."""
Since = Literal["visit", "cycle", "ever"]


class EventRule(Part):
    """One of the events happened, at least `count` times, within the last `within`."""

    event: Words
    where: Where = Field(default_factory=dict)
    count: Count = 1
    within: Duration | None = None
    since: Since | None = None


class NeverDetail(Part):
    """Events that must not have happened."""

    event: Words
    where: Where = Field(default_factory=dict)
    within: Duration | None = None
    since: Since | None = None


class NeverRule(Part):
    """None of the events happened, within the last `within` if given."""

    never: NeverDetail


class TraitDetail(Comparison):
    """The newest value of a trait compares as asked."""

    of: Literal["account", "person"]
    name: PropertyPath


class TraitRule(Part):
    """A trait of the account, or of any of its persons, compares as asked."""

    trait: TraitDetail


class IdleRule(Part):
    """No touchpoint at all for so long."""

    idle: Duration


class InStageDetail(Part):
    """A visit, of one stage if named, and its length."""

    for_: Duration = Field(alias="for")
    stage: Key | None = None


class InStageRule(Part):
    """The present visit has lasted so long."""

    in_stage: Annotated[
        InStageDetail,
        BeforeValidator(
            lambda value: value if isinstance(value, dict | InStageDetail) else {"for": value},
            json_schema_input_type=InStageDetail | Duration,
        ),
    ]


class MilestoneRule(Part):
    """The milestone was reached in this cycle."""

    milestone: Key


class AllRule(Part):
    """Every part holds."""

    all: list["Rule"] = Field(min_length=1)


class AnyRule(Part):
    """At least one part holds."""

    any: list["Rule"] = Field(min_length=1)


class NotRule(Part):
    """The part does not hold."""

    not_: "Rule" = Field(alias="not")


def kind_of(value: object) -> str | None:
    """Tag of the condition that a mapping is meant to be, by its telling key."""
    if isinstance(value, dict):
        return next((f"<{kind}>" for kind in KINDS if kind in value), None)
    return next((tag for tag, model in MODELS.items() if isinstance(value, model)), None)


AnyKindOfRule = (
    AllRule | AnyRule | NotRule | EventRule | NeverRule | TraitRule | IdleRule | InStageRule
    | MilestoneRule
)  # fmt: skip

Rule = TypeAliasType(
    "Rule",
    Annotated[
        Annotated[AllRule, Tag("<all>")]
        | Annotated[AnyRule, Tag("<any>")]
        | Annotated[NotRule, Tag("<not>")]
        | Annotated[EventRule, Tag("<event>")]
        | Annotated[NeverRule, Tag("<never>")]
        | Annotated[TraitRule, Tag("<trait>")]
        | Annotated[IdleRule, Tag("<idle>")]
        | Annotated[InStageRule, Tag("<in_stage>")]
        | Annotated[MilestoneRule, Tag("<milestone>")],
        Discriminator(kind_of),
    ],
)

MODELS: dict[str, type[Part]] = {
    "<all>": AllRule,
    "<any>": AnyRule,
    "<not>": NotRule,
    "<event>": EventRule,
    "<never>": NeverRule,
    "<trait>": TraitRule,
    "<idle>": IdleRule,
    "<in_stage>": InStageRule,
    "<milestone>": MilestoneRule,
}
"""Models by the tag that pydantic puts into the place of an error."""
