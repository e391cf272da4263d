"""From the items of one request to the records that go into the log and the refusals told. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.ingest.events.candidate import Candidate
from services.ingest.events.strict_json import TOO_DEEP, hazard
from services.ingest.events.verdicts import Dropped, Refused, event_too_large
from services.ingest.gatekeeper.rules import SourceRules
from services.ingest.limits import MAX_DEPTH, MAX_LETTER_BYTES, Limits
from services.ingest.validation import ClockCorrection, shared_fields, validate
from shared.contracts.envelope import Envelope, encode
from shared.eventlog.port import NewRecord
from shared.keys.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What becomes of one request's items; `refused` and `dropped` have the position of each."""

    records: Sequence[NewRecord]
    envelopes: Sequence[Envelope]
    """What `records` hold, in their order."""
    refused: Sequence[tuple[int, Refused]]
    dropped: Sequence[tuple[int, Dropped]]
    """Not kept out of respect for a person, and answered like what was accepted."""
    corrections: Mapping[ClockCorrection, int]

    @property
    def accepted(self) -> int:
        """Events that a sender is told to be accepted."""
        return len(self.records) + len(self.dropped)


def decide(
    items: Sequence[Candidate | Refused],
    *,
    principal: Principal,
    received_at: datetime,
    limits: Limits,
    door: SourceRules,
) -> Decisions:
    """Admit, drop or refuse each item, in order."""
    records: list[NewRecord] = []
    envelopes: list[Envelope] = []
    refused: list[tuple[int, Refused]] = []
    dropped: list[tuple[int, Dropped]] = []
    corrections: dict[ClockCorrection, int] = {}
    common = shared_fields(principal, received_at)
    for index, item in enumerate(items):
        verdict = item if isinstance(item, Refused) else validate(item, common)
        if isinstance(verdict, Refused):
            refused.append((index, verdict))
            continue
        try:
            envelope = door.apply(verdict.envelope)
            if isinstance(envelope, Refused):
                refused.append((index, envelope))
                continue
            if isinstance(envelope, Dropped):
                dropped.append((index, envelope))
                continue
            value = encode(envelope)
        except RecursionError:
            refused.append((index, TOO_DEEP))
            continue
        if len(value) > limits.max_event_bytes:
            is_letter = envelope.type == "unmapped"
            most = MAX_LETTER_BYTES if is_letter else limits.max_event_bytes
            if len(value) > most:
                refused.append((index, event_too_large(most)))
                continue
        # Whoever nests deep has many brackets; nearly nobody has, and is not walked.
        if value.count(b"{") + value.count(b"[") > MAX_DEPTH and _nests_too_deep(envelope):
            refused.append((index, TOO_DEEP))
            continue
        if verdict.correction is not ClockCorrection.NONE:
            corrections[verdict.correction] = corrections.get(verdict.correction, 0) + 1
        records.append(NewRecord(key=envelope.partition_key(), value=value))
        envelopes.append(envelope)
    return Decisions(
        records=records,
        envelopes=envelopes,
        refused=refused,
        dropped=dropped,
        corrections=corrections,
    )


def _nests_too_deep(envelope: Envelope) -> bool:
    objects = (envelope.properties, envelope.traits, envelope.account_traits, envelope.context)
    return any(hazard(value, depth=2) is TOO_DEEP for value in objects)
