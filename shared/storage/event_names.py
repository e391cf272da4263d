"""The names of accepted events, with counts: what ingest adds up.

No function commits: the caller's transaction does.
"""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.sources.event import EventNameCount, EventNameWriter
from shared.storage.errors import any_as_unavailable

MOST_NAMES = 2_000
"""Names of one workspace; a sender that puts ids into names must not fill the table."""

_COLUMNS = tuple(field.name for field in fields(EventNameCount))

# The caller sorts them, so that two processes lock the rows in one order.
_ADD = text("""
    INSERT INTO event_name AS e (workspace_id, event, accepted, first_seen_at, last_seen_at)
    SELECT n.workspace_id, n.event, n.accepted, n.seen_at, n.seen_at
    FROM unnest(CAST(:workspace_id AS int[]), CAST(:event AS text[]), CAST(:accepted AS bigint[]),
            CAST(:seen_at AS timestamptz[]))
        WITH ORDINALITY AS n (workspace_id, event, accepted, seen_at, place)
    WHERE EXISTS (SELECT FROM event_name k WHERE k.workspace_id = n.workspace_id AND k.event = n.event)
       OR (SELECT count(*) FROM event_name c WHERE c.workspace_id = n.workspace_id) < :most
    ORDER BY n.place
    ON CONFLICT (workspace_id, event) DO UPDATE SET
        accepted = e.accepted + excluded.accepted,
        last_seen_at = greatest(e.last_seen_at, excluded.last_seen_at)
""")


def writer(engine: AsyncEngine) -> EventNameWriter:
    """Bind `add` to an engine. The call raises DatabaseUnavailable."""

    async def add_all(counts: Sequence[EventNameCount]) -> None:
        with any_as_unavailable("the names of events cannot be written"):
            async with engine.begin() as connection:
                await add(connection, counts)

    return add_all


async def add(
    connection: AsyncConnection, counts: Sequence[EventNameCount], *, most: int = MOST_NAMES
) -> None:
    """Add `counts`, which come sorted. New names beyond about `most` of a workspace are left out."""
    columns = {name: [getattr(each, name) for each in counts] for name in _COLUMNS}
    await connection.execute(_ADD, {**columns, "most": most})
