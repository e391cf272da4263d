"""Step: drop deliveries that were repeated across the edge of the slot in their message id."""

from datetime import datetime, timedelta

from services.stager.batch.context import BatchContext
from services.stager.identity.names import Key
from services.stager.store import duplicates
from services.stager.store.session import Connection
from shared.contracts.message_ids import neighbour
from shared.history import decode_stored


async def drop_edge_repeats(connection: Connection, batch: BatchContext) -> None:
    """Count an event as a duplicate whose other delivery, minutes away, is in the next slot.

    Only items of webhooks without an id and a time have slots, see `message_ids`. The distance is symmetric,
    so the order in which the two are read does not matter. No statement in batches without such items.
    """
    neighbours: dict[Key, tuple[Key, timedelta]] = {}
    for event in batch.records.events:
        envelope = event.envelope
        beyond = neighbour(envelope.message_id, envelope.received_at)
        if beyond is not None:
            neighbours[event.key] = (envelope.workspace_id, beyond[0]), beyond[1]
    if not neighbours:
        return
    wanted = {key for key, _ in neighbours.values()}
    rows = await duplicates.stored_touchpoints(connection, wanted)
    received: dict[Key, datetime] = {
        key: decode_stored(text).received_at for key, text in rows.items()
    }
    repeated: set[Key] = set()
    for event in batch.records.events:
        key, received_at = event.key, event.envelope.received_at
        if key in neighbours:
            other, within = neighbours[key]
            if other in received and abs(received[other] - received_at) <= within:
                repeated.add(key)
                continue
        received.setdefault(key, received_at)
    batch.records.drop_repeats(repeated)
