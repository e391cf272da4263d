"""Segment's HTTP Tracking API: `track`, `identify`, `page`, `screen`, `group`, `alias`, `batch`.

Tolerant where its SDKs are: ids may be numbers, times may lack an offset (UTC is meant) or be
epoch numbers, unknown fields are left alone, an outer `context` fills in for the items.
Source: the SDKs' own code and Segment's specification.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import msgspec

from services.ingest.adapters import strict_json
from services.ingest.candidate import NOT_AN_OBJECT, ForeignCandidate, build, is_email
from services.ingest.limits import Limits
from services.ingest.verdicts import (
    BodyCode,
    BodyRefused,
    Code,
    Refused,
    event_too_large,
    too_many_events,
)
from shared.contracts.envelope import MAX_EVENT_CHARS

Call = Literal["track", "identify", "page", "screen", "group", "alias"]
TYPES: tuple[Call, ...] = get_args(Call)

_EVENT_NAMES: dict[Call, str] = {
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "Person Identified",
    "group": "Account Identified",
    "alias": "Person Aliased",
}
"""Calls without an event name of their own, in the object-action convention."""

_SECONDS_IN_MILLISECONDS = 1e11
"""An epoch number above this (year 5138 in seconds) is in milliseconds, as JavaScript sends it."""

_UNKNOWN_TYPE = Refused(Code.UNKNOWN_TYPE, f"`type` is one of {', '.join(TYPES)}.")
_NO_EVENT = Refused(Code.MISSING_EVENT, "`event` is required in a track call.")
_BAD_TIME = Refused(Code.INVALID_OCCURRED_AT, "`timestamp` is an ISO 8601 instant.")
BAD_BATCH = BodyRefused(
    BodyCode.INVALID_BATCH, "The body is a JSON object; that of a batch has an array `batch`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a body holds: items in the order sent, and the key if the body names one."""

    items: Sequence[ForeignCandidate | Refused]
    write_key: str | None


class _Outer(msgspec.Struct, frozen=True):
    """What surrounds the items; of a single call only these fields are looked at here."""

    batch: list[msgspec.Raw] | None = None
    sentAt: object = None  # noqa: N815 - Segment's spelling
    context: object = None
    writeKey: object = None  # noqa: N815


_outer = msgspec.json.Decoder(_Outer)


def parse(body: bytes, call: Call | None, limits: Limits) -> Parsed | BodyRefused:
    """Candidates of one call, or of a batch when `call` is None."""
    problem = strict_json.outer_problem(body)
    if problem is not None:
        return problem
    outer = _surroundings(body, is_batch=call is None)
    if isinstance(outer, BodyRefused):
        return outer
    write_key = outer.writeKey if isinstance(outer.writeKey, str) else None
    raws: Sequence[bytes | msgspec.Raw] = [body] if call else outer.batch or ()
    if len(raws) > limits.max_events:
        return too_many_events(limits.max_events)
    items = [_item(bytes(raw), call, outer, limits) for raw in raws]
    return Parsed(items=items, write_key=write_key)


def _surroundings(body: bytes, *, is_batch: bool) -> _Outer | BodyRefused:
    for text in (body, strict_json.without_lone_surrogates(body)):
        try:
            outer = _outer.decode(text)
        except RecursionError:
            return strict_json.TOO_DEEP_BODY
        except msgspec.ValidationError:
            return BAD_BATCH
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        return BAD_BATCH if is_batch and outer.batch is None else outer
    return strict_json.MALFORMED_BODY


def _item(
    text: bytes, call: Call | None, outer: _Outer, limits: Limits
) -> ForeignCandidate | Refused:
    if len(text) > limits.max_event_bytes:
        return event_too_large(limits.max_event_bytes)
    payload = strict_json.decode(text)
    if isinstance(payload, Refused):
        return payload
    if not isinstance(payload, dict):
        return NOT_AN_OBJECT
    kind = call or _kind(payload)
    if kind is None:
        return _UNKNOWN_TYPE
    sent_at = payload.get("sentAt") if call else outer.sentAt
    return _mapped(payload, kind, sent_at, {} if call else outer.context)


def _kind(payload: Mapping[str, Any]) -> Call | None:
    return next((kind for kind in TYPES if kind == payload.get("type")), None)


def _mapped(
    payload: Mapping[str, Any], kind: Call, sent_at: object, outer_context: object
) -> ForeignCandidate | Refused:
    event = payload.get("event") if kind == "track" else _EVENT_NAMES[kind]
    if event is None:
        return _NO_EVENT
    told = payload.get("timestamp")
    if told is None:
        told = payload.get("originalTimestamp")
    occurred_at = _instant(told)
    if told is not None and occurred_at is None:
        return _BAD_TIME
    context = {**_object(outer_context), **_object(payload.get("context"))}
    traits = context.pop("traits", None)
    own_traits = payload.get("traits")
    if kind == "group":
        account_id, account_traits = payload.get("groupId"), own_traits
    else:
        account_id, account_traits = context.pop("groupId", None), None
        # Some SDKs put an identify call's traits into the context.
        traits = {**_object(traits), **own_traits} if isinstance(own_traits, dict) else traits
    return build(
        {
            "type": kind,
            "event": event,
            "account_id": _id(account_id),
            "user_id": _id(payload.get("userId")),
            "anonymous_id": _id(payload.get("anonymousId")),
            "previous_id": _id(payload.get("previousId")),
            "email": _email(traits),
            "occurred_at": occurred_at,
            "original_timestamp": told if isinstance(told, str) else None,
            "sent_at": _instant(sent_at),
            "message_id": _id(payload.get("messageId")),
            "properties": _properties(payload, kind),
            "traits": traits,
            "account_traits": account_traits,
            "context": context,
        }
    )


def _properties(payload: Mapping[str, Any], kind: Call) -> object:
    properties = payload.get("properties")
    if kind not in ("page", "screen") or not isinstance(properties, dict | None):
        return properties
    named = {key: payload[key] for key in ("name", "category") if payload.get(key) is not None}
    return {**named, **(properties or {})}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _id(value: object) -> object:
    """Numbers are ids too; blank means absent. What is neither is refused by the check of form."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else value


def _email(traits: object) -> str | None:
    """E-mail among the traits, if it is one; a trait is not refused for its content."""
    email = _object(traits).get("email")
    if not isinstance(email, str) or len(email) > MAX_EVENT_CHARS or not is_email(email.strip()):
        return None
    return email.strip()


def _instant(value: object) -> datetime | None:
    """Instant of a string or an epoch number, or None when it is none."""
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value.strip())
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= _SECONDS_IN_MILLISECONDS else value
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
