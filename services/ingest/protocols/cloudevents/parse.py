"""CloudEvents 1.0 over HTTP: binary, structured, batched.

Mapping:
- `id` and `source` together are the message id, `time` is when it happened, `type` is the event's name;
- with a `type` of `stageline.touchpoint.v1`, `data` is a native touchpoint;
- otherwise `data` are the properties, and person and account are in extension attributes (`accountid`,
  `userid`, `anonymousid`, `email`), in `data` under our names or in camel case, or in `subject`; records of
  providers are in extension attributes (`externalid`, `accountexternalid`) or in `subject` alone.

Source: CloudEvents 1.0.2, its JSON format and its HTTP protocol binding.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from services.ingest.events import strict_json
from services.ingest.events.candidate import NOT_AN_OBJECT, Item, build_native
from services.ingest.events.conversion import Converted
from services.ingest.events.verdicts import (
    BodyCode,
    BodyRefused,
    RefusalCode,
    Refused,
    event_too_large,
    too_many_events,
)
from services.ingest.limits import Limits
from shared.contracts.envelope import MAX_MESSAGE_ID_CHARS
from shared.contracts.names import ANONYMOUS, EMAIL, EXTERNAL, USER

TOUCHPOINT_TYPE = "stageline.touchpoint.v1"
"""`type` of an event whose `data` is a native touchpoint."""

STRUCTURED = b"application/cloudevents+json"
BATCHED = b"application/cloudevents-batch+json"

_PREFIX = b"ce-"
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_ESCAPED = re.compile(rb"\\(.)")
_IDENTITIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "account_id": ("accountid", ("accountid", "account_id", "accountId")),
    "user_id": ("userid", ("userid", "user_id", "userId")),
    "anonymous_id": ("anonymousid", ("anonymousid", "anonymous_id", "anonymousId")),
    "email": ("email", ("email",)),
    "external_id": ("externalid", ()),
    "account_external_id": ("accountexternalid", ()),
}
"""Field to its extension attribute, and to its names in `data`, where an `external_id` may be anything's."""
_CORE = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema"}
    | {"data", "data_base64"}
)
_PERSONS = {USER: "user_id", EXTERNAL: "external_id", EMAIL: "email", ANONYMOUS: "anonymous_id"}

_raw_many = msgspec.json.Decoder(list[msgspec.Raw])


def parse_binary(
    headers: Iterable[tuple[bytes, bytes]], content_type: bytes, body: bytes, limits: Limits
) -> Item:
    """One event whose attributes are headers and whose data is the body."""
    if len(body) > limits.max_event_bytes:
        return event_too_large(limits.max_event_bytes)
    attributes: dict[str, Any] = {}
    for name, value in headers:
        if name.startswith(_PREFIX):
            try:
                text = unquote_to_bytes(_unquoted(value)).decode()
            except UnicodeDecodeError:
                return _NOT_UTF8
            attributes[name.removeprefix(_PREFIX).decode("latin-1")] = text
    data = _body(content_type, body)
    return data if isinstance(data, Refused) else _event({**attributes, **data})


def _unquoted(value: bytes) -> bytes:
    """A header's value without the optional quotes (RFC 9110, 5.6.4) that the binding allows."""
    return _ESCAPED.sub(rb"\1", value[1:-1]) if _QUOTED.fullmatch(value) else value


def _body(content_type: bytes, body: bytes) -> dict[str, Any] | Refused:
    """The body in the JSON format: `data`, or `data_base64` for one that is neither JSON nor text."""
    if not body:
        return {}
    if _is_json(content_type):
        data = strict_json.decode(body)
        return data if isinstance(data, Refused) else {"data": data}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        encoded = base64.b64encode(body).decode()
        return {"data_base64": encoded, "datacontenttype": content_type.decode("latin-1")}
    return strict_json.hazard(text) or {"data": text}


def parse_structured(body: bytes, limits: Limits) -> Item | BodyRefused:
    """One event as a JSON object."""
    problem = strict_json.outer_problem(body)
    return problem if problem is not None else _item(body, limits)


def parse_batch(body: bytes, limits: Limits) -> Sequence[Item] | BodyRefused:
    """Events as a JSON array, each with its own verdict."""
    problem = strict_json.outer_problem(body)
    if problem is not None:
        return problem
    for repair in (bytes, strict_json.repaired):
        try:
            raws = _raw_many.decode(repair(body))
        except RecursionError:
            return strict_json.TOO_DEEP_BODY
        except msgspec.ValidationError:
            return BAD_BATCH
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if len(raws) > limits.max_events:
            return too_many_events(limits.max_events)
        return Converted(raws, lambda raw: _item(bytes(raw), limits))
    return strict_json.MALFORMED_BODY


