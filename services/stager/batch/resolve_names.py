"""Reads what identity resolution needs, and asks `resolution.plan` until nothing is missing.

Rows that will change are locked before anything that depends on them is read, so that another stager
cannot add to a person's history while it moves.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from services.stager.errors import Conflict
from services.stager.identity import resolution
from services.stager.identity.names import Key, Link, Named, is_equal, named
from services.stager.identity.resolution import Evidence, Plan
from services.stager.records.decode import decode_stored
from services.stager.store import erasure, read, write
from services.stager.store.rows import Kept, Writes
from services.stager.store.session import Connection
from services.stager.subjects.cache import Memory
from shared.contracts.names import is_person


@dataclass(slots=True)
class Known:
    """Names that were looked at, None for one without a row, and at which tick each was read."""

    links: dict[Key, Link | None] = field(default_factory=dict)
    read_at: dict[Key, int] = field(default_factory=dict)
    accounts: dict[Key, str] = field(default_factory=dict)
    """Accounts that were taken over, as their subjects tell, and which one stands for each."""
    marked: set[Key] = field(default_factory=set)
    """Names whose persons are to be forgotten."""


LoadSubjects = Callable[[Connection, set[Key]], Awaitable[object]]
"""Makes sure of the versions of subjects. It comes before their history is read: whoever adds to that
history afterwards raises the version, and the guard on the write finds out."""


async def resolve(
    connection: Connection,
    memory: Memory,
    events: Sequence[Named],
    known: Known,
    load: LoadSubjects,
) -> Plan:
    """Where the names in `events` lead. Raises Conflict when a remembered name proves stale.

    `known` is filled with every name that was looked at; after a conflict these are to be forgotten.
    """
    telling = events
    if not known.marked:
        telling = [event for event in events if not _is_old_news(event, memory, known)]
    if not telling:
        links = {name: link for name, link in known.links.items() if link is not None}
        return Plan(links, accounts=known.accounts)
    await _know(connection, memory, resolution.names_in(telling), known)
    plan = _plan(telling, known)
    if plan.moved or plan.shrunk:
        # Whoever moves may be named by any event, so now each counts.
        await _know(connection, memory, resolution.names_in(events), known)
        plan = await _resolve_moves(connection, memory, events, known, _plan(events, known), load)
    if plan.relied_on:
        await _hold(connection, plan.relied_on, known.links)
    return plan


def _plan(
    events: Sequence[Named],
    known: Known,
    expanded: frozenset[Key] = frozenset(),
    evidence: Evidence | None = None,
) -> Plan:
    return resolution.plan(
        events,
        known.links,
        expanded=expanded,
        evidence=evidence,
        accounts=known.accounts,
        marked=known.marked,
    )


def _is_old_news(event: Named, memory: Memory, known: Known) -> bool:
    """Whether the event cannot change anybody's identity: the usual case, told from memory alone.

    True for a root whose home is known since before the event, with weaker names that have been linked
    since before. Takes what it looked at into `known`.
    """
    name, at = event.person, event.order[0]
    if name is None:
        return not event.weaker
    held = memory.links.get(name)
    if held is None:
        return False
    link = held[0]
    if link.person_id != name[1] or (
        event.account is not None
        and (
            link.linked_at is None
            or link.linked_at >= at
            or link.parent is None
            or is_person(link.parent)
        )
    ):
        return False
    for weaker, _ in event.weaker:
        other = memory.links.get(weaker)
        if other is None or not _is_settled(other[0], weaker, name, at):
            return False
    known.links[name], known.read_at[name] = held
    return True


def _is_settled(link: Link, weaker: Key, name: Key, at: datetime) -> bool:
    """Whether a link to `name` at an instant is too late, or too weak, to be this name's own."""
    if link.person_id == weaker[1] or link.parent is None or link.linked_at is None:
        return False
    if is_equal(weaker[1], link.parent) and not is_equal(weaker[1], name[1]):
        return False
    return link.linked_at < at


