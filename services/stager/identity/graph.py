"""The links between names while they are being worked out. Pure.

Every name leads to at most one other: to the stronger one of the first event that puts one beside it,
else to the equal one of the first event that does. Only equal names can form a circle (anonymous ids
among each other, accounts among each other); the newest link of a circle does not count, and the name
that has it is the end of all chains that lead there. All of that depends on each name's own first link
alone, so it is a function of the set of events.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from services.stager.identity.names import Key, Link, Order, is_equal
from shared.contracts.names import is_person

Offer = tuple[bool, Order, Key]
"""A link: whether to an equal name, the event that made it, and to whom. The smallest one counts."""


class Book:
    """Known links with what events offer on top of them."""

    def __init__(
        self,
        known: Mapping[Key, Link | None],
        homeless: AbstractSet[Key],
        accounts: Mapping[Key, str],
    ) -> None:
        """`homeless`: persons whose stored home does not count. `accounts`: where accounts lead."""
        self.known = known
        self.homeless = homeless
        self.parents: dict[Key, Offer] = {}
        self.homes: dict[Key, tuple[Order, str]] = {}
        self.marked: set[Key] = set()
        """Roots of people who are to be forgotten."""
        self.accounts = dict(accounts)
        """Accounts that are not among `known`, and which one stands for each."""

    def parent(self, name: Key) -> Offer | None:
        """The link of a name, whether it counts or not; a home account is none."""
        found = self.parents.get(name)
        if found is not None:
            return found
        link = self.known.get(name)
        if link is None or link.parent is None or is_person(link.parent) != is_person(name[1]):
            return None
        order = link.order
        if order is None:
            return None
        return is_equal(name[1], link.parent), order, (name[0], link.parent)

    def root(self, name: Key) -> Key:
        """The end of the chain: the person, or the account that took over all others."""
        found = self.parent(name)
        if found is None:
            return name
        chain = {name: found}
        while (onward := self.parent(found[2])) is not None:
            name, found = found[2], onward
            if name in chain:
                return self._end_of_circle(chain, name)
            chain[name] = found
        return found[2]

    @staticmethod
    def _end_of_circle(chain: Mapping[Key, Offer], name: Key) -> Key:
        circle = [name]
        while (name := chain[name][2]) != circle[0]:
            circle.append(name)
        return max(circle, key=lambda each: chain[each][1])

    def offer_parent(self, name: Key, parent: Key, order: Order) -> None:
        """An event puts two names beside each other."""
        offer = (is_equal(name[1], parent[1]), order, parent)
        present = self.parent(name)
        if present is None or offer[:2] < present[:2]:
            self.parents[name] = offer

    def offer_home(self, root: Key, account: str, order: Order) -> None:
        """An event sees a person in an account."""
        present = self.home(root)
        if present is None or order < present[0]:
            self.homes[root] = (order, account)

    def home(self, root: Key) -> tuple[Order, str] | None:
        """Where a person is at home, as the events name the account."""
        known = self.stored_home(root) if root not in self.homeless else None
        found = self.homes.get(root)
        if known is None or found is None:
            return known or found
        return min(known, found)

    def stored_home(self, name: Key) -> tuple[Order, str] | None:
        """The home as its row tells it; None for one whose row is taken up by a link."""
        link = self.known.get(name)
        if link is None or link.parent is None or is_person(link.parent) or not is_person(name[1]):
            return None
        order = link.order
        if order is None:
            return None
        self.accounts.setdefault((name[0], link.parent), link.subject_id)
        return order, link.parent

    def account(self, key: Key) -> str:
        """The account that stands for one that was named."""
        if key in self.known or key in self.parents:
            return self.root(key)[1]
        return self.accounts.get(key, key[1])

    def concerns(self, name: Key, link: Link) -> bool:
        """Whether anything was offered that could change this row."""
        person = (name[0], link.person_id)
        if person in self.homes or person in self.homeless:
            return True
        if self.marked and self.root(name) in self.marked:
            return True
        # Along all links, those to a home and beyond it included.
        seen: set[Key] = set()
        at: Key | None = name
        while at is not None and at not in seen:
            if at in self.parents:
                return True
            seen.add(at)
            link_of = self.known.get(at)
            at = None if link_of is None or link_of.parent is None else (at[0], link_of.parent)
        return at is not None and any(not is_person(each[1]) for each in self.parents)

    def link(self, name: Key) -> Link:
        """The row of a name."""
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

    def tells_no_home(self, root: Key) -> bool:
        """Whether the row of a person is taken up by a link that does not count: it closes a circle.

        The home of such a person is found among what it did.
        """
        return self.parent(root) is not None

    def mark(self, names: Iterable[Key]) -> None:
        """These people are to be forgotten."""
        self.marked = {self.root(name) for name in names}


def stored_without_home(known: Mapping[Key, Link | None], person: Key) -> bool:
    """As `Book.tells_no_home`, of the rows as they are."""
    link = known.get(person)
    return (
        link is not None
        and link.person_id == person[1]
        and link.parent is not None
        and is_person(link.parent)
    )
