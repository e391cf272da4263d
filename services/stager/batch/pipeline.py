"""One try at a batch: the steps between begin and commit.

    refresh          maps and tombstones that are newer than the last batch
    drop_repeated    unmapped events and requests that an earlier batch has stored
    resolve_names    who each event is about
    drop_erased      events of erased persons
    insert_history   new touchpoints; the others are duplicates
    move_history     stored touchpoints of names that lead elsewhere now
    load_subjects    subjects and members that the events change
    fold             events into subjects
    write            the folded rows
    erase_people     what is left of persons to erase
    move_offsets     dead letters, and the offsets behind the fence

Each step works on the `BatchContext`. The cache is updated after the commit, by `BatchWriter`.
"""

from services.stager.batch.classify import drop_repeated
from services.stager.batch.context import BatchContext
from services.stager.batch.erase_people import drop_erased, erase_people
from services.stager.batch.fold import fold
from services.stager.batch.insert_history import insert_history, move_history
from services.stager.batch.load_subjects import load_subjects
from services.stager.batch.move_offsets import move_offsets
from services.stager.batch.resolve_names import resolve_names
from services.stager.batch.write import write
from services.stager.fold.journeys import apply_newer
from services.stager.records.records import BatchResult
from services.stager.store import erasure, queues
from services.stager.store.session import Connection


async def run(connection: Connection, batch: BatchContext) -> BatchResult:
    """Run all steps in the transaction of `connection`.

    Raises Conflict, RecordFault, Fenced; the transaction is to be rolled back then.
    """
    records = batch.records
    await refresh(connection, batch)
    await drop_repeated(connection, records)
    if records.events or records.erase_requests:
        await resolve_names(connection, batch)
        await drop_erased(connection, batch)
        await insert_history(connection, batch)
    if records.events or batch.resolution.erased_names:
        await move_history(connection, batch)
        await load_subjects(connection, batch)
        await fold(connection, batch)
        await write(connection, batch)
        await erase_people(connection, batch)
    return await move_offsets(connection, batch)


async def refresh(connection: Connection, batch: BatchContext) -> None:
    """Bring maps and tombstones into force that were written since the last batch."""
    journeys, tombstones = batch.journeys, batch.tombstones
    publication, change = await queues.newest(connection, is_alone=batch.is_alone)
    if publication > journeys.publication:
        await apply_newer(connection, journeys)
    if change > tombstones.change:
        changes = await erasure.changes_after(connection, tombstones.change)
        if tombstones.apply(changes):
            # Cached rows of the erased have no version that a write could find stale.
            batch.cache.clear()
    batch.epoch = batch.cache.epoch
