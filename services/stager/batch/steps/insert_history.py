"""Step: insert the events into the history, which finds the duplicates."""

from services.stager.batch.context import BatchContext
from services.stager.errors import Conflict
from services.stager.identity.names import Key
from services.stager.identity.statements import names_in
from services.stager.store import retraction, write
from services.stager.store.rows import Row
from services.stager.store.session import Connection


class DuplicateLinked(Conflict):
    """A duplicate took part in linking names, which only the first event of its message id may do."""

    def __init__(self, keys: set[Key]) -> None:
        super().__init__("a duplicate took part in linking names")
        self.keys = keys


async def insert_history(connection: Connection, batch: BatchContext) -> None:
    """Insert the events; those that are stored already are counted as duplicates and dropped.

    Raises DuplicateLinked.
    """
    if not batch.records.events:
        return
    rows: list[Row] = [
        (
            event.envelope.workspace_id,
            event.envelope.message_id,
            event.subject,
            event.person,
            event.envelope.occurred_at,
            event.envelope.tie,
            event.text,
        )
        for event in batch.records.events
    ]
    new = await write.touchpoints(connection, rows, batch.now)
    if new is not None:
        _drop_duplicates(batch, new)
    imported = {
        (event.key[0], event.envelope.import_id, event.key[1])
        for event in batch.records.events
        if event.envelope.import_id is not None
    }
    if imported:
        await retraction.add_imported(connection, imported)


def _drop_duplicates(batch: BatchContext, new: set[Key]) -> None:
    changes = batch.resolution.changes
    linked = {
        event.key
        for event in batch.records.drop_duplicates(new)
        if (event.names.workspace_id, event.person) in changes
        or any(name in changes for name in names_in(event.names))
    }
    if linked:
        raise DuplicateLinked(linked)
