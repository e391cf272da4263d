"""Step: read the subjects and members that the events change, and check that they fit together."""

from collections.abc import Sequence

from services.stager.batch.context import BatchContext
from services.stager.errors import Conflict
from services.stager.identity.names import Key
from services.stager.records.records import BatchEvent
from services.stager.store import read
from services.stager.store.session import Connection
from services.stager.subjects.subject import Subject
from shared.contracts.names import is_person


async def load_subjects(connection: Connection, batch: BatchContext) -> None:
    """Group the events by subject and person, and read what they change. Raises Conflict."""
    _group(batch)
    keys = batch.by_subject.keys() | batch.by_person.keys() | batch.changed_histories
    await batch.subjects.load(connection, keys)
    await _read_older_names_again(connection, batch)
    await _read_older_accounts_again(connection, batch)
    new_members = await batch.members.load(connection, batch.by_subject, batch.subjects.read_at)
    if existing := new_members - batch.resolution.changes.keys():
        # A person that is new in a subject must not move before the row of `member` is visible.
        await batch.names.lock_unmoved(connection, existing, batch.resolution)


def _group(batch: BatchContext) -> None:
    by_subject, by_person = batch.by_subject, batch.by_person
    for event in batch.records.events:
        workspace = event.envelope.workspace_id
        by_subject.setdefault((workspace, event.subject), []).append(event)
        if (
            event.person is not None
            and event.person != event.subject
            and batch.journeys.of(workspace).of_persons
        ):
            by_person.setdefault((workspace, event.person), []).append(event)
            batch.see(workspace, event.person, event.subject)


async def _read_older_names_again(connection: Connection, batch: BatchContext) -> None:
    """Compare the names that were read before the subjects that they lead to (see `RowCache`)."""
    names_read_at, subjects_read_at = batch.names.read_at, batch.subjects.read_at
    older: set[Key] = set()
    for key, events in (*batch.by_subject.items(), *batch.by_person.items()):
        subject_read_at = subjects_read_at[key]
        if not subject_read_at:
            continue
        if names_read_at.get(key, subject_read_at) < subject_read_at:
            older.add(key)
        for event in events:
            for name in _names_behind(event):
                if names_read_at.get(name, subject_read_at) < subject_read_at:
                    older.add(name)
    # Names that this batch changes are guarded by their former content.
    older -= batch.resolution.changes.keys() | batch.resolution.removed.keys()
    if older:
        await batch.names.read_again(connection, older)


def _names_behind(event: BatchEvent) -> Sequence[Key]:
    """The names whose rows say whose the event is."""
    names = event.names
    people, person = names.people, event.person
    if names.device is None and len(people) == 1 and people[0][1] == person:
        return people
    behind = [*people]
    if names.device is not None:
        behind.append(names.device)
    if person is not None:
        behind.append((names.workspace_id, person))
    return behind


async def _read_older_accounts_again(connection: Connection, batch: BatchContext) -> None:
    """The same for absorbed accounts, whose rows in `subject` hold the survivor."""
    changes = batch.resolution.changes.keys() | batch.resolution.removed.keys()
    older: dict[Key, Subject] = {}
    for key, events in batch.by_subject.items():
        merged_into = batch.subjects.subjects[key].merged_into
        if merged_into is not None and not is_person(key[1]) and key not in changes:
            raise Conflict("another account absorbed the subject of an event")
        if batch.resolution.accounts:
            older.update(_absorbed_accounts(batch, key, events))
    older = {key: subject for key, subject in older.items() if key not in changes}
    if older:
        rows = await read.subjects(connection, older)
        if any(rows.get(key) != subject for key, subject in older.items()):
            raise Conflict("an absorbed account was changed by another stager")


def _absorbed_accounts(
    batch: BatchContext, key: Key, events: Sequence[BatchEvent]
) -> dict[Key, Subject]:
    """Accounts in the events of subject `key` that it absorbed, if they were read before it."""
    loader = batch.subjects
    absorbed: dict[Key, Subject] = {}
    for event in events:
        account = event.names.account
        if account is None or account == key[1]:
            continue
        named = (key[0], account)
        if loader.read_at.get(named, 0) < loader.read_at[key]:
            absorbed[named] = loader.subjects[named]
    return absorbed
