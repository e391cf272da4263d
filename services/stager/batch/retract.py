"""Takes touchpoints back: a batch of requests to retract. The rules are those of decision 0029."""

from collections.abc import Iterator

from services.stager.batch.context import BatchContext
from services.stager.batch.withdrawal import withdraw
from services.stager.store import retraction as tables
from services.stager.store.retraction import NewRetraction
from services.stager.store.rows import RetractionKind
from services.stager.store.session import Connection


async def retract(connection: Connection, batch: BatchContext) -> None:
    """Record the requests of a batch, and remove the single touchpoints that they name.

    Those of an import are removed by a job. Only with no other batch under way, so that none misses what
    was recorded. Raises Conflict, RetractionTooLarge, FoldFailed.
    """
    added = {(each.workspace_id, each.kind, each.target): each for each in _recorded(batch)}
    await tables.add(connection, list(added.values()))
    messages = {
        (each.workspace_id, each.target)
        for each in added.values()
        if each.kind is RetractionKind.MESSAGE
    }
    batch.is_retracting = True
    removed = await withdraw(connection, batch, messages)
    if removed:
        await tables.count_messages(connection, removed)
        progress = min(batch.records.progress.values(), key=lambda each: each.partition)
        progress.touchpoints_retracted += len(removed)


def _recorded(batch: BatchContext) -> Iterator[NewRetraction]:
    # The earliest request of a target comes last, and counts.
    requests = sorted(
        batch.records.retract_requests,
        key=lambda each: (each.received_at, each.message_id),
        reverse=True,
    )
    for each in requests:
        is_import = each.retracts is None
        target = each.import_id if is_import else each.retracts
        yield NewRetraction(
            workspace_id=each.workspace_id,
            kind=RetractionKind.IMPORT if is_import else RetractionKind.MESSAGE,
            target=target or "",
            message_id=each.message_id,
            author=each.logged_by or "",
            reason=each.reason or "",
            requested_at=each.received_at,
            finished_at=None if is_import else batch.now,
        )
