"""Step: bring maps and tombstones up to date."""

from services.stager.batch.context import BatchContext
from services.stager.fold.journeys import apply_newer
from services.stager.store import erasure, queues
from services.stager.store.session import Connection


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
