"""Which names are one person, or one account: the statements joined in order, within limits. Pure.

Explicit statements are joined first, then the others, each in event order. A *together* joins only if no
person would then have more names of a kind than its limit: one `user` name, one record of a provider's kind.
What is refused is a conflict; its statement is kept, and the api shows it. All of it depends on the set of
statements and the limits alone (decision 0024).
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from services.stager.identity.names import Key, Order
from services.stager.identity.statements import Statement, StatementKind, Statements
from shared.contracts.identity_limits import IdentityLimits, limited_kind
from shared.contracts.names import EMAIL, is_device, is_person, strength

_MOST_ADDRESSES_OF_DEVICE = 3
"""Names used on a device that may still be one person whose address was corrected."""
_BEFORE_AND_AFTER = 2
"""Persons on a device of one whose address was corrected."""

Pair = frozenset[Key]


@dataclass(slots=True)
class Partition:
    """Each name's representative, and the names that another one absorbed."""

    representative: dict[Key, Key] = field(default_factory=dict)
    absorbed: set[Key] = field(default_factory=set)
    """Names on the former side of an explicit statement that counts."""

    def of(self, name: Key) -> Key:
        """Representative of a name; a name without statements stands for itself."""
        return self.representative.get(name, name)


def shared_names(statements: Statements, limits: IdentityLimits) -> set[Key]:
    """Names of people beside more others than a person may have names: they join nothing."""
    most = limits.names
    return {
        name
        for name, others in statements.beside.items()
        if len(others) > most
        and is_person(name[1])
        and not is_device(name[1])
        and sum(not is_device(other[1]) for other in others) > most
    }


def partition(statements: Statements, limits: IdentityLimits) -> Partition:
    """Join the statements. Cost: O(n log n) in their number; that of unmerges times n more."""
    shared = shared_names(statements, limits)
    explicit, togethers, devices = _sorted(statements)
    never = _never(explicit)
    active = _active(explicit, togethers, _Groups(never, limits), shared)
    groups = _Groups(never, limits)
    result = Partition()
    for each in active:
        if groups.absorb(each):
            result.absorbed.add(each.other)
    for each in togethers:
        _join_together(groups, each, shared)
    for each in _corrections(devices, groups):
        groups.join(each, is_limited=True)
    for each in devices:
        groups.find(each.other)
        groups.find(each.name)
    result.representative = groups.representatives(result.absorbed)
    return result


def _sorted(
    statements: Iterable[Statement],
) -> tuple[list[Statement], list[Statement], list[Statement]]:
    explicit: list[Statement] = []
    togethers: list[Statement] = []
    devices: list[Statement] = []
    for each in statements:
        if each.kind in (StatementKind.EXPLICIT, StatementKind.UNMERGE):
            explicit.append(each)
        elif each.kind is StatementKind.TOGETHER:
            togethers.append(each)
        elif each.kind is StatementKind.DEVICE:
            devices.append(each)
    explicit.sort(key=_in_order)
    togethers.sort(key=_in_order)
    devices.sort(key=_in_order)
    return explicit, togethers, devices


def _in_order(statement: Statement) -> tuple[Order, int, int, Key, Key]:
    name, other = statement.name, statement.other
    return (statement.order, _rank(name), _rank(other), name, other)


def _rank(name: Key) -> int:
    return strength(name[1]) if is_person(name[1]) else 0


def _never(explicit: Iterable[Statement]) -> set[Pair]:
    """Pairs that are not one: unmerged, and not merged again by the same two names since."""
    never: set[Pair] = set()
    for each in explicit:
        pair = frozenset((each.name, each.other))
        if each.kind is StatementKind.UNMERGE:
            never.add(pair)
        else:
            never.discard(pair)
    return never


def _active(
    explicit: Collection[Statement],
    togethers: Iterable[Statement],
    groups: "_Groups",
    shared: set[Key],
) -> list[Statement]:
    """The explicit statements that no later unmerge withdraws. `groups` has no names yet."""
    if all(each.kind is StatementKind.EXPLICIT for each in explicit):
        return list(explicit)
    for each in togethers:
        _join_together(groups, each, shared)
    active: list[Statement] = []
    for each in explicit:
        if each.kind is StatementKind.EXPLICIT:
            active.append(each)
            continue
        while path := _path(active, groups, each):
            active = [edge for edge in active if _pair(edge) not in path]
    return active


def _pair(statement: Statement) -> Pair:
    return frozenset((statement.name, statement.other))


def _path(edges: Iterable[Statement], groups: "_Groups", unmerge: Statement) -> set[Pair]:
    """Pairs of the statements on the shortest way between the sets of two names; empty without one.

    The way begins at the smaller name, and of equal ways that of the smaller names counts.
    """
    start, end = (groups.find(name) for name in sorted((unmerge.name, unmerge.other)))
    pairs = sorted({(min(_pair(edge)), max(_pair(edge))) for edge in edges})
    ways: dict[Key, set[Pair]] = {start: set()}
    waiting = deque([start])
    while waiting:
        at = waiting.popleft()
        if at == end:
            return ways[at]
        for pair in pairs:
            one, two = groups.find(pair[0]), groups.find(pair[1])
            for here, there in ((one, two), (two, one)):
                if here == at and there not in ways:
                    ways[there] = ways[at] | {frozenset(pair)}
                    waiting.append(there)
    return set()


def _join_together(groups: "_Groups", each: Statement, shared: set[Key]) -> None:
    if each.name in shared or each.other in shared:
        groups.find(each.name)
        groups.find(each.other)
    else:
        groups.join(each, is_limited=True)


