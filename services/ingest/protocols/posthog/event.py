"""One event of a PostHog SDK, and the candidate that it becomes. Pure.

- Names with an equivalent are translated (`_CALLS`); all others stay, with their `$`.
- Properties stay as sent, without nulls, identifiers, details of sending, and those that have a place in the
  context of a touchpoint (`_CONTEXT`).
- Person and account: see `identity`.

Source: the SDKs' own code, and recordings of their requests.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.ingest.events.candidate import ForeignCandidate, build_sdk, is_email
from services.ingest.events.clock_faces import reading
from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.protocols.common import campaign
from services.ingest.protocols.posthog.identity import Group, account_of, identifier, person_of
from shared.contracts.envelope import MAX_EVENT_CHARS, EventType
from shared.keys import token as tokens

Properties = dict[str, Any]

_CALLS: Mapping[object, tuple[EventType, str]] = {
    "$pageview": ("page", "Page Viewed"),
    "$screen": ("screen", "Screen Viewed"),
    "$identify": ("identify", "Person Identified"),
    "$set": ("identify", "Person Identified"),
    "$set_once": ("identify", "Person Identified"),
    "$unset": ("identify", "Person Identified"),
    "$create_alias": ("alias", "Person Aliased"),
    "$merge_dangerously": ("alias", "Person Aliased"),
    "$groupidentify": ("group", "Account Identified"),
}
_OTHER_GROUP: tuple[EventType, str] = ("track", "Group Identified")
"""A `$groupidentify` about a group that is not the account."""

_CONTEXT: Mapping[str, tuple[str, ...]] = {
    "$ip": ("ip",),
    "$raw_user_agent": ("userAgent",),
    "$browser_language": ("locale",),
    "$timezone": ("timezone",),
    "$session_id": ("sessionId",),
    "$device_id": ("device", "id"),
    "$lib": ("library", "name"),
    "$lib_version": ("library", "version"),
    "$current_url": ("page", "url"),
    "$pathname": ("page", "path"),
    "$referrer": ("page", "referrer"),
}
"""Property to its place in a context of Segment's form, so that one privacy rule fits all protocols."""

_ABOUT_SENDING = frozenset(
    {"distinct_id", "$set", "$set_once", "$unset", "$groups", "$insert_id"}
    | {"$time", "$is_identified", "$user_state", "$user_id", "$process_person_profile"}
    | {"$ignore_sent_at", "$geoip_disable", "$is_server"}
)
_KEYS = ("api_key", "token")
_OF_CALL: Mapping[object, frozenset[str]] = {
    "$identify": frozenset({"$anon_distinct_id"}),
    "$create_alias": frozenset({"alias"}),
    "$merge_dangerously": frozenset({"alias"}),
    "$groupidentify": frozenset({"$group_type", "$group_key", "$group_set"}),
}
_AUTOMATIC = ("$", "utm_")
"""Prefixes of the traits that browser SDKs set once on their own."""
_DIRECT = "$direct"
"""The SDK's placeholder for a page without referrer."""

