"""Segment's HTTP Tracking API: `track`, `identify`, `page`, `screen`, `group`, `alias`, `batch`.

As tolerant as its SDKs require: ids may be numbers, times may lack an offset (UTC) or be epoch numbers,
unknown fields are ignored, an outer `context` fills in for the items. Clean bodies are decoded as a whole,
into calls of the form that the SDKs send. Items are decoded one by one only when that fails, so that each has
its own verdict and valid ones still pass.
Source: the SDKs' own code and Segment's specification.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from services.ingest.events import strict_json
from services.ingest.events.candidate import ForeignItem
from services.ingest.events.clock_faces import reading
from services.ingest.events.conversion import Converted
from services.ingest.events.verdicts import BodyCode, BodyRefused, Refused, too_many_events
from services.ingest.limits import Limits
from services.ingest.protocols.segment.call import (
    CallKind,
    OuterFields,
    SegmentCall,
    TypedSegmentCall,
    to_candidate,
)

BAD_BATCH = BodyRefused(
    BodyCode.INVALID_BATCH, "The body is a JSON object; that of a batch has an array `batch`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCalls:
    """Items of a body in their order, and the key if the body has one."""

    items: Sequence[ForeignItem]
    write_key: str | None


class _TypedBatch(OuterFields, frozen=True, kw_only=True):
    batch: list[TypedSegmentCall]


class _RawBatch(OuterFields, frozen=True, kw_only=True):
    batch: list[msgspec.Raw]


class _Keyed(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    write_key: Any = None


_typed_call = msgspec.json.Decoder(TypedSegmentCall)
_typed_batch = msgspec.json.Decoder(_TypedBatch)
_raw_batch = msgspec.json.Decoder(_RawBatch)
_around = msgspec.json.Decoder(OuterFields)
_keyed = msgspec.json.Decoder(_Keyed)
_call = msgspec.json.Decoder(SegmentCall)

_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_NOTHING: Mapping[str, Any] = {}


def parse(body: bytes, kind: CallKind | None, limits: Limits) -> ParsedCalls | BodyRefused:
    """Candidates of one call, or of a batch when `kind` is None."""
    problem = strict_json.outer_problem(body)
    if problem is not None:
        return problem
    if strict_json.may_hold_hazards(body):
        return parse_one_by_one(body, kind, limits)
    try:
        if kind is not None:
            call = _typed_call.decode(body)
            return _parsed([call], kind, call)
        batch = _typed_batch.decode(body)
    except _UNDECODABLE:
        return parse_one_by_one(body, kind, limits)
    if len(batch.batch) > limits.max_events:
        return too_many_events(limits.max_events)
    return _parsed(batch.batch, kind, batch)


def parse_one_by_one(
    body: bytes, kind: CallKind | None, limits: Limits
) -> ParsedCalls | BodyRefused:
    """The result of `parse`, by decoding item by item: several times the work."""
    outer = _outer_fields(body, is_batch=kind is None)
    if isinstance(outer, BodyRefused):
        return outer
    raws = outer.batch if isinstance(outer, _RawBatch) else [body]
    if len(raws) > limits.max_events:
        return too_many_events(limits.max_events)
    sent_at, shared = reading(outer.sent_at), _shared(outer, kind)

    def item(raw: msgspec.Raw | bytes) -> ForeignItem:
        call = strict_json.read(bytes(raw), _call.decode)
        if isinstance(call, Refused):
            return call
        return _without_hazard(to_candidate(call, kind, sent_at, shared))

    return ParsedCalls(items=Converted(raws, item), write_key=_key(outer))


def _outer_fields(body: bytes, *, is_batch: bool) -> OuterFields | BodyRefused:
    decoder = _raw_batch if is_batch else _around
    for repair in (bytes, strict_json.repaired):
        text = repair(body)
        try:
            return decoder.decode(text)
        except RecursionError:
            return strict_json.TOO_DEEP_BODY
        except msgspec.ValidationError:
            return BAD_BATCH if is_batch else _key_alone(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return strict_json.MALFORMED_BODY


def _key_alone(text: bytes) -> OuterFields | BodyRefused:
    """The key of a call whose other fields are invalid; the call itself is refused for those."""
    try:
        return OuterFields(write_key=_keyed.decode(text).write_key)
    except msgspec.ValidationError:
        return BAD_BATCH


def _parsed(calls: Sequence[SegmentCall], kind: CallKind | None, outer: OuterFields) -> ParsedCalls:
    sent_at, shared = reading(outer.sent_at), _shared(outer, kind)

    def item(call: SegmentCall) -> ForeignItem:
        return to_candidate(call, kind, sent_at, shared)

    return ParsedCalls(items=Converted(calls, item), write_key=_key(outer))


def _shared(outer: OuterFields, kind: CallKind | None) -> Mapping[str, Any]:
    """The context of a batch; a single call has none beside its own."""
    return outer.context if kind is None and isinstance(outer.context, dict) else _NOTHING


def _key(outer: OuterFields) -> str | None:
    return outer.write_key if isinstance(outer.write_key, str) else None


def _without_hazard(item: ForeignItem) -> ForeignItem:
    """Checks the candidate and not the call: fields that it does not keep cannot do harm."""
    if isinstance(item, Refused):
        return item
    return strict_json.hazard(msgspec.structs.asdict(item)) or item
