"""Comparisons of properties and traits as they are written in a map, and as the engine has them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from shared.journey.comparison import Operator, Predicate
from shared.maps.rules import MapPart
from shared.maps.values import Ordered, PropertyPath, Scalar, refuse

Since = Literal["visit", "cycle", "ever"]


class Comparison(MapPart):
    """How a property or trait must compare; several must all hold.

    Unlike types never match, but for text that is exactly the number, truth value or date asked for.
    """

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
        if not self._used():
            refuse("comparison", "nothing is compared", "write for example `{gte: 5}`")
        return self

    def predicates(self, path: str) -> tuple[Predicate, ...]:
        """One predicate on `path` for each operator used, in the order declared here."""
        return tuple(
            Predicate(
                path=path,
                operator=Operator(operator),
                value=tuple(value) if isinstance(value, list) else value,
            )
            for operator, value in self._used()
        )

    def _used(self) -> list[tuple[str, Any]]:
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
        refuse("comparison", "there is nothing to compare with", "is it set? `{exists: true}`")
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


def predicates_of(where: Where) -> tuple[Predicate, ...]:
    """All predicates of `where`, in its order."""
    return tuple(
        predicate for path, comparison in where.items() for predicate in comparison.predicates(path)
    )