def _corrections(devices: Iterable[Statement], groups: "_Groups") -> list[Statement]:
    """Addresses on one device that are one person's: a mistyped one and its correction.

    A device joins nobody else: exactly two people used it, both by addresses, one of them has no other
    names, and their events there do not name two different accounts.
    """
    by_device: dict[Key, list[Statement]] = {}
    for each in devices:
        by_device.setdefault(each.other, []).append(each)
    corrections: list[Statement] = []
    for used in by_device.values():
        if not 1 < len({each.name for each in used}) <= _MOST_ADDRESSES_OF_DEVICE:
            continue
        people: dict[Key, list[Statement]] = {}
        for each in used:
            people.setdefault(groups.find(each.name), []).append(each)
        if len(people) != _BEFORE_AND_AFTER:
            continue
        by_address = [
            next((each for each in of_one if each.name[1].startswith(EMAIL)), None)
            for of_one in people.values()
        ]
        accounts = [{each.account for each in of_one} - {None} for of_one in people.values()]
        first, second = by_address
        if first is None or second is None or (all(accounts) and not accounts[0] & accounts[1]):
            continue
        if not any(groups.is_of_addresses(person) for person in people):
            continue
        order = max(first.order, second.order)
        corrections.append(Statement(StatementKind.TOGETHER, first.name, second.name, order))
    corrections.sort(key=_in_order)
    return corrections


class _Groups:
    """Disjoint sets of names with the limits of each."""

    def __init__(self, never: set[Pair], limits: IdentityLimits) -> None:
        self._limits = limits
        self._parent: dict[Key, Key] = {}
        self._names: dict[Key, list[Key]] = {}
        self._kinds: dict[Key, dict[str, int]] = {}
        """How many names of each limited kind a set has."""
        self._survivor: dict[Key, Key] = {}
        """Of a set with explicit statements the name that the last one left."""
        self._never: dict[Key, set[Key]] = {}
        for pair in never:
            one, two = pair
            self._never.setdefault(one, set()).add(two)
            self._never.setdefault(two, set()).add(one)

    def find(self, name: Key) -> Key:
        """The set of a name, which is added if it is new."""
        parent = self._parent
        if name not in parent:
            parent[name] = name
            self._names[name] = [name]
            kind = limited_kind(name[1])
            self._kinds[name] = {kind: 1} if kind else {}
            return name
        root = name
        while parent[root] != root:
            root = parent[root]
        while parent[name] != root:
            parent[name], name = root, parent[name]
        return root

    def is_of_addresses(self, root: Key) -> bool:
        """Whether a set has no names but addresses."""
        return all(name[1].startswith(EMAIL) for name in self._names[root])

    def join(self, statement: Statement, *, is_limited: bool) -> bool:
        """Join the sets of two names; False where that is refused."""
        one, two = self.find(statement.name), self.find(statement.other)
        if one == two:
            return True
        if len(self._names[one]) < len(self._names[two]):
            one, two = two, one
        if self._is_never(one, two):
            return False
        if is_limited and self._limits.forbid(self._kinds[one], self._kinds[two]):
            return False
        if len(self._names[one]) + len(self._names[two]) > self._limits.names:
            return False
        survivors = [self._survivor.pop(each) for each in (one, two) if each in self._survivor]
        if survivors:
            self._survivor[one] = min(survivors)
        self._parent[two] = one
        self._names[one] += self._names.pop(two)
        kinds = self._kinds[one]
        for kind, count in self._kinds.pop(two).items():
            kinds[kind] = kinds.get(kind, 0) + count
        return True

    def absorb(self, statement: Statement) -> bool:
        """Join two sets by an explicit statement: the one of `name` survives."""
        one, two = self.find(statement.name), self.find(statement.other)
        survivor = self._survivor.get(one, statement.name)
        if not self.join(statement, is_limited=False):
            return False
        if one != two:
            self._survivor[self.find(statement.name)] = survivor
        return True

    def _is_never(self, one: Key, two: Key) -> bool:
        if not self._never:
            return False
        return any(
            self.find(other) == one
            for name in self._names[two]
            for other in self._never.get(name, ())
            if other in self._parent
        )

    def representatives(self, absorbed: set[Key]) -> dict[Key, Key]:
        """The representative of every name: of the strongest kind, surviving, the smallest text."""
        result: dict[Key, Key] = {}
        for root, names in self._names.items():
            survivor = self._survivor.get(root)
            best = min((_rank(name), name != survivor, name in absorbed, name) for name in names)
            for name in names:
                result[name] = best[-1]
        return result


def closure(statements: Statements, names: Collection[Key], limits: IdentityLimits) -> set[Key]:
    """The names that statements connect with the given ones, not beyond shared names."""
    seen = set(names)
    waiting = deque(names)
    while waiting:
        name = waiting.popleft()
        others = statements.beside.get(name, set())
        # One more than the bound: what a name connected until now has to be worked out once more.
        if len(others) > _most_beside(name, limits):
            continue
        for other in others:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def _most_beside(name: Key, limits: IdentityLimits) -> int:
    """Names beside one from which on it connects nothing."""
    return (_MOST_ADDRESSES_OF_DEVICE if is_device(name[1]) else limits.names) + 1


def representatives_of_records(
    statements: Iterable[Statement], merged: Partition
) -> Mapping[Key, Key]:
    """The accounts that records stand for: of each group of merged accounts the newest statement.

    The statements about the record that stands for the group count first. A group is left out where the
    newest one says that its record is an account of its own.
    """
    newest: dict[Key, tuple[bool, Order, Key, Key]] = {}
    for each in statements:
        if each.kind is not StatementKind.RECORD:
            continue
        group = merged.of(each.name)
        candidate = (each.name == group, each.order, each.other, each.name)
        if group not in newest or candidate > newest[group]:
            newest[group] = candidate
    return {
        group: account for group, (_, _, account, record) in newest.items() if account != record
    }
