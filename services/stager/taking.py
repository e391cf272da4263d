"""What goes into a batch and what comes out of it: records with their meaning, and the tally."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from services.stager.decode import Poison, decode
from services.stager.folding import Tally
from services.stager.identity import Key, Named
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
    received_at: list[datetime] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    next_offsets: dict[int, int] = field(default_factory=dict)
    is_condemned: bool = False
    """Whether this was one record that decoded well and could not be applied."""


class Event(msgspec.Struct, eq=False, gc=False):
    """A touchpoint on its way through one transaction."""

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
