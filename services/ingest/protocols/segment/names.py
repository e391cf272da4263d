"""Further names of a person: Segment's `context.externalIds`, RudderStack's `mergeProperties`. Pure.

Both are lists of ids with a type. A user id, an address and an anonymous id are names of that kind; an id of
any other type is a record of its own, `segment:phone:+49 30 123456`. Left alone are ids of devices, which
people use in turn and of which an event has one, its `anonymousId`, ids of accounts, and encoded ones.
Source: Segment's "Identity Resolution ExternalIDs", RudderStack's "Merge".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from services.ingest.events.candidate import is_email
from shared.contracts.envelope import MAX_ID_CHARS
from shared.contracts.names import ANONYMOUS, EMAIL, EXTERNAL, USER

MOST_NAMES = 10
"""Further names that one call may have: each two of them are a statement to keep."""

_PREFIXES = {
    "user_id": USER, "userid": USER,
    "email": EMAIL,
    "anonymous_id": ANONYMOUS, "anonymousid": ANONYMOUS,
}  # fmt: skip
_OF_DEVICES = ("android.", "ios.", "ga_client_id", "cross_domain_id", "device", "push_token")
_MOST_TYPE_CHARS = 50


def external_ids(context: Mapping[str, Any]) -> list[str]:
    """Names in `context.externalIds`, with their prefix; without anonymous ids."""
    names = _names(context.get("externalIds"), "id", _is_of_a_user)
    return [name for name in names if not name.startswith(ANONYMOUS)]


def merged_names(properties: object) -> list[str]:
    """Names in `mergeProperties`, with their prefix."""
    return _names(properties, "value", lambda _: True)


def _names(listed: object, field: str, counts: Callable[[Mapping[str, Any]], bool]) -> list[str]:
    if not isinstance(listed, list):
        return []
    names: Iterable[str | None] = (
        _name(each.get("type"), each.get(field))
        for each in listed[:MOST_NAMES]
        if isinstance(each, dict) and counts(each)
    )
    return list(dict.fromkeys(name for name in names if name is not None))


def _is_of_a_user(external_id: Mapping[str, Any]) -> bool:
    return external_id.get("collection", "users") == "users" and external_id.get(
        "encoding", "none"
    ) in ("none", None)


def _name(kind: object, value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(kind, str) or not isinstance(value, str):
        return None
    kind, value = kind.strip().casefold(), value.strip()
    if not (kind and value) or len(kind) > _MOST_TYPE_CHARS or len(value) > MAX_ID_CHARS:
        return None
    prefix = _PREFIXES.get(kind)
    if prefix is None:
        is_of_device = kind.startswith(_OF_DEVICES) or kind == "group_id"
        return None if is_of_device else f"{EXTERNAL}segment:{kind.replace(':', '_')}:{value}"
    if prefix == EMAIL and not is_email(value):
        return None
    return prefix + value