NO_EVENT = Refused(RefusalCode.MISSING_EVENT, "`event` is required: the name of what happened.")
_BAD_TIME = Refused(RefusalCode.INVALID_OCCURRED_AT, "`timestamp` is an ISO 8601 instant.")
_BAD_PROPERTIES = Refused(RefusalCode.INVALID_PROPERTIES, "`properties` is a JSON object.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFields:
    """Fields of a request that hold for all of its events."""

    received_at: datetime
    sent_at: datetime | None = None
    is_historical: bool = False
    """The events are imported: their times are not readings of the sender's clock."""
    library: Mapping[str, str] | None = None


def key_in(fields: Mapping[str, Any]) -> str | None:
    """The key that browser SDKs put among the `fields` of an event; other values there are the sender's."""
    return next((fields[name] for name in _KEYS if _is_key(name, fields.get(name))), None)


def to_candidate(sent: Mapping[str, Any], request: RequestFields) -> ForeignCandidate | Refused:
    """The candidate of one event."""
    event = sent.get("event")
    if event is None:
        return NO_EVENT
    properties = sent.get("properties")
    if properties == []:  # PHP's empty object
        properties = None
    if not isinstance(properties, dict | None):
        return _BAD_PROPERTIES
    given = {name: value for name, value in (properties or {}).items() if value is not None}
    given |= _from_options(sent)
    when = _when(sent, given, request)
    if isinstance(when, Refused):
        return when
    occurred_at, sent_at = when
    name = event if isinstance(event, str) else None
    group = account_of(name, given)
    person = person_of(name, _distinct_id(sent, given), given)
    calls = _CALLS.get(name, ("track", event))
    kind, event = _OTHER_GROUP if name == "$groupidentify" and not group.is_described else calls
    traits = _traits(sent, given)
    context = _context(given, group, request)
    timestamp = sent.get("timestamp")
    return build_sdk(
        {
            "type": kind,
            "event": event,
            "account_id": group.account_id,
            "user_id": person.user_id,
            "anonymous_id": person.anonymous_id,
            "previous_id": person.previous_id,
            "previous_names": person.previous_names,
            "email": _email(traits),
            "occurred_at": occurred_at,
            "original_timestamp": timestamp if isinstance(timestamp, str) else None,
            "sent_at": sent_at,
            "message_id": identifier(sent.get("uuid")) or identifier(given.get("$insert_id")),
            "properties": _properties(name, given, context, group),
            "traits": traits,
            "account_traits": given.get("$group_set") if group.is_described else None,
            "context": context,
            "campaign": campaign.from_parameters(given) or _of_page(context),
        }
    )


def _is_key(name: str, value: object) -> bool:
    return name in _KEYS and isinstance(value, str) and tokens.looks_like_ours(value)


def _distinct_id(sent: Mapping[str, Any], given: Properties) -> Any:  # noqa: ANN401 - of any type
    own = identifier(sent.get("distinct_id"))
    return identifier(given.get("distinct_id")) if own is None else own


def _from_options(sent: Mapping[str, Any]) -> Properties:
    """Fields that the newest call has beside the properties, by their names among them."""
    options = sent.get("options")
    if not isinstance(options, dict):
        options = {}
    lifted = {
        "$session_id": sent.get("session_id"),
        "$process_person_profile": options.get("process_person_profile"),
        "$ignore_sent_at": options.get("disable_skew_correction"),
    }
    return {name: value for name, value in lifted.items() if value is not None}


def _when(
    sent: Mapping[str, Any], given: Properties, request: RequestFields
) -> tuple[datetime | None, datetime | None] | Refused:
    """Time of the event and time of sending, both by the sender's clock."""
    timestamp = sent.get("timestamp")
    sent_at = reading(sent.get("sent_at")) or request.sent_at
    if timestamp is not None:
        occurred_at = reading(timestamp)
        if occurred_at is None:
            return _BAD_TIME
        if request.is_historical or given.get("$ignore_sent_at"):
            sent_at = None
        return occurred_at, sent_at
    offset = sent.get("offset")
    if not isinstance(offset, int | float) or not math.isfinite(offset):
        return None, None
    try:
        age = timedelta(milliseconds=max(offset, 0))
        # The offset is relative to sending, so it needs no correction of the clock.
        return request.received_at - age, None
    except OverflowError:
        return _BAD_TIME


def _traits(sent: Mapping[str, Any], given: Properties) -> Any:  # noqa: ANN401 - of any type
    """Traits of the person; `$set` wins over `$set_once`.

    Traits that an SDK sets once on its own are left out: the visitor's origin, which the event has as well,
    and null for every advertisement without a click.
    """
    merged: Properties = {}
    for name in ("$set_once", "$set"):
        for holder in (given, sent):
            traits = holder.get(name)
            if traits is None or traits == []:
                continue
            if not isinstance(traits, dict):
                return traits
            merged |= _own(traits) if name == "$set_once" else traits
    unset = given.get("$unset")
    if isinstance(unset, list | dict):
        merged |= {name: None for name in unset if isinstance(name, str)}
    return merged


def _own(traits: Properties) -> Properties:
    return {
        name: value
        for name, value in traits.items()
        if value is not None and not name.startswith(_AUTOMATIC)
    }


def _email(traits: object) -> str | None:
    """The e-mail address among the traits, if it is valid; a trait never refuses an event."""
    if not isinstance(traits, dict):
        return None
    email = traits.get("email", traits.get("$email"))
    if not isinstance(email, str) or len(email) > MAX_EVENT_CHARS or not is_email(email.strip()):
        return None
    return email.strip()


def _context(given: Properties, group: Group, request: RequestFields) -> Properties:
    context: Properties = {}
    if request.library is not None:
        context["library"] = dict(request.library)
    for name, place in _CONTEXT.items():
        value = given.get(name)
        if value is None or value == _DIRECT:
            continue
        *rooms, last = place
        inner = context
        for room in rooms:
            inner = inner.setdefault(room, {})
        inner[last] = value
    if group.all:
        context["groups"] = dict(group.all)
    return context


def _of_page(context: Properties) -> Any:  # noqa: ANN401 - a campaign, which `build` checks
    return campaign.from_context(context)


def _properties(
    name: str | None, given: Properties, context: Properties, group: Group
) -> Properties:
    of_call = _OF_CALL.get(name, frozenset())
    if name == "$groupidentify" and not group.is_described:
        of_call = frozenset()
    kept = {
        key: value
        for key, value in given.items()
        if not (key in _ABOUT_SENDING or key in _CONTEXT or key in of_call or _is_key(key, value))
    }
    if name == "$pageview":
        return {**context.get("page", {}), **kept}
    if name == "$screen" and "$screen_name" in kept:
        return {"name": kept["$screen_name"], **kept}
    return kept
