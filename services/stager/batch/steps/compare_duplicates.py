"""Step: find the duplicates whose content is not that of the event that counts."""

from services.stager.batch.context import BatchContext
from services.stager.batch.same_event import has_same_content
from services.stager.store import duplicates as tables
from services.stager.store.rows import Row
from services.stager.store.session import Connection
from shared.history import decode_stored


async def compare_duplicates(connection: Connection, batch: BatchContext) -> None:
    """Note and count duplicates with other content: two events with one id, of which one is lost.

    After `insert_history`, so that an event of the same batch is compared as well. Nothing is done in a
    batch without duplicates.
    """
    duplicates = batch.records.duplicates
    if not duplicates:
        return
    compared: list[Row] = [
        (each.envelope.workspace_id, each.envelope.message_id, each.text, number)
        for number, each in enumerate(duplicates)
    ]
    differing: list[Row] = []
    for number, text in await tables.different(connection, compared):
        repeated = duplicates[number].envelope
        if not has_same_content(decode_stored(text), repeated):
            differing.append(
                (
                    repeated.workspace_id,
                    repeated.message_id,
                    repeated.received_at,
                    repeated.source,
                )
            )
    if differing:
        await tables.add_conflicting(connection, sorted(differing, key=_by_key))
    batch.records.with_other_content = len(differing)


def _by_key(row: Row) -> Row:
    return row[:3]
