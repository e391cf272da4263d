"""Which statement brought each name to a person, and why a statement joined nothing. Pure.

The stager decides who is one (decision 0024); its outcome is in the rows of the names. What is worked out
here is the reason to show for that outcome, from the stored statements.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.contracts.identity_limits import IdentityLimits
from shared.contracts.names import is_device, is_person
from shared.journey.model import Order, event_order

Kind = Literal["together", "explicit", "unmerge", "device", "record"]
TOGETHER: Kind = "together"
EXPLICIT: Kind = "explicit"
UNMERGE: Kind = "unmerge"
DEVICE: Kind = "device"

Reason = Literal["unmerged", "limit", "shared"]

Pair = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A stored statement about two names. `message_id`: of the event that says so, as stored."""

    kind: Kind
    name: str
    other: str
    occurred_at: datetime
    tie: int = 0
    message_id: str

    @property
    def pair(self) -> Pair:
        """The two names."""
        return frozenset((self.name, self.other))

    @property
    def order(self) -> Order:
        """Place of its event in history."""
        return event_order(self)

    def beside(self, name: str) -> str:
        """The other one of its names."""
        return self.other if name == self.name else self.name


def origins(
    person_id: str, names: Collection[str], statements: Iterable[Statement]
) -> dict[str, Statement]:
    """The statement that brought each name to the person, without `person_id` itself.

    Statements join as the stager joins them: explicit ones first, each kind in event order. Then addresses of
    one device. A name whose statement is not among `statements` is left out.
    """
    members = {name for name in names if not is_device(name)}
    tree = _Tree(members)
    ordered = sorted(statements, key=lambda each: each.order)
    withdrawn = {each.pair: each.order for each in ordered if each.kind == UNMERGE}
    for each in ordered:
        if each.kind == EXPLICIT and not (
            each.pair in withdrawn and withdrawn[each.pair] > each.order
        ):
            tree.join(each.name, each, each.other, each)
    for each in ordered:
        if each.kind == TOGETHER:
            tree.join(each.name, each, each.other, each)
    on_device: dict[str, Statement] = {}
    for each in ordered:
        if each.kind == DEVICE and each.name in members:
            first = on_device.setdefault(each.other, each)
            tree.join(first.name, first, each.name, each)
    return tree.origins_from(person_id)


class _Tree:
    """Names as they are joined; a statement that joins two parts is an edge."""

    def __init__(self, members: Collection[str]) -> None:
        self._part = {name: {name} for name in members}
        self._edges: dict[str, list[tuple[str, Statement]]] = {name: [] for name in members}

    def join(self, one: str, of_one: Statement, two: str, of_two: Statement) -> None:
        """Join two names, unless they are joined already. `of_one` is what is shown for `one`."""
        if one not in self._part or two not in self._part or self._part[one] is self._part[two]:
            return
        united = self._part[one] | self._part[two]
        for name in united:
            self._part[name] = united
        self._edges[one].append((two, of_two))
        self._edges[two].append((one, of_one))

    def origins_from(self, start: str) -> dict[str, Statement]:
        """The last edge on the way from `start` to each name that it reaches."""
        by_name: dict[str, Statement] = {}
        waiting = [start]
        while waiting:
            for name, statement in self._edges.get(waiting.pop(), ()):
                if name != start and name not in by_name:
                    by_name[name] = statement
                    waiting.append(name)
        return by_name


def reason(
    statement: Statement,
    kinds: Mapping[str, int],
    other_kinds: Mapping[str, int],
    limits: IdentityLimits,
    *,
    is_unmerged: bool,
) -> Reason:
    """Why a statement joined nothing although its names are of two persons.

    `kinds`, `other_kinds`: how many names of each limited kind they have. `is_unmerged`: an unmerge keeps
    the two persons apart.
    """
    if is_unmerged or statement.kind == EXPLICIT:
        # Nothing but an unmerge keeps an explicit statement from joining.
        return "unmerged"
    return "limit" if limits.forbid(kinds, other_kinds) else "shared"


def is_shared(
    names: Collection[str], statements: Sequence[Statement], limits: IdentityLimits
) -> bool:
    """Whether a person has too many names, or a name that is beside too many of them."""
    if sum(not is_device(name) for name in names) > limits.names:
        return True
    beside: dict[str, set[str]] = {name: set() for name in names if not is_device(name)}
    for each in statements:
        if each.kind != DEVICE and is_person(each.name) and not is_device(each.other):
            for name in (each.name, each.other):
                if name in beside:
                    beside[name].add(each.beside(name))
    return any(len(others) > limits.names for others in beside.values())
