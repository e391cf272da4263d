"""Who an event is about: links between names, resolved. Pure.

A name (`user:`, `email:`, `anonymous:`) leads to at most one stronger name, and the root of such a
chain is the person; a person leads to at most one home account. Of several links the first by event
order wins, so the outcome is a function of the set of events (decision 0008):

    parent(name)  = first event that names it together with a stronger name
    home(person)  = first event with an account whose strongest name belongs to the person
    subject       = the event's own account, else the person's home, else the person

`plan` works on what is known of a few names and says what is missing; its caller reads that and asks
again. It never needs all names of a workspace.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from shared.contracts.envelope import Envelope
from shared.contracts.subjects import ANONYMOUS, EMAIL, USER, is_person

Key = tuple[int, str]
"""Workspace and name."""
Order = tuple[datetime, str]
"""Place of an event in history: `occurred_at`, `message_id`."""


class Link(msgspec.Struct, frozen=True, gc=False):
    """A row of `identifier`: where a name leads, because of which event, and the ends of the chain.

    `parent` is a stronger name, or for a root its home account, or None.
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
    """Pairs of a weaker name and the stronger one that the event puts beside it."""


def named(envelope: Envelope) -> Named:
    """Read the names off an event."""
    workspace = envelope.workspace_id
    order = (envelope.occurred_at, envelope.message_id)
    user_id, anonymous_id = envelope.user_id, envelope.anonymous_id
    email = envelope.email and envelope.email.strip().lower()
    account = envelope.account_id or None
    if user_id and not (email or anonymous_id or envelope.previous_id):
        return Named(workspace, order, (workspace, USER + user_id), account)
    names: list[Key] = []
    if user_id:
        names.append((workspace, USER + user_id))
    if email:
        names.append((workspace, EMAIL + email))
    if anonymous_id:
        names.append((workspace, ANONYMOUS + anonymous_id))
    if not names:
        return Named(workspace, order, None, account)
    strongest, *others = names
    if not strongest[1].startswith(ANONYMOUS):
        previous = envelope.previous_id
        if previous and previous != anonymous_id:
            others.append((workspace, ANONYMOUS + previous))
        weaker = tuple((other, strongest) for other in others)
    else:
        weaker = ()
    return Named(workspace, order, strongest, account, weaker)


@dataclass(slots=True)
class Evidence:
    """What was read again because a person lost a name to another: all that this person did."""

    homeless: set[Key] = field(default_factory=set)
    """Persons whose home is to be found anew, from `events` alone."""
    events: list[Named] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """How names resolve once the events are in."""

    links: dict[Key, Link]
    """Every name that was asked about."""
    changes: dict[Key, tuple[Link | None, Link]]
    """Rows to write: as they were (None: new) and as they become."""
    moved: set[Key]
    """Names that existed and now lead to another person or subject: their events move."""
    relied_on: set[Key]
    """Existing names that new or changed rows lead through: they must not move meanwhile."""
    unread: set[Key]
    """Moved names whose weaker names have not been read yet: read them and plan again."""
    shrunk: set[Key]
    """Persons that lost a name and are not in `Evidence.homeless` yet: read and plan again."""

    def resolve(self, event: Named) -> tuple[str | None, str]:
        """Person and subject of an event."""
        if event.person is None:
            if event.account is None:
                message = "an event names an account or a person"
                raise ValueError(message)
            return None, event.account
        link = self.links[event.person]
        return link.person_id, event.account or link.subject_id


class _Book:
    """The links while they are being worked out."""

    def __init__(self, known: Mapping[Key, Link | None], evidence: Evidence) -> None:
        self.known = known
        self.evidence = evidence
        self.parents: dict[Key, tuple[Order, Key]] = {}
        self.homes: dict[Key, tuple[Order, str]] = {}

    def parent(self, name: Key) -> tuple[Order, Key] | None:
        found = self.parents.get(name)
        if found is not None:
            return found
        link = self.known.get(name)
        if link is None or link.parent is None or not is_person(link.parent):
            return None
        order = link.order
        return None if order is None else (order, (name[0], link.parent))

    def root(self, name: Key) -> Key:
        # Chains are at most anonymous -> email -> user long: links only lead to stronger names.
        while (found := self.parent(name)) is not None:
            name = found[1]
        return name

    def home(self, root: Key) -> tuple[Order, str] | None:
        known = self.stored_home(root) if root not in self.evidence.homeless else None
        found = self.homes.get(root)
        if known is None or found is None:
            return known or found
        return min(known, found)

    def stored_home(self, name: Key) -> tuple[Order, str] | None:
        link = self.known.get(name)
        if link is None or link.parent is None or is_person(link.parent):
            return None
        order = link.order
        return None if order is None else (order, link.parent)

    def offer_parent(self, name: Key, parent: Key, order: Order) -> None:
        present = self.parent(name)
        if present is None or order < present[0]:
            self.parents[name] = (order, parent)

    def offer_home(self, root: Key, account: str, order: Order) -> None:
        present = self.home(root)
        if present is None or order < present[0]:
            self.homes[root] = (order, account)

    def concerns(self, name: Key, link: Link) -> bool:
        """Whether anything was offered that could change this row."""
        person = (name[0], link.person_id)
        return (
            name in self.parents
            or person in self.homes
            or person in self.parents
            or person in self.evidence.homeless
            or (link.parent is not None and (name[0], link.parent) in self.parents)
        )

    def link(self, name: Key) -> Link:
        root = self.root(name)
        home = self.home(root)
        subject_id = root[1] if home is None else home[1]
        if name == root:
            if home is None:
                return Link(None, None, None, root[1], subject_id)
            return Link(home[1], home[0][0], home[0][1], root[1], subject_id)
        parent = self.parent(name)
        if parent is None:
            raise AssertionError
        return Link(parent[1][1], parent[0][0], parent[0][1], root[1], subject_id)


