"""Step: write the rows that were folded."""

from services.stager.batch.context import BatchContext
from services.stager.store.session import Connection
from services.stager.store.write import fold_output
from shared.contracts.names import is_person


async def write(connection: Connection, batch: BatchContext) -> None:
    """Write subjects, members and all that follows from them. Raises Conflict."""
    if batch.is_erasing:
        _leave_out_emptied(batch)
    batch.members.add_rows(batch.output.writes)
    await fold_output(connection, batch.output.writes, batch.now)


def _leave_out_emptied(batch: BatchContext) -> None:
    """An account whose only members are erased is deleted instead of written."""
    subjects, writes = batch.output.subjects, batch.output.writes
    emptied = {
        key
        for key in batch.changed_histories
        if not is_person(key[1])
        and key in subjects
        and subjects[key].touchpoints == 0
        and subjects[key].merged_into is None
    }
    writes.subjects = [row for row in writes.subjects if (row[0], row[1]) not in emptied]
    batch.erasure.subjects = sorted(emptied | batch.resolution.erased_names)
