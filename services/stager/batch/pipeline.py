"""One try at a batch: the steps between begin and commit.

    refresh          maps, tombstones and retractions that are newer than the last batch
    drop_retracted   events that were taken back
    drop_repeated    unmapped events and requests that an earlier batch has stored
    drop_bare_repeats  the same, stored before message ids had a scope
    drop_edge_repeats  deliveries that were repeated across the edge of a day or an hour
    resolve_names    who each event is about
    drop_erased      events of erased persons
    insert_history   new touchpoints; the others are duplicates
    compare_duplicates  duplicates that say something else
    move_history     stored touchpoints of names that lead elsewhere now
    load_subjects    subjects and members that the events change
    fold             events into subjects
    write            the folded rows
    erase_people     what is left of persons to erase
    move_offsets     dead letters, and the offsets behind the fence

Each step is a function in a file of its name in `steps`, and works on the `BatchContext`. The cache is
updated after the commit, by `BatchWriter`. Requests to retract never share a batch with other records: such
a batch has the steps of `retract` alone.
"""

from services.stager.batch.context import BatchContext
from services.stager.batch.retract import retract
from services.stager.batch.steps.compare_duplicates import compare_duplicates
from services.stager.batch.steps.drop_bare_repeats import drop_bare_repeats
from services.stager.batch.steps.drop_edge_repeats import drop_edge_repeats
from services.stager.batch.steps.drop_erased import drop_erased
from services.stager.batch.steps.drop_repeated import drop_repeated
from services.stager.batch.steps.drop_retracted import drop_retracted
from services.stager.batch.steps.erase_people import erase_people
from services.stager.batch.steps.fold import fold
from services.stager.batch.steps.insert_history import insert_history
from services.stager.batch.steps.load_subjects import load_subjects
from services.stager.batch.steps.move_history import move_history
from services.stager.batch.steps.move_offsets import move_offsets
from services.stager.batch.steps.refresh import refresh
from services.stager.batch.steps.resolve_names import resolve_names
from services.stager.batch.steps.write import write
from services.stager.records.records import BatchResult
from services.stager.store.session import Connection


async def run(connection: Connection, batch: BatchContext) -> BatchResult:
    """Run all steps in the transaction of `connection`.

    Raises Conflict, RecordFault, Fenced; the transaction is to be rolled back then.
    """
    records = batch.records
    await refresh(connection, batch)
    if records.retract_requests:
        await retract(connection, batch)
        return await move_offsets(connection, batch)
    await drop_retracted(connection, batch)
    await drop_repeated(connection, batch)
    await drop_bare_repeats(connection, batch)
    await drop_edge_repeats(connection, batch)
    if records.events or records.erase_requests:
        await resolve_names(connection, batch)
        await drop_erased(connection, batch)
        await insert_history(connection, batch)
    await compare_duplicates(connection, batch)
    if records.events or batch.resolution.erased_names:
        await move_history(connection, batch)
        await load_subjects(connection, batch)
        batch.read_clock()
        await fold(connection, batch)
        await write(connection, batch)
        await erase_people(connection, batch)
    return await move_offsets(connection, batch)
