"""The live view of a source: its newest events with their verdicts, and its usage. Pure.

A debugging aid and not a log: at high rates only a sample of the accepted events is kept, and events
that cannot be written are dropped. Only the counts in `SourceUsage` are complete.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from shared.ids import WorkspaceId

NO_SOURCE = "none"
"""In place of a source's id: the keys of a workspace that belong to no source. Ids begin with `src_`."""


class Outcome(StrEnum):
    """Verdict of ingest on an event."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The event is invalid, or the whole request is where no event is named."""
    DROPPED = "dropped"
    """The event is valid and must not be stored: suppressed, or without consent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEvent:
    """One event, or one rejected request, with its verdict. `source_id` may be NO_SOURCE.

    Personal data is as in the log: an identifier that the source's rules hash is hashed here, and a
    refused or dropped event keeps none.
    """

    workspace_id: WorkspaceId
    source_id: str
    received_at: datetime
    route: str
    outcome: Outcome
    code: str | None = None
    detail: str | None = None
    message_id: str | None = None
    event: str | None = None
    person: str | None = None
    account_id: str | None = None
    import_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUsage:
    """Events of a source on a UTC day: a total, or an increment of it."""

    workspace_id: WorkspaceId
    source_id: str
    day: date
    accepted: int = 0
    refused: int = 0
    dropped: int = 0


SourceEventWriter = Callable[[Sequence[SourceEvent], Sequence[SourceUsage]], Awaitable[None]]
"""Stores events and adds usage in one transaction. Raises TransientError while the database is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventNameCount:
    """Accepted events of one name, to be added to those before."""

    workspace_id: WorkspaceId
    event: str
    accepted: int
    seen_at: datetime
    """When the newest of them was received."""


EventNameWriter = Callable[[Sequence[EventNameCount]], Awaitable[None]]
"""Adds counts, which come sorted. Raises TransientError while the database is away."""