def add_links(plan: Plan, writes: Writes) -> None:
    """Rows of `identifier` that the plan asks for."""
    for key, (old, new) in plan.changes.items():
        if key in plan.forgotten:
            continue
        row = (*key, new.parent, new.linked_at, new.linked_by, new.person_id, new.subject_id)
        if old is None:
            writes.links_new.append(row)
        else:
            former = (old.parent, old.linked_by, old.person_id, old.subject_id)
            writes.links_changed.append((*row, *former))


async def hold_unchanged(connection: Connection, names: Iterable[Key], plan: Plan) -> None:
    """Lock existing names against a move until the transaction ends. Raises Conflict."""
    await _hold(connection, set(names), plan.links)


async def look_again(connection: Connection, memory: Memory, names: set[Key], known: Known) -> None:
    """Make sure that names are as they were read. Raises Conflict."""
    tick = memory.tick()
    rows = await read.links(connection, names)
    if stale := [name for name in names if rows.get(name) != known.links[name]]:
        raise Conflict(f"{len(stale)} names were moved before their subjects were read")
    for name, link in rows.items():
        memory.links.put(name, (link, tick))


async def _know(
    connection: Connection,
    memory: Memory,
    names: Iterable[Key],
    known: Known,
) -> None:
    """Extend `known` by `names` and everything that they lead through."""
    links = known.links
    wanted = set(names) - links.keys()
    while wanted:
        unread: list[Key] = []
        for name in wanted:
            # Accounts are always looked at: nothing of theirs is remembered but their subject.
            remembered = memory.links.get(name) if is_person(name[1]) else None
            if remembered is None:
                unread.append(name)
            else:
                links[name], known.read_at[name] = remembered
        if unread:
            tick = memory.tick()
            rows = await read.links(connection, unread)
            for name in unread:
                link = links[name] = rows.get(name)
                if link is not None:
                    known.read_at[name] = tick
                    memory.links.put(name, (link, tick))
        wanted = resolution.beyond({name: links[name] for name in wanted}) - links.keys()


async def _resolve_moves(  # noqa: PLR0917 - what `resolve` has
    connection: Connection,
    memory: Memory,
    events: Sequence[Named],
    known: Known,
    plan: Plan,
    load: LoadSubjects,
) -> Plan:
    """The rare path: names change hands, so what hangs on them is read and locked."""
    evidence = Evidence()
    expanded: set[Key] = set()
    locked: set[Key] = set()

    async def lock(names: AbstractSet[Key]) -> None:
        if fresh := names - locked:
            await _hold(connection, fresh, known.links, for_update=True)
            locked.update(fresh)

    async def expand(names: AbstractSet[Key]) -> AbstractSet[Key]:
        # Nobody can put a new name under a locked one, so this is all of them.
        below = await read.weaker_names(connection, names)
        known.links.update(below)
        expanded.update(names, below)
        await _know(connection, memory, resolution.beyond(known.links), known)
        if former := _former_accounts(names, known.links):
            # People at home there whose row tells no home, and whoever else was seen there.
            await load(connection, former)
            people = await read.persons_in(connection, former)
            await _know(connection, memory, people, known)
        return below.keys()

    while True:
        await lock(plan.moved)
        if not plan.unread and not plan.shrunk:
            return plan
        if plan.unread:
            await expand(plan.unread)
        if plan.shrunk:
            # All names of these persons, or one of them could do something unseen meanwhile.
            await lock(plan.shrunk)
            await lock(await expand(plan.shrunk))
            evidence.homeless |= plan.shrunk
            rows = await _touchpoints_of(connection, plan.shrunk, load)
            evidence.events += _deeds(rows, known.accounts)
            await _know(connection, memory, resolution.names_in(evidence.events), known)
        plan = _plan(events, known, frozenset(expanded), evidence)


def _deeds(rows: Sequence[Kept], accounts: dict[Key, str]) -> list[Named]:
    """What stored events say about identity; fills in which account stands for those they name."""
    deeds: list[Named] = []
    for row in rows:
        deed = named(decode_stored(row.envelope))
        deeds.append(deed)
        if deed.account is not None:
            accounts.setdefault((deed.workspace_id, deed.account), row.subject_id)
    return deeds


