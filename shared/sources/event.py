"""What a source shows of itself: its newest events with their verdicts, and what it used. Pure.

A view for whoever wires something up, not a record: at high rates only some of what was accepted is
kept, and what cannot be written is left out. Only what is counted in `SourceUsage` is complete.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from shared.ids import WorkspaceId


class Outcome(StrEnum):
    """What the door said."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Something is wrong with the event, or with the whole request where no event is named."""
    DROPPED = "dropped"
    """Nothing is wrong with it, and it is not wanted: suppressed, or without consent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEvent:
    """One event, or one request that was turned away, as it was seen at the door.

    Holds what the rules of the source let through and no more: a name that they hash is hashed here,
    and of what was refused or dropped nobody's name is kept.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUsage:
    """Events of a source on a UTC day: a total, or what has come on top of it."""

    workspace_id: WorkspaceId
    source_id: str
    day: date
    accepted: int = 0
    refused: int = 0
    dropped: int = 0


SourceEventWriter = Callable[[Sequence[SourceEvent], Sequence[SourceUsage]], Awaitable[None]]
"""Keeps events and adds usage, both or neither. Raises TransientError while it cannot."""
