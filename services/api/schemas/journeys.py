"""Journeys: the maps of a workspace and how far their newest version has been applied."""

from typing import Any, Literal

from pydantic import Field

from services.api.schemas.base import RequestModel, ResponseModel
from services.api.schemas.fields import Instant


class Refold(ResponseModel):
    """How far the accounts have been placed anew by a published version."""

    done: int
    total: int
    is_finished: bool
    finished_at: Instant | None


class JourneyItem(ResponseModel):
    """A journey in the list."""

    key: str
    title: str
    subject: Literal["account", "person"]
    version: int
    published_at: Instant
    stages: list[str] = Field(description="Stage keys in order.")
    refold: Refold | None = Field(description="Null where nothing had to be placed anew.")


class Journeys(ResponseModel):
    """Every journey of the workspace in its newest version, by key."""

    items: list[JourneyItem]
    next_cursor: None = None


class JourneyQuery(RequestModel):
    """Which version."""

    version: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="A published version; the newest if absent."
    )


class JourneyDetail(ResponseModel):
    """One version of a map."""

    key: str
    title: str
    subject: Literal["account", "person"]
    version: int
    published_at: Instant
    published_by: str
    definition: dict[str, Any] = Field(description="The map as data, defaults spelled out.")
    source: str = Field(description="The text as it was published.")
    refold: Refold | None


class Published(ResponseModel):
    """What publishing did."""

    key: str
    version: int
    changed: bool = Field(description="False where the newest version says the same already.")
