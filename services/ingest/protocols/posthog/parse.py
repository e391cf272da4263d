"""PostHog's capture calls: one event, an array of them, or `{"api_key", "batch": [...]}`.

Events are decoded one by one, so that an invalid one is refused alone. The key is beside the events or
inside of them; two different keys in one request are refused.
Source: the SDKs' own code.
"""

import base64
import binascii
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec

from services.ingest.events import strict_json
from services.ingest.events.candidate import NOT_AN_OBJECT, ForeignItem
from services.ingest.events.clock_faces import reading
from services.ingest.events.conversion import Converted
from services.ingest.events.verdicts import BodyCode, BodyRefused, Refused, too_many_events
from services.ingest.limits import Limits
from services.ingest.protocols.posthog.event import RequestFields, key_in, to_candidate
from shared.contracts.envelope import MAX_MESSAGE_ID_CHARS

BAD_BATCH = BodyRefused(
    BodyCode.INVALID_BATCH,
    "The body is an event, an array of events, or an object with an array `batch`.",
)
TWO_KEYS = BodyRefused(
    BodyCode.INVALID_BATCH, "The events of one request are sent with one and the same key."
)
BAD_FORM = BodyRefused(
    BodyCode.BROKEN_ENCODING, "`data` of a form is base64, of JSON or of gzip of it."
)

_PERCENT = {
    b"%2B": b"+", b"%2F": b"/", b"%3D": b"=", b"%2b": b"+", b"%2f": b"/", b"%3d": b"=",
}  # fmt: skip
_FIELD = b"data="
_BASE64 = (string.ascii_letters + string.digits + "+/=_ -").encode()
_URL_SAFE = bytes.maketrans(b"-_ ", b"+/+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedEvents:
    """Items of a body in their order, the `uuid` of each, and the key."""

    items: Sequence[ForeignItem]
    uuids: Sequence[str | None]
    api_key: str | None


class _Outer(msgspec.Struct, frozen=True, gc=False):
    """Fields beside the events of a batch, or among those of a single event."""

    batch: list[msgspec.Raw] | None = None
    api_key: Any = None
    token: Any = None
    sent_at: Any = None
    historical_migration: Any = None


class _Named(msgspec.Struct, frozen=True, gc=False):
    """The id of an event that is invalid otherwise."""

    uuid: str | None = None


_outer = msgspec.json.Decoder(_Outer)
_named = msgspec.json.Decoder(_Named)
_many = msgspec.json.Decoder(list[msgspec.Raw])
_any = msgspec.json.Decoder()


def parse(body: bytes, request: RequestFields, limits: Limits) -> ParsedEvents | BodyRefused:
    """Candidates and refusals of a body."""
    problem = strict_json.outer_problem(body)
    if problem is not None:
        return problem
    split = _split(body.strip())
    if isinstance(split, BodyRefused):
        return split
    text, outer, raws = split
    if len(raws) > limits.max_events:
        return too_many_events(limits.max_events)
    request = replace(
        request,
        sent_at=reading(outer.sent_at) or request.sent_at,
        is_historical=outer.historical_migration is True,
    )
    # A repaired body holds hazards in place of its invalid parts.
    read = strict_json.decode if strict_json.may_hold_hazards(text) else _read
    events = [read(raw) for raw in raws]
    api_key = _text(outer.api_key) or _text(outer.token)
    if api_key is None:
        keys = {key for event in events if (key := _key(event)) is not None}
        if len(keys) > 1:
            return TWO_KEYS
        api_key = next(iter(keys), None)
    return ParsedEvents(
        items=Converted(events, partial(_item, request=request)),
        uuids=[_uuid(event, raw) for event, raw in zip(events, raws, strict=True)],
        api_key=api_key,
    )


def form_data(body: bytes) -> bytes | BodyRefused | None:
    """The decoded field `data` of a form; None for a body that is not such a form.

    Percent-encoding can only concern the three characters of base64 that need it.
    """
    start = 0 if body.startswith(_FIELD) else body.find(b"&" + _FIELD) + 1
    if not body.startswith(_FIELD, start):
        return None
    start += len(_FIELD)
    end = body.find(b"&", start)
    text = body[start : end if end >= 0 else len(body)]
    for coded, plain in _PERCENT.items():
        text = text.replace(coded, plain)
    return base64_decoded(text)


def base64_decoded(text: bytes) -> bytes | BodyRefused:
    """Decoded base64, in either alphabet, padded or not."""
    if text.translate(None, _BASE64):
        return BAD_FORM
    text = text.translate(_URL_SAFE).rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return BAD_FORM


def _split(body: bytes) -> tuple[bytes, _Outer, list[bytes]] | BodyRefused:
    """The body, repaired if necessary, the fields beside its events, and each event as raw JSON."""
    for repair in (bytes, strict_json.repaired):
        text = repair(body)
        try:
            if text.startswith(b"["):
                return text, _Outer(), [bytes(raw) for raw in _many.decode(text)]
            outer = _outer.decode(text)
        except RecursionError:
            return strict_json.TOO_DEEP_BODY
        except msgspec.ValidationError:
            return BAD_BATCH
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if outer.batch is None:
            return text, outer, [text]
        return text, outer, [bytes(raw) for raw in outer.batch]
    return strict_json.MALFORMED_BODY


def _read(raw: bytes) -> object | Refused:
    return strict_json.read(raw, _any.decode)


def _item(event: object, request: RequestFields) -> ForeignItem:
    if isinstance(event, Refused):
        return event
    return to_candidate(event, request) if isinstance(event, dict) else NOT_AN_OBJECT


def _key(event: object) -> str | None:
    if not isinstance(event, dict):
        return None
    properties = event.get("properties")
    own = key_in(event)
    return key_in(properties) if own is None and isinstance(properties, dict) else own


def _uuid(event: object, raw: bytes) -> str | None:
    """The `uuid` of an event, also of a refused one; None for text that cannot be an id."""
    if isinstance(event, dict):
        uuid = _text(event.get("uuid"))
    else:
        try:
            uuid = _named.decode(raw).uuid
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
    is_id = uuid is not None and len(uuid) <= MAX_MESSAGE_ID_CHARS and "\0" not in uuid
    return uuid if is_id else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
