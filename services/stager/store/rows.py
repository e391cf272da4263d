"""Rows as the stager reads and writes them; what the pure modules and the store share."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import msgspec

Row = tuple[Any, ...]
JourneyKey = tuple[int, str, str]
"""Workspace, subject, journey."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A row of `touchpoint`, its envelope still undecoded. A struct, for histories are long."""

    message_id: str
    subject_id: str
    person_id: str | None
    envelope: str


@dataclass(frozen=True, slots=True)
class CurrentTransition:
    """A transition that is not superseded; `facts` is all that makes two of them the same move."""

    transition_id: int
    facts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """A stall alert, with the visit that it is about."""

    alert_id: str
    state: str
    resolution: str | None
    resolved_at: datetime | None
    visit: tuple[str, int, datetime]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row of `dead_letter` that is to be published."""

    dead_letter_id: int
    workspace_id: int
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A change of `suppression`, with the key that its digest was made with."""

    change: int
    workspace_id: int
    digest: bytes
    is_erased: bool
    """False for one who is only not to be followed, or who was let in again."""
    is_linked: bool
    """Whether the name led to a stronger one of the same person."""
    hash_key: bytes


@dataclass(slots=True)
class Forgotten:
    """What there is to remove about people who are to be forgotten."""

    names: list[tuple[int, str]] = field(default_factory=list)
    """All their names."""
    subjects: list[tuple[int, str]] = field(default_factory=list)
    """Subjects that nothing is left of: the names, and accounts that only these people had."""
    messages: list[tuple[int, str]] = field(default_factory=list)
    """Touchpoints, already removed."""
    tombstones: list[tuple[int, bytes, bool]] = field(default_factory=list)
    """Workspace, digest, whether the name led to a stronger one."""
    requests: list[tuple[int, str, int]] = field(default_factory=list)
    """Workspace, message id, touchpoints removed."""


@dataclass(frozen=True, slots=True)
class Advance:
    """How far one partition has got with a batch."""

    partition: int
    expected: int
    """Offset that must be stored for the batch to count."""
    following: int
    applied: int
    duplicate: int
    dead: int
    erased: int = 0
    """Records of people who are to be forgotten, and the requests for that."""
    forgotten: int = 0
    """Touchpoints removed because of these."""


@dataclass(frozen=True, slots=True)
class Job:
    """A row of `refold_job` that is not finished."""

    workspace_id: int
    journey: str
    version: int
    cursor: str
    done: int
    total: int


@dataclass(slots=True)
class Writes:
    """Rows to write; each list holds tuples in the order of its statement's columns."""

    links_new: list[Row] = field(default_factory=list)
    links_changed: list[Row] = field(default_factory=list)
    moved: list[Row] = field(default_factory=list)
    touchpoints_gone: list[Row] = field(default_factory=list)
    members_gone: list[Row] = field(default_factory=list)
    members: list[Row] = field(default_factory=list)
    subjects: list[Row] = field(default_factory=list)
    placements_gone: list[Row] = field(default_factory=list)
    placements: list[Row] = field(default_factory=list)
    superseded: list[Row] = field(default_factory=list)
    transitions: list[Row] = field(default_factory=list)
    deadlines_gone: list[Row] = field(default_factory=list)
    deadlines: list[Row] = field(default_factory=list)
    alerts_gone: list[Row] = field(default_factory=list)
    alerts: list[Row] = field(default_factory=list)
    outbox: list[Row] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return any(getattr(self, each.name) for each in fields(self))
