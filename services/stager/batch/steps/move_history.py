"""Step: write the names that changed, and move their stored history."""

from services.stager.batch.context import BatchContext
from services.stager.identity.names import EventNames, Key, event_names
from services.stager.identity.resolution import Resolution, former_accounts
from services.stager.store import erasure, read, write
from services.stager.store.rows import StoredTouchpoint, Writes
from services.stager.store.session import Connection
from shared.contracts.names import is_person
from shared.history import decode_stored


async def move_history(connection: Connection, batch: BatchContext) -> None:
    """Write the names that changed, and give their touchpoints the new person and subject.

    Touchpoints of erased persons are deleted. Raises Conflict.
    """
    resolution, writes = batch.resolution, batch.output.writes
    _add_links(resolution, writes)
    await write.links(connection, writes)
    if not resolution.moved:
        return
    accounts = {name for name in resolution.moved if not is_person(name[1])}
    former = former_accounts(accounts, {name: resolution.changes[name][0] for name in accounts})
    persons, changed = _ends(resolution)
    changed |= former
    for person, subjects in (await read.seen_in(connection, persons)).items():
        changed |= {(person[0], subject) for subject in subjects}
    rows = await batch.subjects.history_of_persons(connection, persons)
    if former:
        for of_subject in (await batch.subjects.history(connection, former)).values():
            rows += of_subject
    by_message = {
        (names.workspace_id, row.message_id): (names, row)
        for names, row in ((event_names(decode_stored(row.envelope)), row) for row in rows)
    }
    for message, (names, row) in by_message.items():
        workspace = message[0]
        person_id, subject_id = _new_owner(resolution, names, row)
        if person_id is not None and (workspace, person_id) in resolution.erased_names:
            writes.touchpoints_erased.append(message)
        elif (person_id, subject_id) != (row.person_id, row.subject_id):
            writes.moved.append((workspace, row.message_id, subject_id, person_id))
            changed.add((workspace, subject_id))
            batch.see(workspace, person_id, subject_id)
    await write.move_touchpoints(connection, writes)
    await erasure.delete_touchpoints(connection, writes.touchpoints_erased)
    batch.changed_histories = changed - resolution.erased_names


def _add_links(resolution: Resolution, writes: Writes) -> None:
    """Rows of `identifier` to write; those of erased names are deleted later."""
    for key, (old, new) in resolution.changes.items():
        if key in resolution.erased_names:
            continue
        row = (*key, new.parent, new.linked_at, new.linked_by, new.person_id, new.subject_id)
        if old is None:
            writes.links_new.append(row)
        else:
            former = (old.parent, old.linked_by, old.person_id, old.subject_id)
            writes.links_changed.append((*row, *former))


def _ends(resolution: Resolution) -> tuple[set[Key], set[Key]]:
    """(persons whose names move, subjects and persons at either end of a move)."""
    persons: set[Key] = set()
    ends: set[Key] = set()
    for name in resolution.moved:
        workspace = name[0]
        old, new = resolution.changes[name]
        ends |= {name, (workspace, new.subject_id)}
        if is_person(name[1]):
            ends.add((workspace, new.person_id))
            if old is not None:
                persons.add((workspace, old.person_id))
                ends |= {(workspace, old.person_id), (workspace, old.subject_id)}
    return persons, ends


def _new_owner(
    resolution: Resolution, names: EventNames, row: StoredTouchpoint
) -> tuple[str | None, str]:
    """Person and subject of a stored event; its account led to the subject that the row has."""
    person_id, subject_id = row.person_id, row.subject_id
    if names.person is not None and names.person in resolution.links:
        # Else a person who does not move, in an account that does.
        link = resolution.links[names.person]
        person_id, subject_id = link.person_id, link.subject_id
    if names.account is not None:
        account = (names.workspace_id, names.account)
        subject_id = resolution.accounts.get(account, row.subject_id)
    return person_id, subject_id
