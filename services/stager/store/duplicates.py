"""What is known of events that were received before: ids without a scope, and duplicates that differ."""

from collections.abc import Collection, Sequence
from datetime import datetime

from services.stager.identity.names import Key
from services.stager.store.bulk import bulk
from services.stager.store.rows import Row
from services.stager.store.session import Connection, count

# Workspaces that may hold events of releases whose message ids had no scope.
_WITH_BARE_IDS = "SELECT workspace_id FROM workspace WHERE has_bare_ids"

_STORED_TOUCHPOINTS = """
    SELECT t.workspace_id, t.message_id, t.envelope::text
    FROM unnest($1::int[], $2::text[]) AS k (w, m)
    JOIN touchpoint t ON t.workspace_id = k.w AND t.message_id = k.m
"""
_BARE_DEAD_LETTERS = """
    SELECT d.workspace_id, d.message_id, d.record_value
    FROM unnest($1::int[], $2::text[]) AS k (w, m)
    JOIN dead_letter d ON d.workspace_id = k.w AND d.message_id = k.m
    WHERE d.reason = 'unmapped' AND d.replayed_at IS NULL AND d.record_value IS NOT NULL
"""

# Byte for byte: a replay of the log repeats what is stored, and then nothing is returned.
_DIFFERENT = bulk(
    """
    SELECT k.n, t.envelope::text FROM {rows} AS k (w, m, e, n)
    JOIN touchpoint t ON t.workspace_id = k.w AND t.message_id = k.m
    WHERE t.envelope::text <> k.e
""",
    "int",
    "text",
    "text",
    "int",
)

# A record counts once, however often it is read.
_CONFLICTING = bulk(
    """
    INSERT INTO conflicting_event (workspace_id, message_id, received_at, source)
    SELECT * FROM {rows} ON CONFLICT DO NOTHING
""",
    "int",
    "text",
    "timestamptz",
    "text",
)

_OLD = """
    DELETE FROM conflicting_event WHERE (workspace_id, message_id, received_at) IN (
        SELECT workspace_id, message_id, received_at FROM conflicting_event
        WHERE received_at < $1 ORDER BY received_at LIMIT $2)
"""


def _columns(keys: Collection[Key]) -> tuple[list[int], list[str]]:
    ordered = sorted(keys)
    return [key[0] for key in ordered], [key[1] for key in ordered]


async def workspaces_with_bare_ids(connection: Connection) -> frozenset[int]:
    """Workspaces that were there before message ids had a scope."""
    return frozenset(row[0] for row in await connection.fetch(_WITH_BARE_IDS))


async def stored_touchpoints(connection: Connection, keys: Collection[Key]) -> dict[Key, str]:
    """Stored envelopes of touchpoints by workspace and id."""
    rows = await connection.fetch(_STORED_TOUCHPOINTS, *_columns(keys))
    return {(row[0], row[1]): row[2] for row in rows}


async def bare_dead_letters(connection: Connection, keys: Collection[Key]) -> dict[Key, bytes]:
    """Records of unmapped events that wait for a mapping, by workspace and id."""
    rows = await connection.fetch(_BARE_DEAD_LETTERS, *_columns(keys))
    return {(row[0], row[1]): row[2] for row in rows}


async def different(connection: Connection, rows: Sequence[Row]) -> list[tuple[int, str]]:
    """(number, stored envelope) of those whose stored envelope is not the given text.

    `rows`: workspace, message id, text, number.
    """
    return [
        (row[0], row[1])
        for row in await connection.fetch(_DIFFERENT.sql, *_DIFFERENT.arguments(rows))
    ]


async def add_conflicting(connection: Connection, rows: Sequence[Row]) -> None:
    """Note duplicates with other content: workspace, message id, instant of receipt, source."""
    await connection.execute(_CONFLICTING.sql, *_CONFLICTING.arguments(rows))


async def prune_conflicting(connection: Connection, before: datetime, limit: int) -> int:
    """Remove at most `limit` notes about events that were received before the instant."""
    return count(await connection.execute(_OLD, before, limit))
