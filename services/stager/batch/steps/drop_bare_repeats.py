"""Step: drop what was stored before message ids had a scope. Decision 0025 says when that can be told."""

import msgspec

from services.stager.batch.context import BatchContext
from services.stager.batch.same_event import is_same_sender_and_names
from services.stager.identity.names import Key
from services.stager.records.records import BatchEvent
from services.stager.store import duplicates
from services.stager.store.session import Connection
from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.contracts.message_ids import as_sent
from shared.history import decode_stored


async def drop_bare_repeats(connection: Connection, batch: BatchContext) -> None:
    """Count events as duplicates that were stored under the id as sent: retries across an upgrade.

    No statement in workspaces that have never held an id without a scope.
    """
    workspaces = batch.bare_ids
    if workspaces.unread:
        workspaces.put(await duplicates.workspaces_with_bare_ids(connection))
    if not workspaces:
        return
    records = batch.records
    if repeated := await _repeated_events(connection, batch):
        records.drop_repeats(repeated)
    if repeated := await _repeated_unmapped(connection, batch):
        records.drop_dead_letters(repeated)


async def _repeated_events(connection: Connection, batch: BatchContext) -> set[Key]:
    by_bare: dict[Key, list[BatchEvent]] = {}
    unscoped: dict[Key, Envelope] = {}
    for event in batch.records.events:
        workspace, stored = event.key
        if workspace not in batch.bare_ids:
            continue
        sent = as_sent(stored)
        if sent == stored:
            unscoped[event.key] = event.envelope
        else:
            by_bare.setdefault((workspace, sent), []).append(event)
    if not by_bare:
        return set()
    rows = await duplicates.stored_touchpoints(connection, by_bare)
    before = {key: decode_stored(text) for key, text in rows.items()}
    # The log may hold both records, one behind the other.
    before |= {key: envelope for key, envelope in unscoped.items() if key in by_bare}
    return {
        event.key
        for key, envelope in before.items()
        for event in by_bare[key]
        if is_same_sender_and_names(envelope, event.envelope)
    }


async def _repeated_unmapped(connection: Connection, batch: BatchContext) -> set[Key]:
    """Unmapped events that wait under the id as sent, or were mapped since."""
    by_bare: dict[Key, list[tuple[Key, str | None]]] = {}
    for pending in batch.records.dead_letters:
        if pending.key is None or pending.key[0] not in batch.bare_ids:
            continue
        workspace, stored = pending.key
        if (sent := as_sent(stored)) != stored:
            about = (pending.key, _source(pending.value))
            by_bare.setdefault((workspace, sent), []).append(about)
    if not by_bare:
        return set()
    waiting = await duplicates.bare_dead_letters(connection, by_bare)
    mapped = await duplicates.stored_touchpoints(connection, by_bare)
    sources = {(key, _source(value)) for key, value in waiting.items()}
    sources |= {(key, _source(text.encode())) for key, text in mapped.items()}
    return {
        scoped
        for bare, abouts in by_bare.items()
        for scoped, source in abouts
        if (bare, source) in sources
    }


def _source(value: bytes | None) -> str | None:
    """Source of a stored envelope, which decoded once before it was stored."""
    try:
        return wire.decode(value or b"").source
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
