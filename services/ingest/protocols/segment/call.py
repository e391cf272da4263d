"""One call of Segment's API, and the candidate that it becomes. Pure.

Both ways of decoding (see `parse`) end in `to_candidate`, so that they cannot differ in meaning.
"""

from collections.abc import Mapping
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from msgspec import Meta

from services.ingest.events.candidate import (
    ForeignCandidate,
    SdkCandidate,
    build,
    build_sdk,
    is_email,
)
from services.ingest.events.clock_faces import reading
from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.protocols.common import campaign
from services.ingest.protocols.segment import names
from shared.contracts.envelope import MAX_EVENT_CHARS, MAX_ID_CHARS, MAX_MESSAGE_ID_CHARS
from shared.contracts.names import EMAIL

CallKind = Literal["track", "identify", "page", "screen", "group", "alias", "merge"]
KINDS: tuple[CallKind, ...] = get_args(CallKind)
"""Types that a sender may set; an envelope has others. `merge` is RudderStack's."""

_EVENT_NAMES: dict[CallKind, str] = {
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "Person Identified",
    "group": "Account Identified",
    "alias": "Person Aliased",
    "merge": "Person Merged",
}
"""Event names of calls without one, in the object-action convention."""

_UNKNOWN_TYPE = Refused(RefusalCode.UNKNOWN_TYPE, f"`type` is one of {', '.join(KINDS)}.")
_NO_EVENT = Refused(RefusalCode.MISSING_EVENT, "`event` is required in a track call.")
_BAD_TIME = Refused(RefusalCode.INVALID_OCCURRED_AT, "`timestamp` is an ISO 8601 instant.")


