"""Pieces that several calls share."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from services.api.cursors import MAX_CHARS
from shared.contracts.envelope import MAX_ID_CHARS

Id = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_ID_CHARS)]
"""An identifier as its owner wrote it; white space around it is dropped, as ingest does."""

SubjectId = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_ID_CHARS + 10)
]
"""An account's id, or a person's with its prefix, of which `anonymous:` is the longest."""

JourneyKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
StageKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=255)]

Instant = datetime
"""RFC 3339, UTC."""

_FIRST, _END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def _reckonable(instant: datetime) -> datetime:
    # Beyond these an offset or a window leads out of the calendar that we and the database share.
    if not _FIRST <= instant < _END:
        message = "an instant lies between 1970 and 9999"
        raise ValueError(message)
    return instant


AskedInstant = Annotated[AwareDatetime, AfterValidator(_reckonable)]
"""An instant that a caller names, with its offset."""


def without_nul(text: str) -> str:
    """The text itself. Raises ValueError for one that could not be stored."""
    if "\0" in text:
        message = "text holds no NUL"
        raise ValueError(message)
    return text


Status = Literal["not_started", "active", "stalled", "ended"]
OnJourney = Literal["active", "stalled", "ended"]


class Asked(BaseModel):
    """Base of what callers send: an unknown name is a mistake and is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """Base of what is answered: every field is always there, null where there is nothing."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class PageQuery(Asked):
    """How much of a list, and from where."""

    limit: int = Field(default=50, ge=1, le=200, description="Most items of one page.")
    cursor: str | None = Field(
        default=None,
        max_length=MAX_CHARS,
        description="`next_cursor` of the page before, with the same filters.",
    )


def cause(*, message_id: str | None, event: str | None, timer: str | None) -> dict[str, Any]:
    """A transition's cause in the one of its forms that applies."""
    return {"timer": timer} if timer else {"message_id": message_id, "event": event}
