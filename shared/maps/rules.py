"""Conditions as they are written in a map: a mapping with exactly one key that names its kind.

The kinds are the modules of `shared.maps.kinds`, registered by `document.py`. Each converts itself to a
condition of the engine; nothing outside of them depends on which kinds there are.
"""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from shared.journey.condition import Condition
from shared.maps.problems import Path


class MapPart(BaseModel):
    """Base of every part of a map: unknown keys are refused, nothing is coerced or changed."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
        defer_build=True,  # compiled once, as a part of the whole: `MapDocument`
    )


class RuleModel(MapPart):
    """Base of a kind of condition as it is written. Paths are relative to the condition."""

    kind: ClassVar[str]
    """The key that names it."""
    needs_event: ClassVar[bool] = False
    """Whether it holds only after an event of the customer."""
    needs_stage: ClassVar[bool] = False
    """Whether it holds only on a stage."""

    @abstractmethod
    def to_condition(self) -> Condition:
        """The condition that the engine evaluates, with everything inside it."""

    def inside(self) -> Iterator[tuple[Path, "RuleModel"]]:
        """The conditions directly inside."""
        yield from ()

    def events(self) -> Iterator[tuple[Path, str]]:
        """Names of the events that the condition itself reads."""
        yield from ()

    def stages(self) -> Iterator[tuple[Path, str]]:
        """Keys of the stages that the condition itself names."""
        yield from ()

    def milestones(self) -> Iterator[tuple[Path, str]]:
        """Keys of the milestones that the condition itself names."""
        yield from ()


KINDS: dict[str, type[RuleModel]] = {}
"""Every kind by its key. A schema that was built before a kind was registered does not have it."""


def register(*models: type[RuleModel]) -> None:
    """Add kinds of condition, in the order in which the schema lists them."""
    KINDS.update((model.kind, model) for model in models)


def model_of(tag: object) -> type[RuleModel] | None:
    """Model of a tag that pydantic puts into the place of an error; None for anything else."""
    if isinstance(tag, str) and tag.startswith("<") and tag.endswith(">"):
        return KINDS.get(tag[1:-1])
    return None


def _tag_of(value: object) -> str | None:
    """Tag of the kind of a mapping, by its key, or of a model."""
    if isinstance(value, dict):
        return next((_tag(kind) for kind in KINDS if kind in value), None)
    return _tag(value.kind) if isinstance(value, RuleModel) else None


def _tag(kind: str) -> str:
    # Brackets keep tags apart from the map's own keys in the place of an error.
    return f"<{kind}>"


class _RegisteredKinds:
    """Schema of a condition: the registered kind whose key it has."""

    def __get_pydantic_core_schema__(
        self,
        source: Any,  # noqa: ANN401 - pydantic's signature
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return core_schema.tagged_union_schema(
            {_tag(kind): handler.generate_schema(model) for kind, model in KINDS.items()},
            discriminator=_tag_of,
        )


Rule = TypeAliasType("Rule", Annotated[RuleModel, _RegisteredKinds()])


def walk(path: Path, rule: RuleModel) -> Iterator[tuple[Path, RuleModel]]:
    """The condition and everything inside it, outermost first, with places."""
    yield path, rule
    for inner, part in rule.inside():
        yield from walk((*path, *inner), part)