class OuterFields(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Fields beside the calls of a batch, or among those of a single call."""

    sent_at: Any = None
    context: Any = None
    write_key: Any = None


class SegmentCall(OuterFields, frozen=True, kw_only=True, gc=False):
    """The fields of a call that are read, of any type. Others are ignored."""

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
    merge_properties: Any = None


_Id = Annotated[str, Meta(max_length=MAX_ID_CHARS)] | int | None
_MessageId = Annotated[str, Meta(max_length=MAX_MESSAGE_ID_CHARS)] | int | None
_Time = str | float | None
_Object = dict[str, Any] | Annotated[list[Any], Meta(max_length=0)] | None
"""PHP writes an empty object as an empty list."""


class TypedSegmentCall(SegmentCall, frozen=True, kw_only=True, gc=False):
    """A call as the SDKs send it; one that decodes needs no further check of form."""

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
"""Types of an id that need no conversion; validation strips white space."""


def to_candidate(
    call: SegmentCall,
    kind: CallKind | None,
    sent_at: datetime | None,
    shared_context: Mapping[str, Any],
) -> ForeignCandidate | Refused:
    """The candidate of one call; its own `type` counts where `kind` is None.

    `shared_context` is that of the batch, `sent_at` the sender's clock. Changes the call's own context in
    place.
    """
    if kind is None:
        if call.type not in KINDS:
            return _UNKNOWN_TYPE
        kind = cast("CallKind", call.type)
    event = _EVENT_NAMES.get(kind, call.event)
    if event is None:
        return _NO_EVENT
    timestamp = call.timestamp
    if timestamp is None or sent_at is None or call.original_timestamp is not None:
        timestamp, sent_at = _times(call, sent_at)
    occurred_at = None if timestamp is None else reading(timestamp)
    if occurred_at is None and timestamp is not None:
        return _BAD_TIME
    own = call.context
    context = own if isinstance(own, dict) and not shared_context else _merged(own, shared_context)
    account_id, traits = context.pop("groupId", None), _object(context.pop("traits", None))
    own_traits = _object(call.traits)
    if kind == "group":
        account_id = account_id if call.group_id is None else call.group_id
        if not isinstance(own_traits, dict | None):
            return build({"event": event, "account_traits": own_traits})
    elif isinstance(own_traits, dict):
        # Some SDKs put an identify call's traits into the context.
        traits = {**traits, **own_traits} if isinstance(traits, dict) else own_traits
    account_id = None if account_id is None else _id(account_id)
    has_traits = isinstance(traits, dict)
    is_checked = (
        isinstance(call, TypedSegmentCall)
        and (has_traits or traits is None)
        and (
            account_id is None or (isinstance(account_id, str) and len(account_id) <= MAX_ID_CHARS)
        )
    )
    # Not one argument more: beyond fifteen keyword arguments CPython 3.11 builds a dict of them first, which
    # doubles the cost of this function.
    candidate = (SdkCandidate if is_checked else _checked)(
        type="alias" if kind == "merge" else kind,
        event=event,
        account_id=account_id,
        user_id=user_id if isinstance(user_id := call.user_id, _TEXT) else _id(user_id),
        anonymous_id=named if isinstance(named := call.anonymous_id, _TEXT) else _id(named),
        previous_id=previous if isinstance(previous := call.previous_id, _TEXT) else _id(previous),
        email=_email(traits) if has_traits and "email" in traits else None,
        occurred_at=occurred_at,
        original_timestamp=timestamp if isinstance(timestamp, str) else None,
        sent_at=sent_at,
        message_id=_id(call.message_id),
        properties=_properties(call, kind),
        traits=traits,
        context=context,
        campaign=(
            campaign.from_context(context) if "campaign" in context or "page" in context else None
        ),
    )
    if kind in ("group", "merge") or "externalIds" in context:
        return _completed(candidate, call, kind, own_traits)
    return candidate


def _completed(
    candidate: ForeignCandidate | Refused,
    call: SegmentCall,
    kind: CallKind,
    own_traits: Any,  # noqa: ANN401 - of any type
) -> ForeignCandidate | Refused:
    """The candidate with the fields that few calls have."""
    if isinstance(candidate, Refused):
        return candidate
    if kind == "group":
        candidate = msgspec.structs.replace(candidate, account_traits=own_traits)
    if kind == "merge":
        return _merged_with(candidate, names.merged_names(call.merge_properties))
    # All the names of an alias are one person, without limits: those of the context must not be among them.
    further = [] if kind == "alias" else names.external_ids(candidate.context or {})
    return msgspec.structs.replace(candidate, previous_names=further) if further else candidate


def _merged_with(candidate: ForeignCandidate, others: list[str]) -> ForeignCandidate:
    """RudderStack's merge: all of its names are one person, or the device of one."""
    if candidate.user_id is None and candidate.email is None:
        address = next((each for each in others if each.startswith(EMAIL)), None)
        if address is not None:
            others = [each for each in others if each != address]
            email = address.removeprefix(EMAIL)
            return msgspec.structs.replace(candidate, email=email, previous_names=others)
    return msgspec.structs.replace(candidate, previous_names=others)


def _checked(**fields: Any) -> ForeignCandidate | Refused:  # noqa: ANN401 - checked here
    return build_sdk(fields)


def _times(call: SegmentCall, sent_at: datetime | None) -> tuple[Any, datetime | None]:
    """The timestamp as sent, and the sender's clock that corrects it.

    A `timestamp` beside an `originalTimestamp` was set or corrected on purpose: it is not a reading of the
    clock that `sent_at` is from, so it is not corrected.
    """
    if call.timestamp is None:
        return call.original_timestamp, sent_at or reading(call.sent_at)
    if call.original_timestamp is not None:
        return call.timestamp, None
    return call.timestamp, sent_at or reading(call.sent_at)


def _merged(own: object, shared_context: Mapping[str, Any]) -> dict[str, Any]:
    return {**shared_context, **own} if isinstance(own, dict) else dict(shared_context)


def _properties(call: SegmentCall, kind: CallKind) -> Any:  # noqa: ANN401 - of any type
    properties = _object(call.properties)
    if kind not in ("page", "screen") or not isinstance(properties, dict | None):
        return properties
    named = {"name": call.name, "category": call.category}
    named = {key: value for key, value in named.items() if value is not None}
    return {**named, **(properties or {})}


def _object(value: Any) -> Any:  # noqa: ANN401 - of any type
    """PHP's empty list is an empty object, which is none; other types are refused by the check of form."""
    return None if value == [] else value


def _id(value: Any) -> Any:  # noqa: ANN401 - of any type
    """Numbers become text, blank text None; other types are refused by the check of form."""
    if isinstance(value, str):
        return None if value.isspace() else value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _email(traits: Mapping[str, Any]) -> str | None:
    """The e-mail address among the traits, if it is valid; a trait never refuses a call."""
    text = traits["email"]
    if not isinstance(text, str) or len(text) > MAX_EVENT_CHARS:
        return None
    email = text.strip()
    return email if is_email(email) else None
