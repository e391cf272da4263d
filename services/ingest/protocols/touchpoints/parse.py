"""`POST /v1/touchpoints`: an object, an array of objects, or one object a line.

Clean bodies are decoded as a whole, straight into candidates. Items are decoded one by one only when that
fails, so that each has its own verdict and valid ones still pass.
"""

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import msgspec

from services.ingest.events import strict_json
from services.ingest.events.candidate import NOT_AN_OBJECT, Candidate, Item, build_native
from services.ingest.events.conversion import Converted
from services.ingest.events.verdicts import BodyRefused, Refused, event_too_large, too_many_events
from services.ingest.limits import Limits

_T = TypeVar("_T")

_one = msgspec.json.Decoder(Candidate)
_many = msgspec.json.Decoder(list[Candidate])
_raw_one = msgspec.json.Decoder(msgspec.Raw)
_raw_many = msgspec.json.Decoder(list[msgspec.Raw])

_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def parse(body: bytes, *, is_ndjson: bool, limits: Limits) -> Sequence[Item] | BodyRefused:
    """Candidates and refusals in the order sent, or why the body as a whole is refused.

    Lines are recognized by trial, not by content type. With `is_ndjson` a broken line is refused alone.
    Blank lines do not count.
    """
    problem = strict_json.outer_problem(body)
    if problem is not None:
        return problem
    text = body.strip()
    is_array = text.startswith(b"[") and not is_ndjson
    if not strict_json.may_hold_hazards(text):
        try:
            return _within(_many.decode(text) if is_array else _one.decode_lines(text), limits)
        except _UNDECODABLE:
            pass  # decoding one by one finds the item and the reason
    items = _split(text, is_array=is_array, is_ndjson=is_ndjson)
    if isinstance(items, BodyRefused):
        return items
    bounded = _within(items, limits)
    if isinstance(bounded, BodyRefused):
        return bounded
    return Converted(bounded, partial(_item, limits=limits))


def _split(text: bytes, *, is_array: bool, is_ndjson: bool) -> Sequence[bytes] | BodyRefused:
    """The items of a body as raw JSON."""
    try:
        return _raw_items(text, is_array=is_array)
    except RecursionError:
        return strict_json.TOO_DEEP_BODY
    except msgspec.MsgspecError:
        pass
    lines = [stripped for line in text.split(b"\n") if (stripped := line.strip())]
    looks_like_lines = len(lines) > 1 and all(line.startswith(b"{") for line in lines)
    if is_ndjson or looks_like_lines:
        return lines
    try:
        return _raw_items(strict_json.repaired(text), is_array=is_array)
    except (msgspec.MsgspecError, RecursionError):
        return strict_json.MALFORMED_BODY


def _raw_items(text: bytes, *, is_array: bool) -> Sequence[bytes]:
    raws = _raw_many.decode(text) if is_array else _raw_one.decode_lines(text)
    return [bytes(raw) for raw in raws]


def _within(items: Sequence[_T], limits: Limits) -> Sequence[_T] | BodyRefused:
    return items if len(items) <= limits.max_events else too_many_events(limits.max_events)


def _item(text: bytes, limits: Limits) -> Item:
    if len(text) > limits.max_event_bytes:
        return event_too_large(limits.max_event_bytes)
    value = strict_json.decode(text)
    if isinstance(value, Refused):
        return value
    if not isinstance(value, dict):
        return NOT_AN_OBJECT
    try:
        candidate = _one.decode(text)
    except msgspec.ValidationError:
        return build_native(value)
    return strict_json.hazard(msgspec.structs.asdict(candidate)) or candidate
