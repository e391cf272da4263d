"""Who is who, the slow way: a pure function from a set of events to persons, memberships and owners.

Written from the rules of identity and not from the stager, so that one can be tested by the other. It sorts
all statements and joins them one by one; every answer is computed over all events.

Where the rules leave a choice, it is this one:

- Of the names in one event those of its fields are before its further ones. Pairs of them are joined in the
  order of their kinds, then of their texts; of several `previous` names likewise.
- An object joins objects alone (a merge of two deals). A statement of an object and another name is void.
- A statement that an unmerge keeps from joining absorbs nothing: it decides neither which name stands for
  a person nor whose a deleted record is.
- Devices that are one have their runs in common. An unmerge of a device and a name takes that device from
  the person of that name, and withdraws earlier statements about exactly these two.
- Devices with two addresses are tried in the order of their names. Accounts of a person are there those of
  events with one of the person's own names that are no `leave`.
- A person who was only ever taken out of accounts is in none; before it was put into one, it is in the first.
- A merge of accounts joins the accounts of the records that it names.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.contracts import names
from shared.contracts.identity_limits import DEFAULT_LIMITS
from shared.contracts.identity_limits import IdentityLimits as Limits
from tests.support.identity_groups import (
    Group,
    Groups,
    exceeds_limits,
    pairs_for_ever,
    representative,
    withdraw,
    would_meet,
)
from tests.support.identity_memberships import Membership, account_at, last_account
from tests.support.identity_statements import (
    Explicit,
    IdentityEvent,
    Order,
    Pair,
    explicit_of,
    is_identification,
    is_of_a_person,
    togethers,
)

MAX_NAMES = 200
"""Names of a person, and identities of a device, beyond which it is shared and joins nothing more."""
MAX_STEPS = 5
"""Accounts that are said to be the account of a record, one behind the other."""
MAX_NAMES_OF_CORRECTED = 3
"""Names used on a device that may be one person whose address was corrected."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an event is: the person, if it names one, and the subject of the journey."""

    person: str | None
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Everything that the events say about identity."""

    persons: dict[str, Group]
    """Names by person; a device is a person of its own here, whoever used it."""
    runs: dict[str, list[tuple[Order, str]]]
    """By device: from when on it is whose, as names of persons, in event order."""
    memberships: dict[str, list[Membership]]
    """By person, in event order."""
    accounts: dict[str, str]
    """The account that each account or record of an account belongs to."""
    owners: dict[str, Owner]
    """By message id."""

    def person_of(self, name: str) -> str | None:
        """The person that has a name; None for an unknown name."""
        return next((person for person, group in self.persons.items() if name in group), None)


def identities(events: Iterable[IdentityEvent], limits: Limits = DEFAULT_LIMITS) -> Identities:
    """The outcome of a set of events, whatever their order. Of `limits` all but that of all names count."""
    return _Reference(sorted(set(events), key=lambda event: event.order), limits).identities()


class _Reference:
    """One evaluation. `events` are in event order."""

    def __init__(self, events: list[IdentityEvent], limits: Limits) -> None:
        self._events = events
        self._limits = limits
        self._never = pairs_for_ever(
            (statement.pair, kind == "unmerge")
            for event in events
            for kind in ("alias", "unmerge")
            for statement in explicit_of(event, kind=kind)
        )
        self._accounts = _Accounts(events)
        self._togethers = togethers(events)
        self._groups = Groups()
        self._survivor: dict[Group, str] = {}
        self._join_togethers()
        self._joins, self._identifications = self._active_statements()
        # What has been joined so far was the base of the unmerges alone: explicit joins come first.
        self._groups = Groups()
        self._absorbed = self._join_explicit()
        self._join_togethers()
        self._correct_addresses()

    # -- persons ---------------------------------------------------------------------------------

    def _join(self, one: str, other: str, *, is_limited: bool) -> bool:
        """Join two names unless a rule is against it; whether they are one now."""
        left, right = self._groups.of(one), self._groups.of(other)
        if left != right:
            survivors = [self._survivor[each] for each in (left, right) if each in self._survivor]
            if would_meet(left, right, self._never) or len(left | right) > MAX_NAMES:
                return False
            if is_limited and exceeds_limits(left, right, self._limits):
                return False
            self._groups.join(one, other)
            if survivors:
                self._survivor[left | right] = min(survivors)
        return True

    def _join_togethers(self) -> None:
        for one, other in self._togethers:
            self._join(one, other, is_limited=True)

    def _active_statements(self) -> tuple[list[Explicit], list[Explicit]]:
        """Joins and identifications of devices that no later unmerge withdraws."""
        joins: list[Explicit] = []
        identifications: list[Explicit] = []
        for event in self._events:
            for statement in explicit_of(event, kind="alias"):
                (identifications if is_identification(statement) else joins).append(statement)
            for statement in explicit_of(event, kind="unmerge"):
                pair = statement.pair
                joins = withdraw(joins, self._groups.of, pair)
                identifications = [each for each in identifications if each.pair != pair]
        return joins, identifications

    def _join_explicit(self) -> set[str]:
        """Join what was said explicitly; the names that were absorbed so."""
        absorbed: set[str] = set()
        for statement in self._joins:
            before = self._groups.of(statement.survivor)
            survivor = self._survivor.get(before, statement.survivor)
            if self._join(statement.survivor, statement.previous, is_limited=False):
                absorbed.add(statement.previous)
                after = self._groups.of(statement.survivor)
                if after != before:
                    self._survivor[after] = survivor
        return absorbed

    def _person(self, group: Group) -> str:
        people = [name for name in group if not names.is_device(name)] or group
        strongest = min(map(names.strength, people))
        strong = frozenset(name for name in people if names.strength(name) == strongest)
        if (survivor := self._survivor.get(group)) in strong:
            return survivor
        return representative(strong, self._absorbed)

    # -- devices ---------------------------------------------------------------------------------

    def _runs(self, device: str) -> list[tuple[Order, str]]:
        """From when on a device, or one that it is joined with, is whose: names in event order."""
        devices = self._groups.of(device)
        statements = [
            (event.order, event.person_names[0])
            for event in self._events
            if event.device in devices and event.person_names
        ]
        for explicit in self._identifications:
            (person,) = explicit.pair - {one for one in explicit.pair if names.is_device(one)}
            if explicit.pair & devices and is_of_a_person(person):
                statements.append((explicit.order[0], person))
        kept = [
            (order, name)
            for order, name in sorted(statements)
            if not would_meet(devices, self._groups.of(name), self._never)
        ]
        return kept if len({name for _, name in kept}) <= MAX_NAMES else []

    def _device_group(self, device: str, at: Order) -> Group:
        """The person who a device belongs to at a time."""
        runs = self._runs(device)
        if not runs:
            return self._groups.of(device)
        before = [name for order, name in runs if order <= at]
        return self._groups.of(before[-1] if before else runs[0][1])

    def _correct_addresses(self) -> None:
        """Join the two persons of a device where one is the other with its address corrected.

        All devices are judged by the persons that the other statements leave, then joined in the order of
        the later of the two addresses.
        """
        corrections: list[tuple[Order, str, str]] = []
        devices = {name for event in self._events for name in (*event.names, *event.previous)}
        for device in filter(names.is_device, devices):
            uses = sorted(
                (event.order, name, event.account_record or event.account or "")
                for event in self._events
                for name in _users(event, device)
            )
            if not 1 < len({name for _, name, _ in uses}) <= MAX_NAMES_OF_CORRECTED:
                continue
            groups = {self._groups.of(name) for _, name, _ in uses}
            addresses = [
                next(
                    (
                        (order, name)
                        for order, name, _ in uses
                        if name in group and name.startswith(names.EMAIL)
                    ),
                    None,
                )
                for group in groups
            ]
            if len(groups) != 2 or None in addresses:
                continue
            one, other = (
                {account for _, name, account in uses if name in group and account}
                for group in groups
            )
            is_apart = one and other and one.isdisjoint(other)
            if any(map(_is_of_addresses_alone, groups)) and not is_apart:
                (_, first), (at, second) = sorted(each for each in addresses if each)
                corrections.append((at, first, second))
        for _, first, second in sorted(corrections):
            self._join(first, second, is_limited=True)

    # -- events ----------------------------------------------------------------------------------

    def _group(self, event: IdentityEvent) -> Group | None:
        """The person of an event."""
        if event.strongest is None:
            return None
        if names.is_device(event.strongest):
            return self._device_group(event.strongest, event.order)
        return self._groups.of(event.strongest)

    def _deleted_record(self, event: IdentityEvent) -> str | None:
        """The record that an event is about alone, and not about the person that absorbed it."""
        if event.is_about_record and event.record in self._absorbed:
            return event.record
        return None

    def _memberships(self) -> dict[Group, list[Membership]]:
        stated: dict[Group, list[Membership]] = {}
        for event in self._events:
            group, account = self._group(event), self._accounts.of(event)
            if group is not None and account is not None and not self._deleted_record(event):
                stated.setdefault(group, []).append(
                    Membership(event.order, account, event.kind != "leave")
                )
        return stated

    def _owner(self, event: IdentityEvent, memberships: dict[Group, list[Membership]]) -> Owner:
        group, account = self._group(event), self._accounts.of(event)
        if group is None:
            assert account is not None, "an event names a person or an account"
            return Owner(None, account)
        if record := self._deleted_record(event):
            return Owner(record, account or record)
        person = self._person(group)
        stated = memberships.get(group, [])
        is_object = any(map(names.is_object, group))
        member_of = last_account(stated) if is_object else account_at(stated, event.order)
        return Owner(person, account or member_of or person)

    def identities(self) -> Identities:
        memberships = self._memberships()
        all_names = {name for event in self._events for name in (*event.names, *event.previous)}
        groups = {self._groups.of(name) for name in all_names}
        devices = filter(names.is_device, all_names)
        return Identities(
            persons={self._person(group): group for group in groups},
            runs={
                device: [(order, self._person(self._groups.of(name))) for order, name in runs]
                for device in devices
                if (runs := self._runs(device))
            },
            memberships={self._person(group): stated for group, stated in memberships.items()},
            accounts=self._accounts.all(),
            owners={event.order[-1]: self._owner(event, memberships) for event in self._events},
        )


def _users(event: IdentityEvent, device: str) -> list[str]:
    """Names that an event states for a device: beside it, or by an alias."""
    users = list(event.person_names[:1]) if event.device == device else []
    for statement in explicit_of(event, kind="alias"):
        if is_identification(statement) and device in statement.pair:
            users += [name for name in statement.pair if is_of_a_person(name)]
    return users


def _is_of_addresses_alone(group: Group) -> bool:
    return all(name.startswith(names.EMAIL) for name in group)


class _Accounts:
    """Which account each account and each record of an account is."""

    def __init__(self, events: list[IdentityEvent]) -> None:
        self._events = events
        # In event order, so the newest statement about a record stays.
        self._of_record = {
            event.account_record: (event.order, event.account)
            for event in events
            if event.account_record is not None and event.account is not None
        }
        never: set[Pair] = pairs_for_ever(
            (merge.pair, kind == "unmerge")
            for event in events
            for kind in ("merge", "unmerge")
            for merge in self._merges_of(event, kind=kind)
        )
        self._groups = Groups()
        self._survivor: dict[Group, str] = {}
        for merge in self._active_merges():
            one, other = self._groups.of(merge.survivor), self._groups.of(merge.previous)
            if one != other and not would_meet(one, other, never):
                self._groups.join(merge.survivor, merge.previous)
                self._survivor[one | other] = self._survivor.get(one, merge.survivor)

    def _active_merges(self) -> list[Explicit]:
        active: list[Explicit] = []
        for event in self._events:
            active += self._merges_of(event, kind="merge")
            for merge in self._merges_of(event, kind="unmerge"):
                active = withdraw(active, lambda name: frozenset({name}), merge.pair)
        return active

    def _merges_of(self, event: IdentityEvent, *, kind: str) -> list[Explicit]:
        """What a merge or unmerge says of two accounts, if it is of that kind."""
        survivor, previous = event.account_record or event.account, event.previous_account
        if event.kind != kind or survivor is None or previous in {None, survivor}:
            return []
        return [Explicit(order=(event.order, 0), survivor=survivor, previous=str(previous))]

    def resolved(self, account: str) -> str:
        """The account that an account or a record is a part of, or itself.

        Of records that were merged the survivor's account counts, else the one that was said last.
        """
        for _ in range(MAX_STEPS):
            group = self._groups.of(account)
            account = self._survivor.get(group, min(group))
            said = [(*self._of_record[each], each) for each in group if each in self._of_record]
            if not said:
                break
            own = next((each for each in said if each[2] == account), max(said))
            if own[1] == own[2]:
                # The record is an account of its own.
                break
            account = own[1]
        return account

    def of(self, event: IdentityEvent) -> str | None:
        """The account that an event itself names."""
        stated = event.account_record or event.account
        return self.resolved(stated) if stated else None

    def all(self) -> dict[str, str]:
        """Every account and record that the events name, and what it is a part of."""
        named = {
            name
            for event in self._events
            for name in (event.account, event.account_record, event.previous_account)
            if name is not None
        }
        return {name: self.resolved(name) for name in named}
