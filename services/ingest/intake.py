"""From the items of one request to the records that go into the log and the refusals told. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.ingest.adapters.strict_json import TOO_DEEP, hazard
from services.ingest.candidate import Candidate
from services.ingest.door.admission import Correction, admit
from services.ingest.limits import MAX_DEPTH, Limits
from services.ingest.verdicts import Refused, event_too_large
from shared.contracts.envelope import Envelope, encode
from shared.eventlog.port import NewRecord
from shared.keys.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What becomes of one request's items. `refused` has the position of each in the request."""

    records: Sequence[NewRecord]
    envelopes: Sequence[Envelope]
    """What `records` hold, in their order."""
    refused: Sequence[tuple[int, Refused]]
    corrections: Mapping[Correction, int]


def take_in(
    items: Sequence[Candidate | Refused],
    *,
    principal: Principal,
    received_at: datetime,
    limits: Limits,
) -> Intake:
    """Admit or refuse each item, in order."""
    records: list[NewRecord] = []
    envelopes: list[Envelope] = []
    refused: list[tuple[int, Refused]] = []
    corrections: dict[Correction, int] = {}
    for index, item in enumerate(items):
        verdict = (
            item
            if isinstance(item, Refused)
            else admit(item, principal=principal, received_at=received_at)
        )
        if isinstance(verdict, Refused):
            refused.append((index, verdict))
            continue
        envelope = verdict.envelope
        try:
            value = encode(envelope)
        except RecursionError:
            refused.append((index, TOO_DEEP))
            continue
        if len(value) > limits.max_event_bytes:
            refused.append((index, event_too_large(limits.max_event_bytes)))
            continue
        # Whoever nests deep has many brackets; nearly nobody has, and is not walked.
        if value.count(b"{") + value.count(b"[") > MAX_DEPTH and _nests_too_deep(envelope):
            refused.append((index, TOO_DEEP))
            continue
        if verdict.correction is not Correction.NONE:
            corrections[verdict.correction] = corrections.get(verdict.correction, 0) + 1
        records.append(NewRecord(key=envelope.partition_key(), value=value))
        envelopes.append(envelope)
    return Intake(records=records, envelopes=envelopes, refused=refused, corrections=corrections)


def _nests_too_deep(envelope: Envelope) -> bool:
    objects = (envelope.properties, envelope.traits, envelope.account_traits, envelope.context)
    return any(hazard(value, depth=2) is TOO_DEEP for value in objects)
