"""What an event says about who is who: the names in it, and its statements. Pure.

A name is a person's (`user:`, `external:`, `email:`, `anonymous:` and what follows) or an account's id.
"""

from datetime import datetime

import msgspec

from shared.contracts.envelope import Envelope
from shared.contracts.names import (
    ANONYMOUS,
    EMAIL,
    EXTERNAL,
    USER,
    cleaned,
    is_device,
    is_junk,
    is_record,
    names_of_any_kind,
    normal,
    strength,
)
from shared.journey.model import Order, event_order

__all__ = ["EventNames", "Key", "Order", "all_person_names", "event_names"]

Key = tuple[int, str]
"""Workspace and name."""


def instant_of(order: Order) -> datetime:
    """`occurred_at` of the event at this place."""
    return order[0]


class EventNames(msgspec.Struct, frozen=True, gc=False):
    """The names in one event, and what the event states about them."""

    workspace_id: int
    order: Order
    people: tuple[Key, ...] = ()
    """Names of the acting person or object, strongest first; no device."""
    device: Key | None = None
    account: str | None = None
    """The event's own account, or its record, not resolved."""
    others: tuple[Key, ...] = ()
    """Names that an `alias` or `unmerge` puts beside the event's person, or a `merge` beside its account."""
    is_unmerge: bool = False
    leaves: bool = False
    """The person is in the account no longer."""
    is_about_record: bool = False
    """The event is about its record alone, which was deleted."""
    account_of_record: str | None = None
    """The account that `account`, a provider's record, stands for: itself where it has none any more."""

    @property
    def person(self) -> Key | None:
        """The strongest name of the person, or the device; not resolved."""
        return self.people[0] if self.people else self.device

    @property
    def record(self) -> Key | None:
        """The record that an event about a record alone is about: a person's or object's, or an account's."""
        if self.people:
            return self.people[0]
        return None if self.account is None else (self.workspace_id, self.account)

    @property
    def is_statement(self) -> bool:
        """Whether the event states more than that its names belong together."""
        return bool(self.others or self.account_of_record)


def event_names(envelope: Envelope) -> EventNames:
    """Read the names off an event, in stored form and without those that name nobody.

    An event that has only such names keeps them: one stored before ingest refused it.

    A merge of accounts says nothing about people, even if it names one (see `records.without_person`).
    """
    workspace = envelope.workspace_id
    order = event_order(envelope)
    user_id, account = envelope.user_id, envelope.account_id
    if (
        user_id
        and not (envelope.email or envelope.anonymous_id or envelope.external_id)
        and not envelope.account_external_id
        and envelope.type in _PLAIN
        and not envelope.previous_names
        and user_id.isascii()
        and "@" not in user_id
        and not is_junk(user_id)
        and (account is None or (account.isascii() and not is_junk(account)))
    ):
        return EventNames(workspace, order, ((workspace, USER + user_id),), None, account)
    names = _event_names(envelope, order, is_strict=True)
    if names.people or names.device or names.account:
        return names
    return _event_names(envelope, order, is_strict=False)


_STATEMENTS = frozenset({"alias", "unmerge"})
_PLAIN = frozenset({"track", "identify", "page", "screen", "group"})


def _event_names(e: Envelope, order: Order, *, is_strict: bool) -> EventNames:
    workspace = e.workspace_id
    trusted = e.trusted_ids

    def valid(field: str, value: str | None) -> str | None:
        value = cleaned(value) if value else None
        if not value or (is_strict and field not in trusted and is_junk(value)):
            return None
        return value

    record = valid("account_external_id", e.account_external_id)
    account_id = valid("account_id", e.account_id)
    account = record or account_id
    if e.previous_account_id is not None or e.type == "merge":
        return _account_statement(e, order, account)
    values: dict[str, None] = {}
    for field, prefix in _FIELDS:
        value = valid(field, getattr(e, field))
        if value:
            values[normal(prefix + value)] = None
    if values and e.type not in _STATEMENTS:
        # Further names of the person: one has several addresses.
        values |= dict.fromkeys(n for n in map(normal, e.previous_names) if not is_device(n))
    names = sorted(values, key=strength) if len(values) > 1 else list(values)
    people = tuple((workspace, name) for name in names if not is_device(name))
    device = next(((workspace, name) for name in names if is_device(name)), None)
    return EventNames(
        workspace,
        order,
        people,
        device,
        account,
        _others(e) if names else (),
        is_unmerge=e.type == "unmerge",
        leaves=e.type == "leave",
        is_about_record=e.is_about_record,
        account_of_record=account_id if record else None,
    )


_FIELDS = (
    ("user_id", USER),
    ("external_id", EXTERNAL),
    ("email", EMAIL),
    ("anonymous_id", ANONYMOUS),
)


def _others(e: Envelope) -> tuple[Key, ...]:
    if e.type not in _STATEMENTS:
        return ()
    texts = [normal(name) for name in e.previous_names]
    if "previous_names" in e.withheld:
        texts = list(filter(is_device, texts))
    if e.previous_id and not is_junk(e.previous_id):
        former = names_of_any_kind(e.previous_id)
        texts += filter(is_device, former) if "previous_id" in e.withheld else former
    return tuple(dict.fromkeys((e.workspace_id, text) for text in texts))


def _account_statement(e: Envelope, order: Order, account: str | None) -> EventNames:
    """A merge or unmerge of accounts. A record that an account absorbed is a record of that account."""
    other = cleaned(e.previous_account_id or "")
    workspace = e.workspace_id
    if not account or not other or account == other:
        return EventNames(workspace, order, account=account)
    if e.type == "merge" and is_record(other) and not is_record(account):
        return EventNames(workspace, order, account=other, account_of_record=account)
    return EventNames(
        workspace,
        order,
        account=account,
        others=((workspace, other),),
        is_unmerge=e.type == "unmerge",
    )


def all_person_names(envelope: Envelope) -> list[Key]:
    """Every person's name in an event or a request, those of an alias included."""
    names = event_names(envelope)
    keys = [*names.people]
    if names.device is not None:
        keys.append(names.device)
    if envelope.type not in ("merge", "unmerge") or not envelope.previous_account_id:
        keys += names.others
    return keys
