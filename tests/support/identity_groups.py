"""Joining and separating names and accounts: slow, and plain to read."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from shared.contracts import names
from shared.contracts.identity_limits import IdentityLimits
from tests.support.identity_statements import Explicit, Pair

Group = frozenset[str]


class Groups:
    """A partition of names; a name that was never joined stands alone."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}

    def of(self, name: str) -> Group:
        """The group of a name."""
        return self._groups.get(name, frozenset({name}))

    def join(self, one: str, other: str) -> None:
        """Make one group of two."""
        joined = self.of(one) | self.of(other)
        self._groups.update(dict.fromkeys(joined, joined))


def pairs_for_ever(apart: Iterable[tuple[Pair, bool]]) -> set[Pair]:
    """Pairs whose newest statement keeps them apart, of (pair, whether it is kept apart) in order."""
    return {pair for pair, is_apart in dict(apart).items() if is_apart}


def would_meet(one: Group, other: Group, never: Iterable[Pair]) -> bool:
    """Whether joining two groups would put a pair together that is kept apart."""
    return any(pair & one and pair & other for pair in never)


def exceeds_limits(one: Group, other: Group, limits: IdentityLimits) -> bool:
    """Whether a person would have too many user ids, addresses, or records of one provider's kind.

    What one of the two has alone is no obstacle, however many they are.
    """

    def users(group: Group) -> int:
        return sum(name.startswith(names.USER) for name in group)

    def addresses(group: Group) -> int:
        return sum(name.startswith(names.EMAIL) for name in group)

    def records(group: Group) -> dict[str, int]:
        kinds = [kind for name in group if (kind := names.record_kind(name))]
        return {kind: kinds.count(kind) for kind in kinds}

    def is_beyond(of_one: int, of_other: int, most: int) -> bool:
        return of_one > 0 and of_other > 0 and of_one + of_other > most

    of_one, of_other = records(one), records(other)
    return (
        is_beyond(users(one), users(other), limits.user_ids)
        or is_beyond(addresses(one), addresses(other), limits.addresses)
        or any(is_beyond(of_one[k], of_other.get(k, 0), limits.records) for k in of_one)
    )


def shortest_path(
    statements: Iterable[Explicit], group_of: Callable[[str], Group], pair: Pair
) -> set[Pair]:
    """Pairs of the statements on the shortest way between the groups of a pair; empty if there is none.

    The way starts at the smaller name of the pair, and of equal ways that of the smaller names counts.
    """
    start, end = (group_of(name) for name in sorted(pair))
    edges = sorted({tuple(sorted(statement.pair)) for statement in statements})
    ways: dict[Group, set[Pair]] = {start: set()}
    waiting = deque([start])
    while waiting:
        group = waiting.popleft()
        if group == end:
            return ways[group]
        for one, other in edges:
            for here, there in ((group_of(one), group_of(other)), (group_of(other), group_of(one))):
                if here == group and there not in ways:
                    ways[there] = ways[group] | {frozenset({one, other})}
                    waiting.append(there)
    return set()


def withdraw(
    statements: Sequence[Explicit], group_of: Callable[[str], Group], pair: Pair
) -> list[Explicit]:
    """Statements that stay once nothing connects the groups of a pair that is unmerged."""
    left = list(statements)
    while path := shortest_path(left, group_of, pair):
        left = [statement for statement in left if statement.pair not in path]
    return left


def representative(group: Group, previous: Iterable[str]) -> str:
    """The name that stands for a group: rather none that another one absorbed, then the smallest."""
    return min(group, key=lambda name: (name in previous, name))
