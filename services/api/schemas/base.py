"""Bases of the models: what a request holds, what a response holds, a page of a list."""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from services.api.cursors import MAX_CHARS

T = TypeVar("T")

Example = dict[str, Any]
"""A body as the published document shows it, beside its model; it fits the model (tested)."""


class RequestModel(BaseModel):
    """Base of query strings and bodies: an unknown name is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseModel(BaseModel):
    """Base of responses: every field is always present, null where it has no value."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class PageQuery(RequestModel):
    """Size and start of a page."""

    limit: int = Field(default=50, ge=1, le=200, description="Most items of one page.")
    cursor: str | None = Field(
        default=None,
        max_length=MAX_CHARS,
        description="`next_cursor` of the page before, with the same filters.",
    )


class ListOf(ResponseModel, Generic[T]):
    """A page of a list; see `services.api.pagination`.

    A list is a named subclass (`class Alerts(ListOf[Alert])`): its name is that of the schema in the
    published document.
    """

    items: list[T]
    next_cursor: str | None
