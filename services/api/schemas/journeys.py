"""Journeys: the maps of a workspace, and the progress of their refolds."""

from typing import Any, Literal

from pydantic import Field

from services.api.schemas.base import Example, RequestModel, ResponseModel
from services.api.schemas.fields import Instant


class Refold(ResponseModel):
    """Progress of the refold that a published version caused, in accounts."""

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
    is_default: bool = Field(description="Whether it answers queries that name no journey.")
    refold: Refold | None = Field(description="Null where no account had to be refolded.")


class Journeys(ResponseModel):
    """Every journey in force, in its newest version, by key."""

    items: list[JourneyItem]
    next_cursor: None = None


class JourneyQuery(RequestModel):
    """Version of the map."""

    version: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="A published version; absent: the newest."
    )


class JourneyDetail(ResponseModel):
    """One version of a map."""

    key: str
    title: str
    subject: Literal["account", "person"]
    version: int
    published_at: Instant
    published_by: str
    definition: dict[str, Any] = Field(description="The map as data, defaults included.")
    source: str = Field(description="The text as it was published.")
    is_retired: bool = Field(description="This version ended the journey; none has followed.")
    refold: Refold | None


class Published(ResponseModel):
    """Result of publishing a map."""

    key: str
    version: int
    changed: bool = Field(description="False if the newest version has the same definition.")


class Retired(ResponseModel):
    """Result of retiring a journey."""

    key: str
    version: int = Field(description="Number of the retirement among the journey's versions.")
    changed: bool = Field(description="False if the journey was retired already.")


class DefaultJourney(ResponseModel):
    """The journey that answers queries which name none."""

    key: str


class RolledBack(ResponseModel):
    """Result of rolling a journey back."""

    key: str
    version: int = Field(description="The new version.")
    restored: int = Field(description="The earlier version whose map it has.")


class Move(ResponseModel):
    """A number of subjects whose position would change. Null stages: not on the journey."""

    from_stage: str | None
    from_outcome: str | None
    to_stage: str | None
    to_outcome: str | None
    subjects: int


class Preview(ResponseModel):
    """What publishing a map would change."""

    key: str
    version: int | None = Field(description="The version in force; null if there is none.")
    total: int = Field(description="Subjects that the map decides.")
    folded: int = Field(description="Of these, the first by id that were folded for the preview.")
    placed: int = Field(description="Of those folded, on the journey now.")
    moving: int = Field(description="Of those placed, would stand elsewhere.")
    moves: list[Move] = Field(description="The most frequent first.")
    stages_added: list[str]
    stages_removed: list[str]
    outcomes_added: list[str]
    outcomes_removed: list[str]
    outcomes_changed: list[str] = Field(description="Kept, but defined in another way.")


_REFOLD_EXAMPLE: Example = {"done": 1200, "total": 4000, "is_finished": False, "finished_at": None}

JOURNEYS_EXAMPLE: Example = {
    "items": [
        {
            "key": "trial",
            "title": "Trial",
            "subject": "account",
            "version": 2,
            "published_at": "2026-03-01T08:00:00Z",
            "stages": ["started", "activated"],
            "is_default": True,
            "refold": _REFOLD_EXAMPLE,
        }
    ],
    "next_cursor": None,
}

MAP_EXAMPLE: Example = {
    "journey": "trial",
    "title": "Trial",
    "subject": "account",
    "stages": [
        {"key": "started", "title": "Started"},
        {"key": "activated", "title": "Activated", "enter": {"event": "Project Created"}},
    ],
}

MAP_YAML_EXAMPLE = """\
journey: trial
title: Trial
subject: account
stages:
  - key: started
    title: Started
  - key: activated
    title: Activated
    enter: {event: Project Created}
"""

JOURNEY_EXAMPLE: Example = {
    "key": "trial",
    "title": "Trial",
    "subject": "account",
    "version": 2,
    "published_at": "2026-03-01T08:00:00Z",
    "published_by": "4be0643f1d98",
    "definition": MAP_EXAMPLE,
    "source": MAP_YAML_EXAMPLE,
    "is_retired": False,
    "refold": _REFOLD_EXAMPLE,
}

PUBLISHED_EXAMPLE: Example = {"key": "trial", "version": 2, "changed": True}

UNCHANGED_EXAMPLE: Example = {"key": "trial", "version": 2, "changed": False}

RETIRED_EXAMPLE: Example = {"key": "trial", "version": 3, "changed": True}

DEFAULT_EXAMPLE: Example = {"key": "trial"}

ROLLED_BACK_EXAMPLE: Example = {"key": "trial", "version": 4, "restored": 2}

PREVIEW_EXAMPLE: Example = {
    "key": "trial",
    "version": 2,
    "total": 4000,
    "folded": 500,
    "placed": 480,
    "moving": 36,
    "moves": [
        {
            "from_stage": "activated",
            "from_outcome": None,
            "to_stage": "started",
            "to_outcome": None,
            "subjects": 36,
        }
    ],
    "stages_added": [],
    "stages_removed": ["invited"],
    "outcomes_added": [],
    "outcomes_removed": [],
    "outcomes_changed": ["lost"],
}
