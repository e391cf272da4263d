"""Person and account of an event of a PostHog SDK: its `distinct_id` is a user's id or a browser's. Pure.

It is a browser's where the SDK says so (`$is_identified`, `$user_state`), where it is the id of the device,
where the device has no user yet (`$device_id` without `$user_id`), and in a server's event without a person
(`$process_person_profile: false` with a random id). Otherwise it is a user's: servers send ids of users.

An alias says that two ids are one person's, for ever and whatever they are. `$identify` says who is signed in
on a device, which the next user of the device may say as well.

The account is one of the event's groups: that of a type in `ACCOUNT_TYPES`, else the first. One whose key
names nobody, such as `null`, gives way to any other.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.names import ANONYMOUS, is_junk

ACCOUNT_TYPES = ("company", "organization", "account")
"""Types of group that are the account, in order of preference."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ALIASES = frozenset({"$create_alias", "$merge_dangerously"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Ids of the acting person, of any type; checked later."""

    user_id: Any = None
    anonymous_id: Any = None
    previous_id: Any = None
    """The other id of an alias, which may be a user's or a browser's."""
    previous_names: list[str] | None = None
    """The other id of an alias as a stored name, where its kind is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The account of an event."""

    account_id: Any = None
    is_described: bool = False
    """The event carries traits of this group."""
    all: Mapping[str, Any]
    """Every group by its type."""


def identifier(value: object) -> Any:  # noqa: ANN401 - of any type
    """Numbers become text, blank text None; other types are refused by the check of form."""
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def person_of(event: str | None, distinct_id: Any, given: Mapping[str, Any]) -> Person:  # noqa: ANN401
    """The person of an event with these properties."""
    if distinct_id is None:
        return Person()
    alias = identifier(given.get("alias")) if event in _ALIASES else None
    if alias is not None and alias != distinct_id:
        return _aliased(event, distinct_id, alias, given)
    if event == "$groupidentify" and _is_placeholder(distinct_id, given):
        return Person()
    if event == "$identify":
        anonymous_id = identifier(given.get("$anon_distinct_id"))
        return Person(
            user_id=distinct_id,
            anonymous_id=None if anonymous_id == distinct_id else anonymous_id,
        )
    if _is_anonymous(distinct_id, given):
        return Person(anonymous_id=distinct_id)
    return Person(user_id=distinct_id)


def account_of(event: str | None, given: Mapping[str, Any]) -> Group:
    """The account of an event with these properties, and its other groups."""
    groups = {kind: identifier(key) for kind, key in _object(given.get("$groups")).items()}
    described = given.get("$group_type") if event == "$groupidentify" else None
    if isinstance(described, str):
        groups[described] = identifier(given.get("$group_key"))
    groups = {kind: key for kind, key in groups.items() if key is not None}
    if not groups:
        return Group(all={})
    ordered = [kind for kind in (*ACCOUNT_TYPES, *groups) if kind in groups]
    chosen = next((kind for kind in ordered if not _is_junk(groups[kind])), ordered[0])
    return Group(account_id=groups[chosen], is_described=chosen == described, all=groups)


def _aliased(
    event: str | None,
    distinct_id: Any,  # noqa: ANN401 - of any type
    alias: Any,  # noqa: ANN401
    given: Mapping[str, Any],
) -> Person:
    """SDKs send the former id as `distinct_id` and the new one as `alias`.

    A former id that is a user's stays the user's, and the alias joins it.
    """
    is_user = _is_marked_as_user(given)
    if (
        event == "$merge_dangerously"
        or is_user
        or (_looks_random(alias) and not _looks_random(distinct_id))
    ):
        return Person(user_id=distinct_id, previous_id=alias)
    if (
        _is_anonymous(distinct_id, given)
        and isinstance(distinct_id, str)
        and not _looks_random(distinct_id)
    ):
        return Person(user_id=alias, previous_names=[ANONYMOUS + distinct_id])
    # A random id may have been sent by a browser, which marks it, and by a server, which does not.
    return Person(user_id=alias, previous_id=distinct_id)


def _is_marked_as_user(given: Mapping[str, Any]) -> bool:
    is_identified = given.get("$is_identified")
    if isinstance(is_identified, bool):
        return is_identified
    return given.get("$user_state") == "identified"


def _is_anonymous(distinct_id: object, given: Mapping[str, Any]) -> bool:
    is_identified = given.get("$is_identified")
    if isinstance(is_identified, bool):
        return not is_identified
    state = given.get("$user_state")
    if state in ("anonymous", "identified"):
        return bool(state == "anonymous")
    if "$device_id" in given:
        return given["$device_id"] == distinct_id or "$user_id" not in given
    return given.get("$process_person_profile") is False and _looks_random(distinct_id)


def _is_placeholder(distinct_id: object, given: Mapping[str, Any]) -> bool:
    """Whether a server sent a placeholder for the person, in an event about a group."""
    made_up = f"${given.get('$group_type')}_{given.get('$group_key')}"
    is_of_device = "$is_identified" in given or "$device_id" in given
    return distinct_id == made_up or (_looks_random(distinct_id) and not is_of_device)


def _looks_random(name: object) -> bool:
    return isinstance(name, str) and _UUID.fullmatch(name) is not None


def _is_junk(name: object) -> bool:
    return isinstance(name, str) and is_junk(name)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
