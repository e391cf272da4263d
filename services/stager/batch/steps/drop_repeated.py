"""Step: drop what an earlier batch has stored already."""

from services.stager.batch.context import BatchContext
from services.stager.store import erasure, queues
from services.stager.store.session import Connection


async def drop_repeated(connection: Connection, batch: BatchContext) -> None:
    """Count unmapped events and requests as duplicates that an earlier batch has stored.

    Other events are compared by `insert_history`.
    """
    records = batch.records
    if unmapped := records.unmapped():
        records.drop_dead_letters(await queues.repeated_unmapped(connection, unmapped))
    if records.erase_requests:
        keys = [request.key for request in records.erase_requests]
        records.drop_erase_requests(await erasure.completed_requests(connection, keys))
