"""Requests to erase a person that are under way: ingest writes them, the api looks for those of a person.

No function commits: the caller's transaction does.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.ids import WorkspaceId
from shared.sources.erasure import UNDER_WAY, ErasureRequest, ErasureRequestWriter
from shared.storage.errors import any_as_unavailable

_ADD = text("""
    INSERT INTO erasure_request AS r (workspace_id, message_id, digests, record_key, requested_at)
    VALUES (:workspace_id, :message_id, :digests, :record_key, :requested_at)
    ON CONFLICT (workspace_id, message_id) DO UPDATE SET
        digests = excluded.digests, record_key = excluded.record_key,
        requested_at = greatest(r.requested_at, excluded.requested_at)
""")

_PRUNE = text("DELETE FROM erasure_request WHERE requested_at < :before")

# A request that was repeated under another message id, because its sender got no response to the first,
# is over once the later one is: records of one key are applied in the order of the log.
_IS_UNDER_WAY = text("""
    SELECT EXISTS (
        SELECT FROM erasure_request r
        WHERE r.workspace_id = :workspace_id AND r.requested_at > :after
          AND r.digests && CAST(:digests AS bytea[])
          AND NOT EXISTS (
            SELECT FROM erasure_request later
            JOIN erasure e ON e.workspace_id = later.workspace_id AND e.message_id = later.message_id
            WHERE later.workspace_id = r.workspace_id AND later.record_key = r.record_key
              AND later.requested_at >= r.requested_at))
""")


def writer(engine: AsyncEngine, *, timeout_seconds: float) -> ErasureRequestWriter:
    """Bind `add` to an engine. The call raises DatabaseUnavailable, after `timeout_seconds` at the latest."""

    async def add_all(requests: Sequence[ErasureRequest]) -> None:
        with any_as_unavailable("the request to erase a person cannot be written"):
            async with asyncio.timeout(timeout_seconds), engine.begin() as connection:
                await add(connection, requests)

    return add_all


async def add(connection: AsyncConnection, requests: Sequence[ErasureRequest]) -> None:
    """Add `requests`, and remove those of all workspaces that are too old to be under way."""
    # Sorted, so that two requests for the same people cannot deadlock.
    ordered = sorted(requests, key=lambda each: (each.workspace_id, each.message_id))
    for request in ordered:
        await connection.execute(
            _ADD,
            {
                "workspace_id": request.workspace_id,
                "message_id": request.message_id,
                "digests": list(request.digests),
                "record_key": request.record_key,
                "requested_at": request.requested_at,
            },
        )
    before = max(each.requested_at for each in ordered) - UNDER_WAY
    await connection.execute(_PRUNE, {"before": before})


async def is_under_way(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    digests: Collection[bytes],
    *,
    now: datetime,
) -> bool:
    """Whether the log may hold a request for one of these names that the stager has not carried out."""
    values = {
        "workspace_id": workspace_id,
        "digests": sorted(digests),
        "after": now - UNDER_WAY,
    }
    return bool(await connection.scalar(_IS_UNDER_WAY, values))
