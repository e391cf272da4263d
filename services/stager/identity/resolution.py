"""Who an event is about: links between names, resolved. Pure.

A name (`user:`, `email:`, `anonymous:`) leads to at most one other, and the end of such a chain is the
person; a person leads to at most one home account, and that to at most one which took it over. Of
several links the first by event order wins, so the outcome is a function of the set of events
(decision 0008):

    parent(name)    = first event that names it together with a stronger name, else with an equal one
    home(person)    = first event with an account whose strongest name belongs to the person
    survivor(account) = first event by which another account takes it over
    subject         = the event's own account, else the person's home, else the person; taken over
                      accounts followed

`plan` works on what is known of a few names and says what is missing; its caller reads that and asks
again. It never needs all names of a workspace.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from services.stager.identity.graph import Book, stored_without_home
from services.stager.identity.names import Key, Link, Named
from shared.contracts.names import is_person


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
    """Every name that was asked about; an account only where another one took it over."""
    changes: dict[Key, tuple[Link | None, Link]] = field(default_factory=dict)
    """Rows to write: as they were (None: new) and as they become."""
    moved: set[Key] = field(default_factory=set)
    """Names that now lead to another person or subject: their events move."""
    relied_on: set[Key] = field(default_factory=set)
    """Existing names that new or changed rows lead through: they must not move meanwhile."""
    unread: set[Key] = field(default_factory=set)
    """Moved names whose weaker names have not been read yet: read them and plan again."""
    shrunk: set[Key] = field(default_factory=set)
    """Persons that lost a name, or whose row tells no home, and that are not in `Evidence.homeless`
    yet: read and plan again."""
    accounts: Mapping[Key, str] = field(default_factory=dict)
    """Accounts that were taken over, as far as known, and by which."""
    forgotten: AbstractSet[Key] = frozenset()
    """All known names of the people who are to be forgotten."""

    def resolve(self, event: Named) -> tuple[str | None, str]:
        """Person and subject of an event."""
        account = event.account
        if account is not None and self.accounts:
            account = self.accounts.get((event.workspace_id, account), account)
        if event.person is None:
            if account is None:
                message = "an event names an account or a person"
                raise ValueError(message)
            return None, account
        link = self.links[event.person]
        return link.person_id, account or link.subject_id


def names_in(events: Iterable[Named]) -> set[Key]:
    """Every name that the events mention."""
    names: set[Key] = set()
    for event in events:
        if event.person is not None:
            names.add(event.person)
        for name, other in event.weaker:
            names.add(name)
            names.add(other)
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
    accounts: Mapping[Key, str] | None = None,
    marked: AbstractSet[Key] = frozenset(),
) -> Plan:
    """Work out where names lead once `events` are in.

    `known` holds every name in `events`, closed under `beyond`; None: no such row. `expanded` are
    the names all of whose weaker names are in `known`. `accounts` are those not in `known` that were
    taken over, with their survivor. `marked` are names in `events` whose persons are to be forgotten.
    Cost: O(names), no I/O.
    """
    evidence = evidence or Evidence()
    book = Book(known, evidence.homeless, accounts or {})
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
            or link.parent is None
            or is_person(link.parent)
            or not told_is_plain
        ):
            book.offer_home(book.root(event.person), event.account, event.order)
        # Else the ordinary case: a person at home since an earlier event; nothing to work out.
    book.mark(marked)
    links = {name: link for name, link in known.items() if link is not None}
    if len(links) == len(known) and not (
        book.parents or book.homes or evidence.homeless or book.marked
    ):
        # The usual batch: nobody new, nothing new about anybody.
        return Plan(links, accounts=accounts or {})
    found = _compare(book, names_in(events) | links.keys(), expanded)
    found.accounts = {
        **book.accounts,
        **{key: link.subject_id for key, link in found.links.items() if not is_person(key[1])},
    }
    return found


def _compare(book: Book, names: set[Key], expanded: frozenset[Key]) -> Plan:
    found = Plan({})
    relied_on: set[Key] = set()
    forgotten: set[Key] = set()
    for name in names:
        old = book.known.get(name)
        if old is not None and not book.concerns(name, old):
            found.links[name] = old
            continue
        if old is None and not is_person(name[1]) and book.parent(name) is None:
            # An account that nobody took over needs no row.
            continue
        new = found.links[name] = book.link(name)
        is_marked = book.root(name) in book.marked
        if is_marked:
            forgotten.add(name)
        if is_person(name[1]):
            _look_for_home(book, name, old, new, found.shrunk)
        if new == old and not is_marked:
            continue
        found.changes[name] = (old, new)
        relied_on.add((name[0], new.person_id))
        if new.parent is not None and is_person(new.parent):
            relied_on.add((name[0], new.parent))
        if _moves(name, old, new, is_marked=is_marked):
            found.moved.add(name)
    existing = {name for name in relied_on if book.known.get(name) is not None}
    found.relied_on = existing - set(found.changes)
    found.unread = found.moved - expanded
    found.shrunk -= book.homeless
    found.forgotten = forgotten
    return found


def _moves(name: Key, old: Link | None, new: Link, *, is_marked: bool) -> bool:
    """Whether events of this name may now belong to somebody else."""
    if not is_person(name[1]):
        return new.subject_id != (name[1] if old is None else old.subject_id)
    if old is None:
        return False
    return is_marked or (old.person_id, old.subject_id) != (new.person_id, new.subject_id)


def _look_for_home(book: Book, name: Key, old: Link | None, new: Link, shrunk: set[Key]) -> None:
    """Note whose home has to be found among what they did, because no row tells it."""
    root = (name[0], new.person_id)
    if book.tells_no_home(root):
        shrunk.add(root)
        if old is not None:
            shrunk.add((name[0], old.person_id))
    if old is None:
        return
    former = (name[0], old.person_id)
    if root != former and (
        stored_without_home(book.known, former) or (former != name and book.root(former) != root)
    ):
        shrunk.add(former)
