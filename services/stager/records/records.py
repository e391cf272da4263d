"""What a batch takes in and what it gives back: decoded records, events, the result and its tally."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from services.stager.identity.names import EventNames, Key
from services.stager.records.decode import Poison, decode
from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.eventlog.port import Record
from shared.journey.model import Transition
from shared.telemetry.metrics import Metrics

STALL = "stall"
"""`alert.kind` of a visit that lasts too long."""


class DecodedRecord(msgspec.Struct, frozen=True, gc=False):
    """A record of the log with what its bytes mean."""

    record: Record
    content: Envelope | Poison

    @property
    def source(self) -> str:
        """Id of the source that sent the record; empty where its bytes hold none."""
        return self.content.source or ""


def decode_all(records: Iterable[Record], *, max_bytes: int) -> list[DecodedRecord]:
    """Decode records. Pure; about 3 us each."""
    return [DecodedRecord(each, decode(each.value, max_bytes=max_bytes)) for each in records]


class BatchEvent(msgspec.Struct, eq=False, gc=False):
    """A touchpoint, or a request to erase a person, on its way through one transaction."""

    partition: int
    envelope: Envelope
    text: str
    """What table `touchpoint` keeps."""
    names: EventNames
    person: str | None = None
    subject: str = ""
    is_tracked: bool = False
    """Whether the event may change a row of `member`."""

    @property
    def key(self) -> Key:
        """Workspace and message id; events with equal keys count once."""
        return (self.envelope.workspace_id, self.envelope.message_id)


def is_about_accounts(envelope: Envelope) -> bool:
    """Whether an event merges or unmerges accounts."""
    return envelope.type == "merge" or (
        envelope.type == "unmerge" and envelope.previous_account_id is not None
    )


def without_person(envelope: Envelope) -> Envelope:
    """A merge of accounts without the person that it may name.

    It says nothing about people: erasing the person who reported it must not undo the merge. The operator
    who gave a reason stays: that is a key, and no customer.
    """
    return msgspec.structs.replace(
        envelope,
        user_id=None,
        anonymous_id=None,
        email=None,
        external_id=None,
        previous_id=None,
        previous_names=[],
        role=None,
        logged_by=envelope.logged_by if envelope.reason is not None else None,
        traits={},
        context={},
    )


def stored_text(record: Record, envelope: Envelope) -> str:
    """What table `touchpoint` keeps: the bytes as they came, but a merge is encoded again."""
    if is_about_accounts(envelope):
        return wire.encode(envelope).decode()
    return (record.value or b"").decode()


@dataclass(slots=True)
class Tally:
    """What a transaction wrote, for metrics and its log line."""

    transitions: dict[str, int] = field(default_factory=dict)
    refolds: dict[str, int] = field(default_factory=dict)
    refolded_touchpoints: int = 0
    alerts_opened: int = 0
    alerts_resolved: int = 0

    def transition(self, t: Transition) -> None:
        """Count one written transition."""
        self.transitions[t.kind] = self.transitions.get(t.kind, 0) + 1

    def refold(self, reason: str, touchpoints: int) -> None:
        """Count one re-folded subject, of whose history so many touchpoints were folded."""
        self.refolds[reason] = self.refolds.get(reason, 0) + 1
        self.refolded_touchpoints += touchpoints

    def report(self, metrics: Metrics) -> None:
        """Add a committed transaction to the metrics."""
        for kind, number in self.transitions.items():
            metrics.stager_transitions.labels(kind).inc(number)
        for reason, number in self.refolds.items():
            metrics.stager_refolds.labels(reason).inc(number)
        if self.refolded_touchpoints:
            metrics.stager_refolded_touchpoints.inc(self.refolded_touchpoints)
        if self.alerts_opened:
            metrics.stager_alerts_opened.labels(STALL).inc(self.alerts_opened)
        if self.alerts_resolved:
            metrics.stager_alerts_resolved.labels(STALL).inc(self.alerts_resolved)


@dataclass(slots=True)
class BatchResult:
    """What one committed transaction did."""

    records: int = 0
    applied: int = 0
    duplicate: int = 0
    with_other_content: int = 0
    """Duplicates that say something else than the event whose message id they have."""
    dead: int = 0
    erased: int = 0
    retracted: int = 0
    received_at: list[datetime] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    next_offsets: dict[int, int] = field(default_factory=dict)
    is_unapplicable: bool = False
    """Whether this was one record that decoded well and could not be applied."""
    source: str = ""
    """Id of the source of that record."""