def _item(text: bytes, limits: Limits) -> Item:
    if len(text) > limits.max_event_bytes:
        return event_too_large(limits.max_event_bytes)
    value = strict_json.decode(text)
    if isinstance(value, Refused):
        return value
    return _event(value) if isinstance(value, dict) else NOT_AN_OBJECT


def _event(attributes: Mapping[str, Any]) -> Item:
    """The candidate of one event, its attributes and its data side by side."""
    if attributes.get("specversion") != "1.0":
        return _VERSION
    names = [attributes.get(name) for name in ("id", "source", "type")]
    if not all(isinstance(name, str) and name for name in names):
        return _ATTRIBUTES
    # Headers are not checked yet; attributes in JSON are checked twice, which is cheap: they are short.
    unfit = strict_json.hazard(
        {k: v for k, v in attributes.items() if k not in {"data", "data_base64"}}
    )
    if unfit is not None:
        return unfit
    data = _data(attributes)
    if isinstance(data, Refused):
        return data
    fixed = {
        "message_id": _message_id(attributes["source"], attributes["id"]),
        "occurred_at": attributes.get("time"),
        "context": _context(attributes),
    }
    if attributes["type"] == TOUCHPOINT_TYPE:
        own = {name: value for name, value in data.items() if value is not None}
        return build_native(
            {**own, **{name: value for name, value in fixed.items() if value is not None}}
        )
    identity = _identity(attributes, data)
    channel = (
        {"channel": attributes["channel"]} if isinstance(attributes.get("channel"), str) else {}
    )
    return build_native(
        {"event": attributes["type"], **fixed, **identity, **channel, "properties": data}
    )


def _data(attributes: Mapping[str, Any]) -> dict[str, Any] | Refused:
    encoded = attributes.get("data_base64")
    if encoded is not None:
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError, TypeError):
            return _BASE64
        if not _is_json(str(attributes.get("datacontenttype", "")).encode()):
            return {"data_base64": encoded}
        decoded = strict_json.decode(raw)
        if isinstance(decoded, Refused):
            return decoded
        attributes = {"data": decoded}
    data = attributes.get("data")
    # PHP writes an empty object as an empty list.
    if data is None or data == []:
        return {}
    return data if isinstance(data, dict) else {"data": data}


def _identity(attributes: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    identity: dict[str, Any] = {}
    for field, (attribute, inner) in _IDENTITIES.items():
        named = [attributes.get(attribute), *(data.get(name) for name in inner)]
        value = next((each for each in named if each is not None and each != ""), None)
        if value is not None:
            is_number = isinstance(value, int) and not isinstance(value, bool)
            identity[field] = str(value) if is_number else value
    subject = attributes.get("subject")
    if identity or not isinstance(subject, str):
        return identity
    for prefix, field in _PERSONS.items():
        if subject.startswith(prefix):
            return {field: subject.removeprefix(prefix)}
    return {"account_id": subject}


def _context(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """All other attributes, so that nothing that was sent is lost."""
    kept = {name: value for name, value in attributes.items() if name not in _CORE}
    return {"cloudevent": {**kept, "source": attributes["source"], "type": attributes["type"]}}


def _message_id(source: str, event_id: str) -> str:
    """Message id: unique for each pair of source and id."""
    readable = f"ce:{source} {event_id}"
    if len(readable) <= MAX_MESSAGE_ID_CHARS and " " not in source:
        return readable
    pair = msgspec.json.encode([source, event_id])
    return f"ce:{blake2b(pair, digest_size=24).hexdigest()}"


def _is_json(content_type: bytes) -> bool:
    media_type = content_type.partition(b";")[0].strip().lower()
    return media_type in {b"", b"application/json", b"text/json"} or media_type.endswith(b"+json")


BAD_BATCH = BodyRefused(BodyCode.INVALID_BATCH, "A batch of CloudEvents is a JSON array.")
_VERSION = Refused(RefusalCode.INVALID_CLOUDEVENT, "`specversion` is 1.0.")
_ATTRIBUTES = Refused(
    RefusalCode.INVALID_CLOUDEVENT,
    "`id`, `source` and `type` are required: strings that are not empty.",
)
_BASE64 = Refused(RefusalCode.INVALID_CLOUDEVENT, "`data_base64` is a string in base64.")
_NOT_UTF8 = Refused(
    RefusalCode.INVALID_CLOUDEVENT,
    "Headers of a CloudEvent are UTF-8, percent-encoded where not ASCII.",
)
