"""The links between names, stored ones and those that the events of a batch propose. Pure.

Every name has at most one link: to the stronger name of the first event that names both, else to the
equal name of the first event that does. Only equal names can form a cycle (anonymous ids among each
other, accounts among each other). The newest link of a cycle does not count; the name that has it is the
root of all chains that lead into the cycle. All of that depends on each name's own first link alone, so
it is a function of the set of events.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from services.stager.identity.names import Key, Link, Order, is_equal
from shared.contracts.names import is_person

CandidateLink = tuple[bool, Order, Key]
"""Whether the link is to an equal name, the event that made it, its target. The smallest one counts."""


class IdentityGraph:
    """Stored links with the candidates of a batch on top of them."""

    def __init__(
        self,
        stored: Mapping[Key, Link | None],
        recompute_home: AbstractSet[Key],
        accounts: Mapping[Key, str],
    ) -> None:
        """`stored`: rows of `identifier`, None for a name without one.

        `recompute_home`: persons whose stored home does not count. `accounts`: absorbed accounts that
        are not in `stored`, with the account that stands for each.
        """
        self.stored = stored
        self.recompute_home = recompute_home
        self.parents: dict[Key, CandidateLink] = {}
        self.homes: dict[Key, tuple[Order, str]] = {}
        self.to_erase: set[Key] = set()
        """Roots of the persons to erase."""
        self.accounts = dict(accounts)

    def parent(self, name: Key) -> CandidateLink | None:
        """The link of a name, whether it counts or not; a home account is no link."""
        candidate = self.parents.get(name)
        if candidate is not None:
            return candidate
        link = self.stored.get(name)
        if link is None or link.parent is None or is_person(link.parent) != is_person(name[1]):
            return None
        order = link.order
        if order is None:
            return None
        return is_equal(name[1], link.parent), order, (name[0], link.parent)

    def root(self, name: Key) -> Key:
        """The end of the chain: the person, or the account that absorbed all others."""
        link = self.parent(name)
        if link is None:
            return name
        chain = {name: link}
        while (onward := self.parent(link[2])) is not None:
            name, link = link[2], onward
            if name in chain:
                return self._root_of_cycle(chain, name)
            chain[name] = link
        return link[2]

    @staticmethod
    def _root_of_cycle(chain: Mapping[Key, CandidateLink], name: Key) -> Key:
        cycle = [name]
        while (name := chain[name][2]) != cycle[0]:
            cycle.append(name)
        return max(cycle, key=lambda each: chain[each][1])

    def propose_parent(self, name: Key, parent: Key, order: Order) -> None:
        """Add the link that follows from an event which has both names."""
        candidate = (is_equal(name[1], parent[1]), order, parent)
        present = self.parent(name)
        if present is None or candidate[:2] < present[:2]:
            self.parents[name] = candidate

    def propose_home(self, root: Key, account: str, order: Order) -> None:
        """Add the home that follows from an event of a person in an account."""
        present = self.home(root)
        if present is None or order < present[0]:
            self.homes[root] = (order, account)

    def home(self, root: Key) -> tuple[Order, str] | None:
        """The home account of a person, as the events name it, and the event that made it."""
        stored = self.stored_home(root) if root not in self.recompute_home else None
        proposed = self.homes.get(root)
        if stored is None or proposed is None:
            return stored or proposed
        return min(stored, proposed)

    def stored_home(self, name: Key) -> tuple[Order, str] | None:
        """The home in a name's row; None if the row holds a link to another name instead."""
        link = self.stored.get(name)
        if link is None or link.parent is None or is_person(link.parent) or not is_person(name[1]):
            return None
        order = link.order
        if order is None:
            return None
        self.accounts.setdefault((name[0], link.parent), link.subject_id)
        return order, link.parent

    def account(self, key: Key) -> str:
        """The account that stands for the given one: itself, or the last one that absorbed it."""
        if key in self.stored or key in self.parents:
            return self.root(key)[1]
        return self.accounts.get(key, key[1])

    def may_change(self, name: Key, link: Link) -> bool:
        """Whether a candidate could change this stored row. May be true for a row that stays."""
        person = (name[0], link.person_id)
        if person in self.homes or person in self.recompute_home:
            return True
        if self.to_erase and self.root(name) in self.to_erase:
            return True
        # Along all links, those to a home and beyond it included.
        seen: set[Key] = set()
        at: Key | None = name
        while at is not None and at not in seen:
            if at in self.parents:
                return True
            seen.add(at)
            onward = self.stored.get(at)
            at = None if onward is None or onward.parent is None else (at[0], onward.parent)
        return at is not None and any(not is_person(each[1]) for each in self.parents)

    def row(self, name: Key) -> Link:
        """The row of a name once the candidates are in."""
        parent = self.parent(name)
        if not is_person(name[1]):
            if parent is None:
                return Link(None, None, None, name[1], name[1])
            return Link(parent[2][1], *parent[1], parent[2][1], self.root(name)[1])
        root = self.root(name)
        home = self.home(root)
        subject_id = root[1] if home is None else self.account((name[0], home[1]))
        if parent is not None:
            return Link(parent[2][1], *parent[1], root[1], subject_id)
        if home is None:
            return Link(None, None, None, root[1], subject_id)
        return Link(home[1], *home[0], root[1], subject_id)

    def has_no_room_for_home(self, root: Key) -> bool:
        """Whether the row of a person holds a link that does not count, because it closes a cycle.

        The home of such a person is stored nowhere and computed from the person's events.
        """
        return self.parent(root) is not None

    def erase(self, names: Iterable[Key]) -> None:
        """Note that the persons behind these names are to be erased. Call after all proposals."""
        self.to_erase = {self.root(name) for name in names}


def stored_row_has_no_room_for_home(stored: Mapping[Key, Link | None], person: Key) -> bool:
    """As `IdentityGraph.has_no_room_for_home`, of the rows before the batch."""
    link = stored.get(person)
    return (
        link is not None
        and link.person_id == person[1]
        and link.parent is not None
        and is_person(link.parent)
    )
