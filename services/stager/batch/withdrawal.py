"""Removes stored touchpoints as if they had never arrived.

Whatever an event says of who is who may hide or carry what others say, so nothing is subtracted: the rows
and statements of all names that the removed events are connected with are deleted, and everything that is
left of their events is resolved once more as one batch. The outcome of resolution depends on the set of
events alone (decision 0024), so this is the outcome of a history that never had the removed ones.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from services.stager.batch.context import BatchContext
from services.stager.batch.steps.fold import fold
from services.stager.batch.steps.load_subjects import load_subjects
from services.stager.batch.steps.write import write
from services.stager.errors import RetractionTooLarge
from services.stager.fold.output_rows import RefoldReason
from services.stager.identity.names import EventNames, Key, event_names
from services.stager.identity.state import NameRow, StoredEvent
from services.stager.identity.statements import names_in, statements_of
from services.stager.store import identity, read
from services.stager.store import retraction as tables
from services.stager.store import write as history
from services.stager.store.rows import StoredTouchpoint
from services.stager.store.session import Connection
from shared.contracts.names import is_person
from shared.history import decode_stored

MOST_EVENTS = 100_000
"""Stored events that one transaction resolves again: about 100 MB and ten seconds."""


@dataclass(slots=True)
class _Connected:
    """All names that some events are connected with, and all events of these names."""

    names: set[Key] = field(default_factory=set)
    """Of people; of accounts only where the removed events state something about accounts."""
    rows: dict[Key, NameRow] = field(default_factory=dict)
    events: dict[Key, StoredEvent] = field(default_factory=dict)


async def withdraw(
    connection: Connection, batch: BatchContext, messages: Collection[Key]
) -> set[Key]:
    """Remove these touchpoints, as far as they are stored, with all that follows; returns their keys.

    Fills `batch` like the steps of a batch without records. Only with no other batch under way: rows begin
    with their first version again. Raises Conflict, RetractionTooLarge, FoldFailed.
    """
    stored = await tables.touchpoints(connection, messages)
    if not stored:
        return set()
    removed: dict[Key, StoredEvent] = {}
    imported: set[tuple[int, str, str]] = set()
    for key, row in stored.items():
        envelope = decode_stored(row.envelope)
        removed[key] = StoredEvent(event_names(envelope), row.person_id, row.subject_id)
        if envelope.import_id is not None:
            imported.add((key[0], envelope.import_id, key[1]))
    connected = await _connected(connection, removed)
    await tables.delete_touchpoints(connection, stored, imported)
    await tables.delete_names(connection, connected.names)
    # Nothing that was read before may answer for the rows that are gone.
    batch.cache.clear()
    batch.refold_reason = RefoldReason.RETRACT
    await _resolve_again(connection, batch, connected, removed)
    await load_subjects(connection, batch)
    await _read_modes(connection, batch, connected)
    await fold(connection, batch)
    emptied = _without_events(batch)
    writes = batch.output.writes
    writes.subjects = [row for row in writes.subjects if (row[0], row[1]) not in emptied]
    await write(connection, batch)
    await tables.delete_subjects(connection, emptied)
    mentioned = {name for each in removed.values() for name in names_in(each.names)}
    await tables.delete_bare_names(
        connection, {name for name in mentioned - connected.names if is_person(name[1])}
    )
    return set(removed)


async def _connected(connection: Connection, removed: dict[Key, StoredEvent]) -> _Connected:
    reach = _Connected()
    waiting: set[Key] = set()
    for each in removed.values():
        waiting |= _people(each.names)
        if each.person_id is not None:
            waiting.add((each.names.workspace_id, each.person_id))
        for statement in statements_of(each.names):
            waiting |= {statement.name, statement.other}
    while waiting:
        reach.names |= waiting
        reached = await _neighbours(connection, waiting, reach)
        if len(reach.events) > MOST_EVENTS:
            raise RetractionTooLarge(f"more than {MOST_EVENTS:,} events would be resolved again")
        waiting = reached - reach.names
    for key in removed:
        reach.events.pop(key, None)
    return reach


async def _neighbours(connection: Connection, names: set[Key], reach: _Connected) -> set[Key]:
    """Names that rows, statements and events connect with the given ones; adds to `reach`."""
    people = {name for name in names if is_person(name[1])}
    rows = await identity.names(connection, names)
    reach.rows |= rows
    reached: set[Key] = set()
    for (workspace, name), row in rows.items():
        reached.add((workspace, row.person_id))
        if is_person(name):
            reached |= {(workspace, each.value) for each in row.users}
    reached |= (await identity.names_of(connection, people)).keys()
    for statement in await tables.statements(connection, names):
        reached |= {statement.name, statement.other}
    of_people = await identity.history_of_persons(connection, people)
    of_accounts = await read.history(connection, names - people)
    for (workspace, _), stored in (*of_people.items(), *of_accounts.items()):
        for each in stored:
            reached |= _add(reach, workspace, each)
    return reached


def _add(reach: _Connected, workspace: int, row: StoredTouchpoint) -> set[Key]:
    key = (workspace, row.message_id)
    if key in reach.events:
        return set()
    names = event_names(decode_stored(row.envelope))
    reach.events[key] = StoredEvent(names, row.person_id, row.subject_id)
    return _people(names)


def _people(names: EventNames) -> set[Key]:
    """Names of people that an event connects: not one that it only mentions, of which nothing follows."""
    people = {name for each in statements_of(names) for name in (each.name, each.other)}
    people = {name for name in people if is_person(name[1])}
    if names.person is not None:
        people.add(names.person)
    return people


async def _resolve_again(
    connection: Connection,
    batch: BatchContext,
    connected: _Connected,
    removed: dict[Key, StoredEvent],
) -> None:
    """Resolve what is left, and move the events that belong elsewhere now."""
    kept = sorted(connected.events.items(), key=lambda item: item[1].names.order)
    resolution = batch.resolution = await batch.names.resolve(
        connection, [each.names for _, each in kept], set()
    )
    await identity.write(connection, resolution.changes, resolution.removed, resolution.statements)
    owners = {
        (move.message): (move.person_id, move.subject_id, move.old_person_id, move.old_subject_id)
        for move in resolution.moves
    }
    for (key, each), (person, subject) in zip(kept, resolution.owners, strict=True):
        if (person, subject) != (each.person_id, each.subject_id):
            owners[key] = (person, subject, each.person_id, each.subject_id)
    changed = _changed_names(batch, connected) | resolution.ends
    for (workspace, message_id), (person, subject, old_person, old_subject) in owners.items():
        batch.output.writes.moved.append((workspace, message_id, subject, person))
        changed |= {(workspace, subject), (workspace, old_subject)}
        changed |= _with_journeys(batch, workspace, person, old_person)
        batch.see(workspace, person, subject)
    for (workspace, _), each in removed.items():
        changed.add((workspace, each.subject_id))
        changed |= _with_journeys(batch, workspace, each.person_id)
    await history.move_touchpoints(connection, batch.output.writes)
    batch.changed_histories = changed


def _with_journeys(batch: BatchContext, workspace: int, *people: str | None) -> set[Key]:
    """Persons whose own journeys fold what they did anywhere."""
    if not batch.journeys.of(workspace).of_persons:
        return set()
    return {(workspace, person) for person in people if person is not None}


def _changed_names(batch: BatchContext, connected: _Connected) -> set[Key]:
    """Names and accounts whose own subject begins or ends to be one."""
    changed: set[Key] = set()
    for name in connected.names:
        workspace = name[0]
        old, new = connected.rows.get(name), batch.resolution.links.get(name)
        if _leads_to(old) == _leads_to(new):
            continue
        changed.add(name)
        for row in (old, new):
            if row is not None:
                end = row.person_id if is_person(name[1]) else row.subject_id
                changed.add((workspace, end))
    return changed


def _leads_to(row: NameRow | None) -> tuple[str, str] | None:
    return None if row is None else (row.person_id, row.subject_id)


async def _read_modes(connection: Connection, batch: BatchContext, connected: _Connected) -> None:
    """Read how subjects are folded that the resolution had no need to look at."""
    resolution, changed = batch.resolution, batch.changed_histories
    unread = {key for key in changed if is_person(key[1])} - resolution.links.keys()
    if unread := unread - connected.names:
        resolution.links = {**resolution.links, **await identity.names(connection, unread)}
    absorbed = {
        key: survivor
        for key in changed - connected.names
        if not is_person(key[1])
        and (survivor := batch.subjects.subjects[key].merged_into) is not None
    }
    resolution.accounts = {**absorbed, **resolution.accounts}


def _without_events(batch: BatchContext) -> set[Key]:
    """Subjects of which nothing is left: they are deleted instead of written."""
    subjects = batch.output.subjects
    return {
        key
        for key in batch.changed_histories
        if key in subjects and subjects[key].touchpoints == 0 and subjects[key].merged_into is None
    }
