"""Types of single fields that several models share."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, StringConstraints

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


def _within_calendar(instant: datetime) -> datetime:
    # Outside of these bounds an offset or a window leads out of the calendar of Python or Postgres.
    if not _FIRST <= instant < _END:
        message = "an instant lies between 1970 and 9999"
        raise ValueError(message)
    return instant


RequestInstant = Annotated[AwareDatetime, AfterValidator(_within_calendar)]
"""An instant in a request, with its offset."""


def without_nul(text: str) -> str:
    """The text itself. Raises ValueError if it holds NUL, which Postgres does not store."""
    if "\0" in text:
        message = "text holds no NUL"
        raise ValueError(message)
    return text


Status = Literal["not_started", "active", "stalled", "ended"]
OnJourney = Literal["active", "stalled", "ended"]
