"""One call of Segment's API, and the touchpoint that it becomes. Pure.

Both ways of reading (see `segment`) meet in `to_candidate`, so that they cannot differ in meaning.
"""

from collections.abc import Mapping
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from msgspec import Meta

from services.ingest.events.candidate import ForeignCandidate, build, is_email
from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.protocols.common import campaign
from services.ingest.protocols.common.instants import instant
from shared.contracts.envelope import MAX_EVENT_CHARS, MAX_ID_CHARS, MAX_MESSAGE_ID_CHARS

CallKind = Literal["track", "identify", "page", "screen", "group", "alias"]
KINDS: tuple[CallKind, ...] = get_args(CallKind)
"""All that a sender may ask for; what else an envelope can be is not theirs to say."""

_EVENT_NAMES: dict[CallKind, str] = {
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "Person Identified",
    "group": "Account Identified",
    "alias": "Person Aliased",
}
"""Calls without an event name of their own, in the object-action convention."""

_UNKNOWN_TYPE = Refused(RefusalCode.UNKNOWN_TYPE, f"`type` is one of {', '.join(KINDS)}.")
_NO_EVENT = Refused(RefusalCode.MISSING_EVENT, "`event` is required in a track call.")
_BAD_TIME = Refused(RefusalCode.INVALID_OCCURRED_AT, "`timestamp` is an ISO 8601 instant.")


class OuterFields(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What surrounds the calls of a batch, and is beside the fields of a single one."""

    sent_at: Any = None
    context: Any = None
    write_key: Any = None


class SegmentCall(OuterFields, frozen=True, kw_only=True, gc=False):
    """What is looked at of a call, of whatever type it came. Other fields are left alone."""

    type: Any = None
    event: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    previous_id: Any = None
    group_id: Any = None
    message_id: Any = None
    timestamp: Any = None
    original_timestamp: Any = None
    name: Any = None
    category: Any = None
    properties: Any = None
    traits: Any = None


_Id = Annotated[str, Meta(max_length=MAX_ID_CHARS)] | int | None
_MessageId = Annotated[str, Meta(max_length=MAX_MESSAGE_ID_CHARS)] | int | None
_Time = str | float | None
_Object = dict[str, Any] | None


class TypedSegmentCall(SegmentCall, frozen=True, kw_only=True, gc=False):
    """A call as the SDKs send it: what has this form needs no further check of form."""

    type: CallKind | None = None
    event: Annotated[str, Meta(max_length=MAX_EVENT_CHARS)] | None = None
    user_id: _Id = None
    anonymous_id: _Id = None
    previous_id: _Id = None
    group_id: _Id = None
    message_id: _MessageId = None
    timestamp: _Time = None
    original_timestamp: _Time = None
    properties: _Object = None
    traits: _Object = None
    context: _Object = None


_TEXT = (str, NoneType)
"""What an id may stay as it is: to take out white space is the business of admission."""


def to_candidate(
    call: SegmentCall, kind: CallKind | None, sent_at: datetime | None, around: Mapping[str, Any]
) -> ForeignCandidate | Refused:
    """The touchpoint of one call, of the kind that it names itself where `kind` is None.

    `around` is the context that all calls of a batch share, `sent_at` when they were sent.

    Takes over the call's own context, which is another afterwards.
    """
    if kind is None:
        if call.type not in KINDS:
            return _UNKNOWN_TYPE
        kind = cast("CallKind", call.type)
    event = _EVENT_NAMES.get(kind, call.event)
    if event is None:
        return _NO_EVENT
    told = call.timestamp
    if told is None or sent_at is None or call.original_timestamp is not None:
        told, sent_at = _times(call, sent_at)
    occurred_at = None if told is None else instant(told)
    if occurred_at is None and told is not None:
        return _BAD_TIME
    own = call.context
    context = own if isinstance(own, dict) and not around else _merged(own, around)
    account_id, traits = context.pop("groupId", None), context.pop("traits", None)
    if kind == "group":
        account_id = account_id if call.group_id is None else call.group_id
        if not isinstance(call.traits, dict | None):
            return build({"event": event, "account_traits": call.traits})
    elif isinstance(call.traits, dict):
        # Some SDKs put an identify call's traits into the context.
        traits = {**traits, **call.traits} if isinstance(traits, dict) else call.traits
    account_id = None if account_id is None else _id(account_id)
    has_traits = isinstance(traits, dict)
    is_checked = (
        isinstance(call, TypedSegmentCall)
        and (has_traits or traits is None)
        and (
            account_id is None or (isinstance(account_id, str) and len(account_id) <= MAX_ID_CHARS)
        )
    )
    # Not one argument more: beyond fifteen by name, CPython 3.11 makes a dict of them first, and
    # that costs as much again as all the rest of this function.
    candidate = (ForeignCandidate if is_checked else _checked)(
        type=kind,
        event=event,
        account_id=account_id,
        user_id=user_id if isinstance(user_id := call.user_id, _TEXT) else _id(user_id),
        anonymous_id=named if isinstance(named := call.anonymous_id, _TEXT) else _id(named),
        previous_id=previous if isinstance(previous := call.previous_id, _TEXT) else _id(previous),
        email=_email(traits) if has_traits and "email" in traits else None,
        occurred_at=occurred_at,
        original_timestamp=told if isinstance(told, str) else None,
        sent_at=sent_at,
        message_id=_id(call.message_id),
        properties=call.properties if kind == "track" else _named(call, kind),
        traits=traits,
        context=context,
        campaign=(
            campaign.from_context(context) if "campaign" in context or "page" in context else None
        ),
    )
    if kind == "group" and isinstance(candidate, ForeignCandidate):
        return msgspec.structs.replace(candidate, account_traits=call.traits)
    return candidate


def _checked(**fields: Any) -> ForeignCandidate | Refused:  # noqa: ANN401 - checked right here
    return build(fields)


def _times(call: SegmentCall, sent_at: datetime | None) -> tuple[Any, datetime | None]:
    """When it happened in the sender's words, and the reading of its clock that corrects them.

    A `timestamp` beside an `originalTimestamp` was set on purpose, by people or a system that
    corrected it: it comes from no clock that `sent_at` could tell the error of.
    """
    if call.timestamp is None:
        return call.original_timestamp, sent_at or instant(call.sent_at)
    if call.original_timestamp is not None:
        return call.timestamp, None
    return call.timestamp, sent_at or instant(call.sent_at)


def _merged(own: object, around: Mapping[str, Any]) -> dict[str, Any]:
    return {**around, **own} if isinstance(own, dict) else dict(around)


def _named(call: SegmentCall, kind: CallKind) -> Any:  # noqa: ANN401 - of whatever type it came
    properties = call.properties
    if kind not in ("page", "screen") or not isinstance(properties, dict | None):
        return properties
    named = {"name": call.name, "category": call.category}
    named = {key: value for key, value in named.items() if value is not None}
    return {**named, **(properties or {})}


def _id(value: Any) -> Any:  # noqa: ANN401 - of whatever type it came
    """Numbers are ids too; blank means absent. What is neither is refused by the check of form."""
    if isinstance(value, str):
        return None if value.isspace() else value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _email(traits: Mapping[str, Any]) -> str | None:
    """E-mail among the traits, if it is one; a trait is not refused for its content."""
    told = traits["email"]
    if not isinstance(told, str) or len(told) > MAX_EVENT_CHARS:
        return None
    email = told.strip()
    return email if is_email(email) else None
