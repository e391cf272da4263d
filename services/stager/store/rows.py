"""Rows as the stager reads and writes them; the pure modules share them with the SQL."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

Row = tuple[Any, ...]
JourneyKey = tuple[int, str, str]
"""Workspace, subject, journey."""


class StoredTouchpoint(msgspec.Struct, frozen=True, gc=False):
    """A row of `touchpoint`, its envelope undecoded. A struct, because histories are long."""

    message_id: str
    subject_id: str
    person_id: str | None
    envelope: str


@dataclass(frozen=True, slots=True)
class CurrentTransition:
    """A transition that is not superseded. Two with equal `facts` are the same move."""

    transition_id: int
    facts: tuple[Any, ...]

    @property
    def sequence(self) -> int:
        """Its number among those of the subject's journey."""
        sequence: int = self.facts[0]
        return sequence


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """A stall alert and its visit (stage, cycle, start)."""

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
    """A row of `suppression`, with the key of its digest."""

    change: int
    workspace_id: int
    digest: bytes
    is_erased: bool
    """False for a person who only opted out of tracking, or whose erasure was lifted."""
    is_linked: bool
    """Whether the name led to a stronger name of the same person."""
    hash_key: bytes


@dataclass(slots=True)
class Erasure:
    """What to remove of the persons that one batch erases."""

    names: list[tuple[int, str]] = field(default_factory=list)
    """All names of these persons."""
    subjects: list[tuple[int, str]] = field(default_factory=list)
    """Subjects that end: the names, and accounts whose only members were these persons."""
    messages: list[tuple[int, str]] = field(default_factory=list)
    """Touchpoints, which are deleted already."""
    tombstones: list[tuple[int, bytes, bool]] = field(default_factory=list)
    """Workspace, digest, whether the name led to a stronger one."""
    requests: list[tuple[int, str, int]] = field(default_factory=list)
    """Workspace, message id, number of touchpoints removed."""


class RetractionKind(StrEnum):
    """`retraction.kind`: what was taken back."""

    MESSAGE = "message"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class RetractionChange:
    """What the batches have to know of a row of `retraction`."""

    change: int
    workspace_id: int
    kind: str
    target: str


@dataclass(slots=True)
class PartitionProgress:
    """How far one partition gets by a batch: its offsets, and one verdict a record."""

    partition: int
    expected: int
    """Offset that must be stored for the batch to count."""
    next_offset: int
    applied: int = 0
    duplicate: int = 0
    dead: int = 0
    erased: int = 0
    """Records of erased persons, and requests to erase one."""
    touchpoints_erased: int = 0
    """Touchpoints that these requests removed; column `forgotten`."""
    retracted: int = 0
    """Records of events that were taken back, and requests to do so."""
    touchpoints_retracted: int = 0
    """Touchpoints that these requests removed; column `withdrawn`."""


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

    moved: list[Row] = field(default_factory=list)
    touchpoints_erased: list[Row] = field(default_factory=list)
    members_removed: list[Row] = field(default_factory=list)
    members: list[Row] = field(default_factory=list)
    subjects: list[Row] = field(default_factory=list)
    placements_removed: list[Row] = field(default_factory=list)
    placements: list[Row] = field(default_factory=list)
    superseded: list[Row] = field(default_factory=list)
    transitions: list[Row] = field(default_factory=list)
    deadlines_removed: list[Row] = field(default_factory=list)
    deadlines: list[Row] = field(default_factory=list)
    alerts_resolved: list[Row] = field(default_factory=list)
    alerts: list[Row] = field(default_factory=list)
    outbox: list[Row] = field(default_factory=list)
    snapshots_removed: list[Row] = field(default_factory=list)
    snapshots: list[Row] = field(default_factory=list)
