"""Resolves names again that were resolved by former rules or limits: a batch without records."""

from collections.abc import Sequence

from services.stager.batch.classify import ClassifiedRecords
from services.stager.batch.context import BatchContext, StagerContext
from services.stager.batch.steps.fold import fold
from services.stager.batch.steps.load_subjects import load_subjects
from services.stager.batch.steps.move_history import move_history
from services.stager.batch.steps.refresh import refresh
from services.stager.batch.steps.write import write
from services.stager.identity.names import EventNames, Key, Order
from services.stager.identity.state import OLD_RULES, Resolution
from services.stager.store.session import Connection
from shared.contracts.names import is_device


async def resolve_again(
    connection: Connection, stager: StagerContext, names: Sequence[Key]
) -> BatchContext:
    """Resolve `names` from the kept events, and move and fold what follows from it.

    Their persons are resolved whole, with all their other names. The caller updates the cache of the result
    after the commit. Raises Conflict, RecordFault.
    """
    records = ClassifiedRecords([], {}, set())
    batch = BatchContext(stager, records, owner="", is_alone=False)
    # The caller has just read that they are of the old rules; a cached row may be of before.
    stager.cache.names.invalidate(names)
    try:
        await _resolve(connection, batch, names)
    except BaseException:
        # A stale cached row may have caused it, and would do so again.
        batch.invalidate_cache()
        raise
    return batch


def names_resolved(resolution: Resolution) -> int:
    """Names that waited for it and do so no more."""
    waited = [*resolution.removed.values(), *(old for old, _ in resolution.changes.values())]
    return sum(row is not None and row.version == OLD_RULES for row in waited)


async def _resolve(connection: Connection, batch: BatchContext, names: Sequence[Key]) -> None:
    await refresh(connection, batch)
    events = [_named(name, (batch.now, 0, "")) for name in names]
    batch.resolution = await batch.names.resolve(connection, events, set())
    await move_history(connection, batch)
    await load_subjects(connection, batch)
    batch.read_clock()
    await fold(connection, batch)
    await write(connection, batch)


def _named(name: Key, order: Order) -> EventNames:
    """An event that names one name and states nothing."""
    if is_device(name[1]):
        return EventNames(name[0], order, device=name)
    return EventNames(name[0], order, people=(name,))
