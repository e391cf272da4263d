"""Segment's HTTP Tracking API: `track`, `identify`, `page`, `screen`, `group`, `alias`, `batch`.

Tolerant where its SDKs are: ids may be numbers, times may lack an offset (UTC is meant) or be
epoch numbers, unknown fields are left alone, an outer `context` fills in for the items.
Clean bodies are decoded whole, into calls of the form that the SDKs send. Only when something is
wrong are the items looked at one by one, so that each gets its own verdict and the others still pass.
Source: the SDKs' own code and Segment's specification.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from services.ingest.events import strict_json
from services.ingest.events.candidate import ForeignCandidate
from services.ingest.events.verdicts import BodyCode, BodyRefused, Refused, too_many_events
from services.ingest.limits import Limits
from services.ingest.protocols.common.instants import instant
from services.ingest.protocols.segment.call import Around, Call, Kind, TypedCall, mapped

Item = ForeignCandidate | Refused

BAD_BATCH = BodyRefused(
    BodyCode.INVALID_BATCH, "The body is a JSON object; that of a batch has an array `batch`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a body holds: items in the order sent, and the key if the body names one."""

    items: Sequence[Item]
    write_key: str | None


class _TypedBatch(Around, frozen=True, kw_only=True):
    batch: list[TypedCall]


class _RawBatch(Around, frozen=True, kw_only=True):
    batch: list[msgspec.Raw]


class _Keyed(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    write_key: Any = None


_typed_call = msgspec.json.Decoder(TypedCall)
_typed_batch = msgspec.json.Decoder(_TypedBatch)
_raw_batch = msgspec.json.Decoder(_RawBatch)
_around = msgspec.json.Decoder(Around)
_keyed = msgspec.json.Decoder(_Keyed)
_call = msgspec.json.Decoder(Call)

_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_NOTHING: Mapping[str, Any] = {}


def parse(body: bytes, kind: Kind | None, limits: Limits) -> Parsed | BodyRefused:
    """Candidates of one call, or of a batch when `kind` is None."""
    problem = strict_json.outer_problem(body)
    if problem is not None:
        return problem
    if strict_json.may_hold_hazards(body):
        return carefully(body, kind, limits)
    try:
        if kind is not None:
            call = _typed_call.decode(body)
            return _parsed([call], kind, call)
        batch = _typed_batch.decode(body)
    except _UNDECODABLE:
        return carefully(body, kind, limits)
    if len(batch.batch) > limits.max_events:
        return too_many_events(limits.max_events)
    return _parsed(batch.batch, kind, batch)


def carefully(body: bytes, kind: Kind | None, limits: Limits) -> Parsed | BodyRefused:
    """What `parse` answers to a body that holds JSON, item by item; several times the work."""
    around = _surroundings(body, is_batch=kind is None)
    if isinstance(around, BodyRefused):
        return around
    raws = around.batch if isinstance(around, _RawBatch) else [body]
    if len(raws) > limits.max_events:
        return too_many_events(limits.max_events)
    calls = [strict_json.read(bytes(raw), _call.decode) for raw in raws]
    sent_at, shared = instant(around.sent_at), _shared(around, kind)
    items = [
        call if isinstance(call, Refused) else _without_hazard(mapped(call, kind, sent_at, shared))
        for call in calls
    ]
    return Parsed(items=items, write_key=_key(around))


def _surroundings(body: bytes, *, is_batch: bool) -> Around | BodyRefused:
    decoder = _raw_batch if is_batch else _around
    for mend in (bytes, strict_json.mended):
        text = mend(body)
        try:
            return decoder.decode(text)
        except RecursionError:
            return strict_json.TOO_DEEP_BODY
        except msgspec.ValidationError:
            return BAD_BATCH if is_batch else _key_alone(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return strict_json.MALFORMED_BODY


def _key_alone(text: bytes) -> Around | BodyRefused:
    """Of a call whose other fields cannot be read: what is wrong with them is told of the call itself."""
    try:
        return Around(write_key=_keyed.decode(text).write_key)
    except msgspec.ValidationError:
        return BAD_BATCH


def _parsed(calls: Sequence[Call], kind: Kind | None, around: Around) -> Parsed:
    sent_at, shared = instant(around.sent_at), _shared(around, kind)
    items = [mapped(call, kind, sent_at, shared) for call in calls]
    return Parsed(items=items, write_key=_key(around))


def _shared(around: Around, kind: Kind | None) -> Mapping[str, Any]:
    """The context of a whole batch; that of a single call is its own."""
    return around.context if kind is None and isinstance(around.context, dict) else _NOTHING


def _key(around: Around) -> str | None:
    return around.write_key if isinstance(around.write_key, str) else None


def _without_hazard(item: Item) -> Item:
    """Of what a call does not keep nothing can be hazardous, so this looks at what it became."""
    if isinstance(item, Refused):
        return item
    return strict_json.hazard(msgspec.structs.asdict(item)) or item
