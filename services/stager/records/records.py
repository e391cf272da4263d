"""What goes into a batch and what comes out of it: records with their meaning, and the tally."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from services.stager.identity.names import Key, Named
from services.stager.records.decode import Poison, decode
from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.eventlog.port import Record
from shared.journey.model import Transition
from shared.telemetry.metrics import Metrics

STALL = "stall"
"""`alert.kind` of a visit that lasts too long."""


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A record with what its bytes mean."""

    record: Record
    content: Envelope | Poison


def take(records: Iterable[Record], *, max_bytes: int) -> list[Taken]:
    """Decode records. Pure; about 3 us each."""
    return [Taken(each, decode(each.value, max_bytes=max_bytes)) for each in records]


@dataclass(slots=True)
class Tally:
    """What a transaction did, for metrics and its log line."""

    transitions: dict[str, int] = field(default_factory=dict)
    refolds: dict[str, int] = field(default_factory=dict)
    alerts_opened: int = 0
    alerts_resolved: int = 0

    def transition(self, t: Transition) -> None:
        """Count one written transition."""
        self.transitions[t.kind] = self.transitions.get(t.kind, 0) + 1

    def refold(self, reason: str) -> None:
        """Count one subject folded anew."""
        self.refolds[reason] = self.refolds.get(reason, 0) + 1

    def report(self, metrics: Metrics) -> None:
        """Add what was committed to the metrics."""
        for kind, number in self.transitions.items():
            metrics.stager_transitions.labels(kind).inc(number)
        for reason, number in self.refolds.items():
            metrics.stager_refolds.labels(reason).inc(number)
        if self.alerts_opened:
            metrics.stager_alerts_opened.labels(STALL).inc(self.alerts_opened)
        if self.alerts_resolved:
            metrics.stager_alerts_resolved.labels(STALL).inc(self.alerts_resolved)


@dataclass(slots=True)
class Stored:
    """What one committed transaction did."""

    records: int = 0
    applied: int = 0
    duplicate: int = 0
    dead: int = 0
    erased: int = 0
    received_at: list[datetime] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    next_offsets: dict[int, int] = field(default_factory=dict)
    is_condemned: bool = False
    """Whether this was one record that decoded well and could not be applied."""


class Event(msgspec.Struct, eq=False, gc=False):
    """A touchpoint, or a request to forget somebody, on its way through one transaction."""

    partition: int
    envelope: Envelope
    text: str
    named: Named
    person: str | None = None
    subject: str = ""
    is_followed: bool = False
    """Whether it may change what is known of its person."""

    @property
    def key(self) -> Key:
        """Workspace and message id: what counts once."""
        return (self.envelope.workspace_id, self.envelope.message_id)


def of_accounts(envelope: Envelope) -> Envelope:
    """A merge of accounts without the person that it may name.

    It says nothing about people: forgetting whoever reported it must not part the accounts again.
    """
    return msgspec.structs.replace(
        envelope,
        user_id=None,
        anonymous_id=None,
        email=None,
        previous_id=None,
        role=None,
        logged_by=None,
        traits={},
        context={},
    )


def text_of(record: Record, envelope: Envelope) -> str:
    """What `touchpoint` keeps: the record as it came, but for a merge, which is told anew."""
    if envelope.type == "merge":
        return wire.encode(envelope).decode()
    return (record.value or b"").decode()
