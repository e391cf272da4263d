"""What goes into a batch and what comes out of it: records with their meaning, and the tally."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from services.stager.decode import Poison, decode
from services.stager.folding import Tally
from services.stager.links import Key, Named
from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.eventlog.port import Record


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A record with what its bytes mean."""

    record: Record
    content: Envelope | Poison


def take(records: Iterable[Record], *, max_bytes: int) -> list[Taken]:
    """Decode records. Pure; about 3 us each."""
    return [Taken(each, decode(each.value, max_bytes=max_bytes)) for each in records]


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
