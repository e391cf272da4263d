"""Statements about names as values: which names are one, which are not, and who used a device. Pure.

A statement is a row of `identity_statement`. Of equal *together*, *device* and *record* statements one
counts: the earliest of the first two, the newest of the last. Uses of a device differ by the account of
their events. All explicit statements are kept, because a later one can revoke an earlier one.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import combinations

import msgspec

from services.stager.identity.names import EventNames, Key, Order
from shared.contracts.names import EMAIL, is_device, is_object


class StatementKind(StrEnum):
    """Kind of statement about two names; stored and shown."""

    TOGETHER = "together"
    """Both are in one event. `name` is the stronger one."""
    EXPLICIT = "explicit"
    """Both are one, whatever their kinds. `name` survives, `other` is the former name."""
    UNMERGE = "unmerge"
    """The two are not one."""
    DEVICE = "device"
    """`other`, a device, was used under `name`."""
    RECORD = "record"
    """`name`, a provider's record, is of the account `other`, or an account of its own: the same name."""


Pair = tuple[StatementKind, Key, Key, str]
"""What makes two statements equal: kind, names, slot."""


class Statement(msgspec.Struct, frozen=True, gc=False):
    """One statement about two names of one workspace."""

    kind: StatementKind
    name: Key
    other: Key
    order: Order
    account: str | None = None
    """Account of the event that identified a device."""

    @property
    def slot(self) -> str:
        """What tells statements of one kind about the same names apart, where each of them counts."""
        if self.kind is StatementKind.DEVICE:
            return self.account or ""
        is_explicit = self.kind in (StatementKind.EXPLICIT, StatementKind.UNMERGE)
        return self.order[-1] if is_explicit else ""

    @property
    def pair(self) -> Pair:
        """What makes two statements equal."""
        return (self.kind, self.name, self.other, self.slot)


class Statements:
    """A set of statements, of equal ones the one that counts.

    `beside` has the names that statements put beside a name, without the devices of a user.
    """

    def __init__(self, statements: Iterable[Statement] = ()) -> None:
        self._by_pair: dict[Pair, Statement] = {}
        self.beside: dict[Key, set[Key]] = {}
        for each in statements:
            self.add(each)

    def add(self, statement: Statement) -> bool:
        """Add a statement; whether it changes the set."""
        pair = statement.pair
        present = self._by_pair.get(pair)
        if present is not None and not counts_more(statement, present.order):
            return False
        self._by_pair[pair] = statement
        name, other = statement.name, statement.other
        self.beside.setdefault(other, set()).add(name)
        if statement.kind is not StatementKind.DEVICE or name[1].startswith(EMAIL):
            # A user has any number of devices, none of which connects it with another person.
            self.beside.setdefault(name, set()).add(other)
        return True

    def __iter__(self) -> Iterator[Statement]:
        return iter(self._by_pair.values())

    def __len__(self) -> int:
        """Number of statements."""
        return len(self._by_pair)


def counts_more(statement: Statement, order: Order) -> bool:
    """Whether a statement counts instead of an equal one of an event at `order`."""
    if statement.kind is StatementKind.RECORD:
        return statement.order > order
    return statement.order < order


def statements_of(event: EventNames) -> list[Statement]:
    """The statements of an event about people, devices and accounts; none about membership."""
    statements: list[Statement] = []
    people, device, order = event.people, event.device, event.order
    if len(people) > 1:
        for name, other in combinations(people, 2):
            if not is_object(name[1]) and not is_object(other[1]):
                statements.append(Statement(StatementKind.TOGETHER, name, other, order))
    if device is not None and (user := user_of_device(event)) is not None:
        statements.append(Statement(StatementKind.DEVICE, user, device, order, event.account))
    if event.is_statement:
        statements += _explicit(event)
    return statements


def user_of_device(event: EventNames) -> Key | None:
    """The strongest name of a person beside the device of an event; an object uses no device."""
    return next((name for name in event.people if not is_object(name[1])), None)


def _explicit(event: EventNames) -> Iterator[Statement]:
    workspace, order = event.workspace_id, event.order
    if event.account_of_record is not None and event.account is not None:
        record, account = (workspace, event.account), (workspace, event.account_of_record)
        yield Statement(StatementKind.RECORD, record, account, order)
    subject = event.person
    if subject is None:
        if event.account is None:
            return
        subject = (workspace, event.account)
    kind = StatementKind.UNMERGE if event.is_unmerge else StatementKind.EXPLICIT
    for other in event.others:
        if other == subject or is_object(subject[1]) != is_object(other[1]):
            continue
        if is_device(subject[1]) and is_device(other[1]):
            # Two devices are one person's where that person is identified on both.
            continue
        if not is_device(subject[1]) and not is_device(other[1]):
            yield Statement(kind, subject, other, order)
        elif kind is StatementKind.EXPLICIT:
            # A device is the user's from then on, and not for ever.
            user, device = (other, subject) if is_device(subject[1]) else (subject, other)
            yield Statement(StatementKind.DEVICE, user, device, order, event.account)


def names_in(event: EventNames) -> list[Key]:
    """Every name in an event whose row decides about it; accounts only where it states something."""
    names = [*event.people]
    if event.device is not None:
        names.append(event.device)
    if event.is_statement:
        names += event.others
        if event.account is not None:
            names.append((event.workspace_id, event.account))
        if event.account_of_record is not None:
            names.append((event.workspace_id, event.account_of_record))
    return names


def connected(statement: Statement) -> set[Key]:
    """The names whose groups a new statement may change."""
    if statement.kind is StatementKind.DEVICE:
        # Through a device an address may be another one's correction, and nothing else.
        return {statement.other}
    return {statement.name, statement.other}


def uses_of_devices(event: EventNames) -> list[tuple[Key, Key]]:
    """(user, device) of an event: those in it, and those that an alias puts beside each other."""
    if event.device is None and not event.others:
        return []
    return [
        (each.name, each.other)
        for each in statements_of(event)
        if each.kind is StatementKind.DEVICE
    ]
