"""Names, the links between them, and what an event says about both. Pure.

A name is a person's (`user:`, `email:`, `anonymous:` and what follows) or an account's id.
"""

from datetime import datetime

import msgspec

from shared.contracts.envelope import Envelope
from shared.contracts.names import ANONYMOUS, USER, person_names

Key = tuple[int, str]
"""Workspace and name."""
Order = tuple[datetime, str]
"""Place of an event in history: `occurred_at`, `message_id`."""


class Link(msgspec.Struct, frozen=True, gc=False):
    """A row of `identifier`: where a name leads, by which event, and the ends of the chain.

    `parent` of a person's name is a stronger name of the same person; the strongest name has its home
    account there, or None. An account has a row only if another one absorbed it: that account is its
    `parent` and its `person_id`.
    """

    parent: str | None
    linked_at: datetime | None
    linked_by: str | None
    person_id: str
    subject_id: str

    @property
    def order(self) -> Order | None:
        """Order of the event that made the link."""
        if self.linked_at is None or self.linked_by is None:
            return None
        return (self.linked_at, self.linked_by)


class EventNames(msgspec.Struct, frozen=True, gc=False):
    """The names in one event, and the links that follow from it."""

    workspace_id: int
    order: Order
    person: Key | None
    """Strongest name in the event, not resolved."""
    account: str | None
    weaker: tuple[tuple[Key, Key], ...] = ()
    """Pairs of a name and the one that it leads to by this event: a weaker name and a stronger one, a
    former anonymous id and the present one, an account and the one that absorbs it."""


def event_names(envelope: Envelope) -> EventNames:
    """Read the names off an event.

    A merge of accounts says nothing about people, even if it names one (see `records.without_person`).
    """
    workspace = envelope.workspace_id
    order = (envelope.occurred_at, envelope.message_id)
    user_id, anonymous_id = envelope.user_id, envelope.anonymous_id
    email, previous = envelope.email, envelope.previous_id
    account = envelope.account_id or None
    if user_id and not (email or anonymous_id or previous) and envelope.type != "merge":
        return EventNames(workspace, order, (workspace, USER + user_id), account)
    if envelope.type == "merge":
        return EventNames(workspace, order, None, account, _account_merge(envelope))
    names = person_names(user_id=user_id, email=email, anonymous_id=anonymous_id)
    keys = [(workspace, name) for name in names]
    if not keys:
        return EventNames(workspace, order, None, account)
    strongest, *others = keys
    if previous and previous != anonymous_id:
        others.append((workspace, ANONYMOUS + previous))
    weaker = tuple((name, strongest) for name in others)
    return EventNames(workspace, order, strongest, account, weaker)


def all_person_names(envelope: Envelope) -> list[Key]:
    """Every person's name in an event or a request, the former id of an alias included."""
    names = person_names(
        user_id=envelope.user_id, email=envelope.email, anonymous_id=envelope.anonymous_id
    )
    keys = [(envelope.workspace_id, name) for name in names]
    if envelope.previous_id:
        keys.append((envelope.workspace_id, ANONYMOUS + envelope.previous_id))
    return keys


def _account_merge(envelope: Envelope) -> tuple[tuple[Key, Key], ...]:
    loser, survivor = envelope.previous_account_id, envelope.account_id
    if not loser or not survivor or loser == survivor:
        return ()
    return (((envelope.workspace_id, loser), (envelope.workspace_id, survivor)),)


def is_equal(name: str, other: str) -> bool:
    """Whether two names of a person are equally strong: anonymous ids are, among each other."""
    return name.startswith(ANONYMOUS) and other.startswith(ANONYMOUS)
