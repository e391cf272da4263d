"""Removes stored touchpoints of a retracted import: batches without records, one a call."""

import structlog

from services.stager.batch.classify import ClassifiedRecords
from services.stager.batch.context import BatchContext, StagerContext
from services.stager.batch.steps.refresh import refresh
from services.stager.batch.withdrawal import withdraw
from services.stager.store import retraction as tables
from services.stager.store.session import Connection

log = structlog.get_logger(__name__)


def retracting_batch(stager: StagerContext) -> BatchContext:
    """The batch of one call. The caller holds all locks of names, and updates or invalidates the cache."""
    records = ClassifiedRecords([], {}, set())
    batch = BatchContext(stager, records, owner="", is_alone=True)
    batch.is_retracting = True
    return batch


async def retract_chunk(
    connection: Connection, batch: BatchContext, *, subjects: int, touchpoints: int
) -> None:
    """Remove touchpoints of about so many subjects, of the import whose request is the earliest.

    A call that finds none of them ends the retraction. Raises Conflict, RetractionTooLarge, FoldFailed.
    """
    # Before the row of the request is locked: a batch that repeats the request takes them in this order.
    await refresh(connection, batch)
    pending = await tables.next_pending(connection)
    if pending is None:
        return
    messages = await tables.chunk_of_import(
        connection, pending, subjects=subjects, touchpoints=touchpoints
    )
    removed = await withdraw(connection, batch, messages)
    await tables.count_import(connection, pending, len(removed), None if messages else batch.now)
    if not messages:
        log.info("import_retracted", workspace_id=pending.workspace_id)
