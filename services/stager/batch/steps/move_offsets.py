"""Step: write the dead letters and move the offsets, which commits the partitions to this batch."""

from services.stager.batch.context import BatchContext
from services.stager.records.records import BatchResult
from services.stager.store import queues
from services.stager.store import write as tables
from services.stager.store.session import Connection
from shared.contracts.topics import TOUCHPOINTS


async def move_offsets(connection: Connection, batch: BatchContext) -> BatchResult:
    """Write dead letters, and the offsets with their counts. Raises Fenced if another reader moved one.

    Returns what the batch did, once it is committed.
    """
    records = batch.records
    rows = [each.row for each in records.dead_letters]
    await tables.dead_letters(connection, TOUCHPOINTS, rows, batch.now)
    progress = list(records.progress.values())
    await queues.advance(connection, TOUCHPOINTS, progress, batch.owner, batch.now)
    result = BatchResult(records=records.size, tally=batch.output.tally)
    records.sum_up(result)
    return result
