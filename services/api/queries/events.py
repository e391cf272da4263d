"""SQL on the names of events."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import WorkspaceId
from shared.storage.source_tables import event_name

# All names of a workspace, whose number ingest bounds.
_NAMES = select(
    event_name.c.event,
    event_name.c.accepted,
    event_name.c.first_seen_at,
    event_name.c.last_seen_at,
).order_by(event_name.c.accepted.desc(), event_name.c.event)


async def names(
    connection: AsyncConnection, workspace_id: WorkspaceId
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Every name with its counts, the most frequent first."""
    rows = await connection.execute(_NAMES.where(event_name.c.workspace_id == workspace_id))
    return rows.all()
