"""Step: bring maps, tombstones and retractions up to date."""

from services.stager.batch.context import BatchContext
from services.stager.fold.journeys import apply_newer
from services.stager.store import erasure, queues, retraction
from services.stager.store.session import Connection


async def refresh(connection: Connection, batch: BatchContext) -> None:
    """Bring maps, tombstones and retractions into force that were written since the last batch."""
    journeys, tombstones, retractions = batch.journeys, batch.tombstones, batch.retractions
    publication, change, retracted = await queues.newest(connection, is_alone=batch.is_alone)
    if publication > journeys.publication:
        await apply_newer(connection, journeys)
    if change > tombstones.change:
        changes = await erasure.changes_after(connection, tombstones.change)
        if tombstones.apply(changes):
            # Cached rows of the erased have no version that a write could find stale.
            batch.cache.clear()
    if retracted > retractions.change:
        retractions.apply(await retraction.changes_after(connection, retractions.change))
        # Rows that a retraction has worked out again begin with their first version.
        batch.cache.clear()
    batch.epoch = batch.cache.epoch
