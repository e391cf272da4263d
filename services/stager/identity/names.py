"""Names, where they lead, and what an event says about them. Pure.

A name is a person's (`user:`, `email:`, `anonymous:` and what follows) or an account's id.
"""

from datetime import datetime

import msgspec

from shared.contracts.envelope import Envelope
from shared.contracts.names import ANONYMOUS, EMAIL, USER

Key = tuple[int, str]
"""Workspace and name."""
Order = tuple[datetime, str]
"""Place of an event in history: `occurred_at`, `message_id`."""


class Link(msgspec.Struct, frozen=True, gc=False):
    """A row of `identifier`: where a name leads, because of which event, and the ends of the chain.

    `parent` of a person's name is another name of the person, or for the one that the person goes by
    its home account, or None. An account has a row only once another one took it over: that is its
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


class Named(msgspec.Struct, frozen=True, gc=False):
    """What one event says about identity."""

    workspace_id: int
    order: Order
    person: Key | None
    """Strongest name in the event, not resolved."""
    account: str | None
    weaker: tuple[tuple[Key, Key], ...] = ()
    """Pairs of a name and the one that it leads to by this event: weaker to stronger, a former
    anonymous id to the present one, an account to the one that takes it over."""


def named(envelope: Envelope) -> Named:
    """Read the names off an event.

    A merge of accounts says nothing about people, whomever it names (see `records.of_accounts`).
    """
    workspace = envelope.workspace_id
    order = (envelope.occurred_at, envelope.message_id)
    user_id, anonymous_id = envelope.user_id, envelope.anonymous_id
    email = envelope.email and envelope.email.strip().lower()
    account = envelope.account_id or None
    previous = envelope.previous_id
    if user_id and not (email or anonymous_id or previous) and envelope.type != "merge":
        return Named(workspace, order, (workspace, USER + user_id), account)
    if envelope.type == "merge":
        return Named(workspace, order, None, account, _taken_over(envelope))
    names = person_names(envelope)
    if not names:
        return Named(workspace, order, None, account)
    strongest, *others = [(workspace, name) for name in names]
    if previous and previous != anonymous_id:
        others.append((workspace, ANONYMOUS + previous))
    return Named(workspace, order, strongest, account, tuple((name, strongest) for name in others))


def person_names(envelope: Envelope) -> list[str]:
    """The names of the acting person, strongest first; see `subjects.person_ref`."""
    names: list[str] = []
    if envelope.user_id:
        names.append(USER + envelope.user_id)
    if envelope.email and (email := envelope.email.strip().lower()):
        names.append(EMAIL + email)
    if envelope.anonymous_id:
        names.append(ANONYMOUS + envelope.anonymous_id)
    return names


def _taken_over(envelope: Envelope) -> tuple[tuple[Key, Key], ...]:
    loser, survivor = envelope.previous_account_id, envelope.account_id
    if not loser or not survivor or loser == survivor:
        return ()
    return (((envelope.workspace_id, loser), (envelope.workspace_id, survivor)),)


def is_equal(name: str, other: str) -> bool:
    """Whether a person's name is no weaker than another: of two anonymous ids neither is."""
    return name.startswith(ANONYMOUS) and other.startswith(ANONYMOUS)