def _former_accounts(names: AbstractSet[Key], links: Mapping[Key, Link | None]) -> set[Key]:
    """Where the accounts among the names led until now."""
    former: set[Key] = set()
    for name in names:
        if not is_person(name[1]):
            link = links.get(name)
            former.add(name if link is None else (name[0], link.subject_id))
    return former


async def _touchpoints_of(
    connection: Connection, persons: set[Key], load: LoadSubjects
) -> list[Kept]:
    """Everything that the given persons did, in whatever subject they were seen."""
    seen = await read.seen_in(connection, persons)
    subjects = {(person[0], subject) for person, found in seen.items() for subject in found}
    await load(connection, subjects)
    history = await read.history(connection, subjects)
    return [
        row
        for (workspace, _), rows in history.items()
        for row in rows
        if row.person_id is not None and (workspace, row.person_id) in persons
    ]


async def _hold(
    connection: Connection,
    names: AbstractSet[Key],
    known: "Mapping[Key, Link | None]",
    *,
    for_update: bool = False,
) -> None:
    rows = await read.links_held(connection, names, for_update=for_update)
    if stale := [name for name in names if rows.get(name) != known[name]]:
        raise Conflict(f"{len(stale)} names were linked meanwhile")


@dataclass(frozen=True, slots=True)
class Moves:
    """What a merge, or a link that was taken back, or an erasure has set in motion."""

    affected: set[Key]
    """Subjects and persons whose history is another one now."""
    seen: list[tuple[int, str | None, str]]
    """(workspace, person, subject) of each event that moved."""


async def move_events(
    connection: Connection, plan: Plan, writes: Writes, load: LoadSubjects
) -> Moves:
    """Give the events of names that changed hands to whom these now belong, or to nobody."""
    accounts = {name for name in plan.moved if not is_person(name[1])}
    emptied = _former_accounts(accounts, {name: plan.changes[name][0] for name in accounts})
    persons, affected = _ends(plan)
    affected |= emptied
    for person, subjects in (await read.seen_in(connection, persons)).items():
        affected |= {(person[0], subject) for subject in subjects}
    rows = await _touchpoints_of(connection, persons, load)
    if emptied:
        await load(connection, emptied)
        for found in (await read.history(connection, emptied)).values():
            rows += found
    told = {(said.workspace_id, row.message_id): (said, row) for said, row in map(_reread, rows)}
    seen: list[tuple[int, str | None, str]] = []
    for message, (said, row) in told.items():
        workspace = message[0]
        person_id, subject_id = _owner(plan, said, row)
        if person_id is not None and (workspace, person_id) in plan.forgotten:
            writes.touchpoints_gone.append(message)
        elif (person_id, subject_id) != (row.person_id, row.subject_id):
            writes.moved.append((workspace, row.message_id, subject_id, person_id))
            affected.add((workspace, subject_id))
            seen.append((workspace, person_id, subject_id))
    await write.moves(connection, writes)
    await erasure.remove_touchpoints(connection, writes.touchpoints_gone)
    return Moves(affected, seen)


def _ends(plan: Plan) -> tuple[set[Key], set[Key]]:
    """(persons whose names move, everybody at either end of a move)."""
    persons: set[Key] = set()
    ends: set[Key] = set()
    for name in plan.moved:
        workspace = name[0]
        old, new = plan.changes[name]
        ends |= {name, (workspace, new.subject_id)}
        if is_person(name[1]):
            ends.add((workspace, new.person_id))
            if old is not None:
                persons.add((workspace, old.person_id))
                ends |= {(workspace, old.person_id), (workspace, old.subject_id)}
    return persons, ends


def _reread(row: Kept) -> tuple[Named, Kept]:
    return named(decode_stored(row.envelope)), row


def _owner(plan: Plan, said: Named, row: Kept) -> tuple[str | None, str]:
    """Person and subject of a stored event, whose account led to the subject that it has."""
    person_id, subject_id = row.person_id, row.subject_id
    if said.person is not None and said.person in plan.links:
        # Else somebody who does not move, seen in an account that does.
        link = plan.links[said.person]
        person_id, subject_id = link.person_id, link.subject_id
    if said.account is not None:
        account = (said.workspace_id, said.account)
        subject_id = plan.accounts.get(account, row.subject_id)
    return person_id, subject_id
