"""Step: drop the events that were taken back. The rules are those of decision 0029."""

from services.stager.batch.context import BatchContext
from services.stager.store import retraction as tables
from services.stager.store.session import Connection
from shared.contracts.envelope import Envelope


async def drop_retracted(connection: Connection, batch: BatchContext) -> None:
    """Drop events whose message id, or whose import, was taken back before they arrived.

    Before any other step sees them: nothing may follow from such an event. One statement in workspaces in
    which single touchpoints were ever taken back, and none elsewhere.
    """
    retractions, records = batch.retractions, batch.records
    if not retractions:
        return
    retracted = set()
    if messages := retractions.to_look_up(records.events):
        retracted = await tables.retracted(connection, messages)

    def is_retracted(envelope: Envelope) -> bool:
        key = (envelope.workspace_id, envelope.message_id)
        return key in retracted or retractions.has_import(envelope)

    records.drop_retracted(is_retracted)