def names_in(events: Iterable[Named]) -> set[Key]:
    """Every name that the events mention."""
    names: set[Key] = set()
    for event in events:
        if event.person is not None:
            names.add(event.person)
            for weaker, stronger in event.weaker:
                names.add(weaker)
                names.add(stronger)
    return names


def beyond(known: Mapping[Key, Link | None]) -> set[Key]:
    """Names that known ones lead to and that are not known themselves: to be read before `plan`."""
    missing: set[Key] = set()
    for (workspace, _), link in known.items():
        if link is None:
            continue
        if (person := (workspace, link.person_id)) not in known:
            missing.add(person)
        if link.parent is not None and link.parent != link.person_id and is_person(link.parent):
            parent = (workspace, link.parent)
            if parent not in known:
                missing.add(parent)
    return missing


def plan(
    events: Sequence[Named],
    known: Mapping[Key, Link | None],
    *,
    expanded: frozenset[Key] = frozenset(),
    evidence: Evidence | None = None,
) -> Plan:
    """Work out where names lead once `events` are in.

    `known` holds every name in `events`, closed under `beyond`; None: no such row. `expanded` are
    the names all of whose weaker names are in `known`. Cost: O(names), no I/O.
    """
    evidence = evidence or Evidence()
    book = _Book(known, evidence)
    told = [*events, *evidence.events]
    told_is_plain = not evidence.homeless
    for event in told:
        for weaker, stronger in event.weaker:
            book.offer_parent(weaker, stronger, event.order)
    for name in list(book.parents):
        # What was the home of this name goes along to the person that it now belongs to.
        home = book.stored_home(name)
        if home is not None and name not in evidence.homeless:
            book.offer_home(book.root(name), home[1], home[0])
    for event in told:
        if event.person is None or event.account is None:
            continue
        link = known.get(event.person)
        if (
            link is None
            or link.person_id != event.person[1]
            or link.linked_at is None
            or link.linked_at >= event.order[0]
            or not told_is_plain
        ):
            book.offer_home(book.root(event.person), event.account, event.order)
        # Else the ordinary case: a person at home since an earlier event; nothing to work out.
    links = {name: link for name, link in known.items() if link is not None}
    if len(links) == len(known) and not (book.parents or book.homes or evidence.homeless):
        # The usual batch: nobody new, nothing new about anybody.
        return Plan(links, {}, set(), set(), set(), set())
    return _compare(book, names_in(events) | links.keys(), expanded)


def _compare(book: _Book, names: set[Key], expanded: frozenset[Key]) -> Plan:
    links: dict[Key, Link] = {}
    changes: dict[Key, tuple[Link | None, Link]] = {}
    moved: set[Key] = set()
    relied_on: set[Key] = set()
    shrunk: set[Key] = set()
    for name in names:
        old = book.known.get(name)
        if old is not None and not book.concerns(name, old):
            links[name] = old
            continue
        new = book.link(name)
        links[name] = new
        if new == old:
            continue
        changes[name] = (old, new)
        relied_on.add((name[0], new.person_id))
        if new.parent is not None and is_person(new.parent):
            relied_on.add((name[0], new.parent))
        if old is None or (old.person_id, old.subject_id) == (new.person_id, new.subject_id):
            continue
        moved.add(name)
        former = (name[0], old.person_id)
        if former != name and book.root(former)[1] != new.person_id:
            shrunk.add(former)
    existing = {name for name in relied_on if book.known.get(name) is not None}
    return Plan(
        links=links,
        changes=changes,
        moved=moved,
        relied_on=existing - set(changes),
        unread=moved - expanded,
        shrunk=shrunk - book.evidence.homeless,
    )
