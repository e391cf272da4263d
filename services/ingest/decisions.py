"""Steps 4 and 5 of a request: its items are validated, pass the privacy rules and become records. Pure."""

import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from msgspec.structs import replace

from services.ingest.events.candidate import Candidate
from services.ingest.events.joins import REPLACED_TIME, Remark, remark
from services.ingest.events.strict_json import TOO_DEEP, hazard
from services.ingest.events.verdicts import Dropped, Refused, event_too_large
from services.ingest.gatekeeper.rules import Sender
from services.ingest.limits import MAX_DEPTH, MAX_UNMAPPED_BYTES, Limits
from services.ingest.validation import ClockCorrection, shared_fields, validate
from shared.contracts.envelope import Envelope, encode
from shared.contracts.message_ids import narrowed
from shared.eventlog.port import NewRecord
from shared.sources.hashing import person_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Verdicts on the items of one request; `refused` and `dropped` hold the position of each item."""

    records: Sequence[NewRecord]
    envelopes: Sequence[Envelope]
    """The contents of `records`, in their order."""
    refused: Sequence[tuple[int, Refused]]
    dropped: Sequence[tuple[int, Dropped]]
    """Not stored for a person's privacy; the response counts them as accepted."""
    corrections: Mapping[ClockCorrection, int]
    ignored: Sequence[tuple[int, Mapping[str, str]]] = ()
    """Accepted events without ids that named nobody: position, and field to the text as sent."""
    remarks: Sequence[tuple[int, Remark]] = ()
    """Accepted events that say less than their sender may expect."""
    replaced_times: Sequence[str] = ()
    """Message ids of accepted events whose time could not be right."""

    @property
    def accepted(self) -> int:
        """Events that the response reports as accepted."""
        return len(self.records) + len(self.dropped)


def decide(  # noqa: C901, PLR0912, PLR0915 - the way of one event, step by step
    items: Sequence[Candidate | Refused],
    *,
    sender: Sender,
    received_at: datetime,
    limits: Limits,
    first: int = 0,
) -> Decisions:
    """Accept, drop or refuse each item, in order; `first` is the position of the first in its request."""
    records: list[NewRecord] = []
    envelopes: list[Envelope] = []
    refused: list[tuple[int, Refused]] = []
    dropped: list[tuple[int, Dropped]] = []
    corrections: dict[ClockCorrection, int] = {}
    ignored: list[tuple[int, Mapping[str, str]]] = []
    remarks: list[tuple[int, Remark]] = []
    replaced_times: list[str] = []
    common = shared_fields(sender.principal, received_at)
    apply_rules = sender.rules.events.apply
    forms = sender.rules.names
    for index, item in enumerate(items, first):
        valid = item if isinstance(item, Refused) else validate(item, common, forms, index)
        if isinstance(valid, Refused):
            refused.append((index, valid))
            continue
        try:
            is_unmapped = valid.envelope.type == "unmapped"
            max_bytes = MAX_UNMAPPED_BYTES if is_unmapped else limits.max_event_bytes
            envelope = apply_rules(valid.envelope, max_bytes=max_bytes)
            if isinstance(envelope, Refused):
                refused.append((index, envelope))
                continue
            if isinstance(envelope, Dropped):
                dropped.append((index, envelope))
                continue
            if envelope.type == "erase":
                envelope = _named_by_person(envelope, sender)
            elif envelope.reason is not None:
                envelope = _named_by_what_it_says(envelope, sender)
            value = encode(envelope)
        except RecursionError:
            refused.append((index, TOO_DEEP))
            continue
        if len(value) > max_bytes:
            refused.append((index, event_too_large(max_bytes)))
            continue
        # Deep nesting takes many brackets: an event with few of them needs no walk.
        if value.count(b"{") + value.count(b"[") > MAX_DEPTH and _nests_too_deep(envelope):
            refused.append((index, TOO_DEEP))
            continue
        if valid.correction is not ClockCorrection.NONE:
            corrections[valid.correction] = corrections.get(valid.correction, 0) + 1
        if envelope.ignored_ids:
            ignored.append((index, envelope.ignored_ids))
        if valid.correction is ClockCorrection.ARRIVAL:
            remarks.append((index, REPLACED_TIME))
            replaced_times.append(envelope.message_id)
        if (envelope.type == "alias" or envelope.withheld) and (on_it := remark(envelope)):
            remarks.append((index, on_it))
        records.append(NewRecord(key=envelope.partition_key(), value=value))
        envelopes.append(envelope)
    return Decisions(
        records=records,
        envelopes=envelopes,
        refused=refused,
        dropped=dropped,
        corrections=corrections,
        ignored=ignored,
        replaced_times=replaced_times,
        remarks=remarks,
    )


def _named_by_person(envelope: Envelope, sender: Sender) -> Envelope:
    """The request with a message id that counts once for its person.

    A request that repeats the id of another one, by mistake, would otherwise erase nobody. The digest is
    that of the suppression list, so the id tells no more than the list does.
    """
    person = envelope.person()
    if person is None:
        return envelope
    digest = person_digest(person, key=sender.rules.events.redaction.key)
    return replace(envelope, message_id=narrowed(envelope.message_id, digest))


def _named_by_what_it_says(envelope: Envelope, sender: Sender) -> Envelope:
    """The operator's statement with a message id that counts once for its verb and its two names.

    One case may take several statements, and the later ones would be lost without a word. The hash is keyed
    because the id outlives the names.
    """
    said = (
        envelope.type,
        envelope.account_id or envelope.person(),
        envelope.previous_account_id,
        *envelope.previous_names,
    )
    digest = hmac.digest(sender.rules.events.redaction.key, repr(said).encode(), sha256)
    return replace(envelope, message_id=narrowed(envelope.message_id, digest))


def merged(parts: Sequence[Decisions]) -> Decisions:
    """The verdicts on all parts of a request, in the order of its items."""
    corrections: Counter[ClockCorrection] = Counter()
    for part in parts:
        corrections.update(part.corrections)
    return Decisions(
        records=[record for part in parts for record in part.records],
        envelopes=[envelope for part in parts for envelope in part.envelopes],
        refused=[pair for part in parts for pair in part.refused],
        dropped=[pair for part in parts for pair in part.dropped],
        corrections=corrections,
        ignored=[pair for part in parts for pair in part.ignored],
        remarks=[pair for part in parts for pair in part.remarks],
        replaced_times=[name for part in parts for name in part.replaced_times],
    )


def _nests_too_deep(envelope: Envelope) -> bool:
    objects = (envelope.properties, envelope.traits, envelope.account_traits, envelope.context)
    return any(hazard(value, depth=2) is TOO_DEEP for value in objects)
