"""Who an event is about: where names lead once the events of a batch are in. Pure.

A name (`user:`, `email:`, `anonymous:`) leads to at most one other, and the end of such a chain is the
person; a person has at most one home account, and an account leads to at most one which absorbed it. Of
several links the first by event order wins, so the outcome is a function of the set of events
(decision 0008):

    parent(name)    = first event that names it together with a stronger name, else with an equal one
    home(person)    = first event with an account whose strongest name belongs to the person
    survivor(account) = first event by which another account absorbs it
    subject         = the event's own account, else the person's home, else the person; absorbed
                      accounts replaced by their survivor

`resolve` works on the stored rows of a few names and reports which others it lacks; the caller reads
those and calls again. It never needs all names of a workspace.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from services.stager.identity.graph import IdentityGraph, stored_row_has_no_room_for_home
from services.stager.identity.names import EventNames, Key, Link
from shared.contracts.names import is_person


@dataclass(slots=True)
class Evidence:
    """Stored events that were read because their person lost a name: all that this person did."""

    recompute_home: set[Key] = field(default_factory=set)
    """Persons whose home follows from `events` alone; the stored one does not count."""
    events: list[EventNames] = field(default_factory=list)


@dataclass(slots=True)
class Resolution:
    """Where names lead once the events are in, and which rows change by it."""

    links: dict[Key, Link]
    """Every name of the events; an account only if another one absorbed it."""
    changes: dict[Key, tuple[Link | None, Link]] = field(default_factory=dict)
    """Rows to write: as they were (None: new) and as they become."""
    moved: set[Key] = field(default_factory=set)
    """Names that now lead to another person or subject: their stored events move."""
    depends_on: set[Key] = field(default_factory=set)
    """Existing names that new or changed rows lead through: they must not move until the commit."""
    unread: set[Key] = field(default_factory=set)
    """Moved names whose weaker names have not been read yet: read them and resolve again."""
    lost_members: set[Key] = field(default_factory=set)
    """Persons that lost a name, or whose row has no room for the home, and that are not in
    `Evidence.recompute_home` yet: read their events and resolve again."""
    accounts: Mapping[Key, str] = field(default_factory=dict)
    """Absorbed accounts, as far as they were read, and the account that stands for each."""
    erased_names: AbstractSet[Key] = frozenset()
    """All names of the persons to erase, as far as they were read."""

    def owner(self, event: EventNames) -> tuple[str | None, str]:
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


def names_in(events: Iterable[EventNames]) -> set[Key]:
    """Every name in the events."""
    names: set[Key] = set()
    for event in events:
        if event.person is not None:
            names.add(event.person)
        for name, other in event.weaker:
            names.add(name)
            names.add(other)
    return names


def missing_targets(stored: Mapping[Key, Link | None]) -> set[Key]:
    """Names that stored rows lead to and that are not in `stored`: to be read before `resolve`."""
    missing: set[Key] = set()
    for (workspace, _), link in stored.items():
        if link is None:
            continue
        if (person := (workspace, link.person_id)) not in stored:
            missing.add(person)
        if link.parent is not None and link.parent != link.person_id and is_person(link.parent):
            parent = (workspace, link.parent)
            if parent not in stored:
                missing.add(parent)
    return missing


def former_accounts(names: AbstractSet[Key], stored: Mapping[Key, Link | None]) -> set[Key]:
    """The accounts to which those among the names lead by their stored rows."""
    former: set[Key] = set()
    for name in names:
        if not is_person(name[1]):
            link = stored.get(name)
            former.add(name if link is None else (name[0], link.subject_id))
    return former


def resolve(
    events: Sequence[EventNames],
    stored: Mapping[Key, Link | None],
    *,
    expanded: frozenset[Key] = frozenset(),
    evidence: Evidence | None = None,
    accounts: Mapping[Key, str] | None = None,
    to_erase: AbstractSet[Key] = frozenset(),
) -> Resolution:
    """Work out where names lead once `events` are in.

    `stored` holds every name in `events`, with the names that `missing_targets` reports; None: there is
    no such row. `expanded`: names all of whose weaker names are in `stored`. `accounts`: absorbed
    accounts that are not in `stored`, with their survivor. `to_erase`: names in `events` whose persons
    are to be erased. Cost: O(names), no I/O.
    """
    evidence = evidence or Evidence()
    graph = IdentityGraph(stored, evidence.recompute_home, accounts or {})
    _propose(graph, [*events, *evidence.events])
    graph.erase(to_erase)
    links = {name: link for name, link in stored.items() if link is not None}
    if len(links) == len(stored) and not (
        graph.parents or graph.homes or evidence.recompute_home or graph.to_erase
    ):
        # The usual batch: no new name and no new link.
        return Resolution(links, accounts=accounts or {})
    resolution = _compare(graph, names_in(events) | links.keys(), expanded)
    resolution.accounts = {
        **graph.accounts,
        **{key: link.subject_id for key, link in resolution.links.items() if not is_person(key[1])},
    }
    return resolution


def _propose(graph: IdentityGraph, events: Sequence[EventNames]) -> None:
    for event in events:
        for weaker, stronger in event.weaker:
            graph.propose_parent(weaker, stronger, event.order)
    for name in list(graph.parents):
        # The home of a name goes along to the person that the name now belongs to.
        home = graph.stored_home(name)
        if home is not None and name not in graph.recompute_home:
            graph.propose_home(graph.root(name), home[1], home[0])
    is_home_stored = not graph.recompute_home
    for event in events:
        if event.person is None or event.account is None:
            continue
        link = graph.stored.get(event.person)
        if (
            link is None
            or link.person_id != event.person[1]
            or link.linked_at is None
            or link.linked_at >= event.order[0]
            or link.parent is None
            or is_person(link.parent)
            or not is_home_stored
        ):
            graph.propose_home(graph.root(event.person), event.account, event.order)
        # Else the ordinary case: the person has a home since an earlier event.


def _compare(graph: IdentityGraph, names: set[Key], expanded: frozenset[Key]) -> Resolution:
    """The rows of `names` with the candidates in, beside the stored ones."""
    resolution = Resolution({})
    depends_on: set[Key] = set()
    erased_names: set[Key] = set()
    for name in names:
        old = graph.stored.get(name)
        if old is not None and not graph.may_change(name, old):
            resolution.links[name] = old
            continue
        if old is None and not is_person(name[1]) and graph.parent(name) is None:
            # An account that no other one absorbed needs no row.
            continue
        new = resolution.links[name] = graph.row(name)
        is_erased = graph.root(name) in graph.to_erase
        if is_erased:
            erased_names.add(name)
        if is_person(name[1]):
            _find_unstored_homes(graph, name, old, new, resolution.lost_members)
        if new == old and not is_erased:
            continue
        resolution.changes[name] = (old, new)
        depends_on.add((name[0], new.person_id))
        if new.parent is not None and is_person(new.parent):
            depends_on.add((name[0], new.parent))
        if _moves(name, old, new, is_erased=is_erased):
            resolution.moved.add(name)
    existing = {name for name in depends_on if graph.stored.get(name) is not None}
    resolution.depends_on = existing - set(resolution.changes)
    resolution.unread = resolution.moved - expanded
    resolution.lost_members -= graph.recompute_home
    resolution.erased_names = erased_names
    return resolution


def _moves(name: Key, old: Link | None, new: Link, *, is_erased: bool) -> bool:
    """Whether stored events of this name may now belong to another subject or person."""
    if not is_person(name[1]):
        return new.subject_id != (name[1] if old is None else old.subject_id)
    if old is None:
        return False
    return is_erased or (old.person_id, old.subject_id) != (new.person_id, new.subject_id)


def _find_unstored_homes(
    graph: IdentityGraph, name: Key, old: Link | None, new: Link, lost_members: set[Key]
) -> None:
    """Add the persons whose home no row holds, so that it has to be computed from their events."""
    root = (name[0], new.person_id)
    if graph.has_no_room_for_home(root):
        lost_members.add(root)
        if old is not None:
            lost_members.add((name[0], old.person_id))
    if old is None:
        return
    former = (name[0], old.person_id)
    if root != former and (
        stored_row_has_no_room_for_home(graph.stored, former)
        or (former != name and graph.root(former) != root)
    ):
        lost_members.add(former)
