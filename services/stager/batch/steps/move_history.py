"""Step: write the names that changed, and move their stored history."""

from services.stager.batch.context import BatchContext
from services.stager.identity.names import Key
from services.stager.store import erasure, identity, read, write
from services.stager.store.session import Connection
from shared.contracts.names import is_person


async def move_history(connection: Connection, batch: BatchContext) -> None:
    """Write the names that changed, and give their touchpoints the new person and subject.

    Touchpoints of erased persons are deleted. Raises Conflict.
    """
    resolution, writes = batch.resolution, batch.output.writes
    erased_names = resolution.erased_names
    changes = {key: both for key, both in resolution.changes.items() if key not in erased_names}
    if changes or resolution.removed or resolution.statements:
        statements = [
            each
            for each in resolution.statements
            if each.name not in erased_names and each.other not in erased_names
        ]
        removed = {k: row for k, row in resolution.removed.items() if k not in erased_names}
        await identity.write(connection, changes, removed, statements)
    changed: set[Key] = set(resolution.ends)
    for (workspace, message_id), subject_id, person in resolution.erased:
        writes.touchpoints_erased.append((workspace, message_id))
        changed.add((workspace, subject_id))
        if person is not None and batch.journeys.of(workspace).of_persons:
            # What a device did may have counted for another of its users until now.
            changed.add((workspace, person))
    for move in resolution.moves:
        workspace, message_id = move.message
        writes.moved.append((workspace, message_id, move.subject_id, move.person_id))
        changed |= {(workspace, move.subject_id), (workspace, move.old_subject_id)}
        if move.person_id != move.old_person_id and batch.journeys.of(workspace).of_persons:
            # Journeys of persons fold what the person did anywhere.
            changed |= {
                (workspace, person)
                for person in (move.person_id, move.old_person_id)
                if person is not None
            }
        batch.see(workspace, move.person_id, move.subject_id)
    await write.move_touchpoints(connection, writes)
    await erasure.delete_touchpoints(connection, writes.touchpoints_erased)
    batch.changed_histories = changed - erased_names
    await _find_touched(connection, batch)


async def _find_touched(connection: Connection, batch: BatchContext) -> None:
    """The subjects of persons whose later events may belong elsewhere from now on.

    Their versions change, so that a stager which goes by what it read before cannot write to them.
    """
    resolution = batch.resolution
    stored = {
        person
        for person in resolution.changed_persons
        if is_person(person[1])
        and ((both := resolution.changes.get(person)) is None or both[0] is not None)
    }
    if not stored:
        return
    for person, subjects in (await read.seen_in(connection, stored)).items():
        batch.touched |= {(person[0], subject) for subject in subjects}
