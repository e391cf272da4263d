"""Forgets people: everything that names them, and the list that keeps them away afterwards.

Rare, and always with no other batch under way, so statements may look at more than an index tells.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from services.stager.identity.names import Key
from services.stager.store.rows import Forgotten, Tombstone
from services.stager.store.session import Connection

# What is new on the list. Numbers are given out before transactions end, so a lower one may turn up
# after a higher one: the newest are read again.
_CHANGES = """
    SELECT s.change, s.workspace_id, s.digest, s.reason = 'erased' AND s.lifted_at IS NULL, s.is_linked,
           w.hash_key
    FROM suppression s JOIN workspace w ON w.workspace_id = s.workspace_id
    WHERE s.change > $1 ORDER BY s.change
"""
_OVERLAP = 1000

_HASH_KEYS = "SELECT workspace_id, hash_key FROM workspace WHERE workspace_id = ANY($1::int[])"

_TOMBSTONES = """
    INSERT INTO suppression AS s (workspace_id, digest, reason, suppressed_at, is_linked)
    SELECT t.w, t.d, 'erased', $4, t.l FROM unnest($1::int[], $2::bytea[], $3::bool[]) AS t (w, d, l)
    ON CONFLICT (workspace_id, digest) DO UPDATE
    SET change = excluded.change, reason = excluded.reason, suppressed_at = excluded.suppressed_at,
        lifted_at = NULL, is_linked = s.is_linked OR excluded.is_linked
"""

# A request counts once, however often it is read.
_KNOWN_REQUESTS = """
    SELECT e.workspace_id, e.message_id FROM unnest($1::int[], $2::text[]) AS k (w, m)
    JOIN erasure e ON e.workspace_id = k.w AND e.message_id = k.m
"""
_REQUESTS = """
    INSERT INTO erasure (workspace_id, message_id, touchpoints, erased_at)
    SELECT t.w, t.m, t.n, $4 FROM unnest($1::int[], $2::text[], $3::bigint[]) AS t (w, m, n)
"""

_TOUCHPOINTS_GONE = """
    DELETE FROM touchpoint USING unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE workspace_id = k.w AND message_id = k.m
"""
_OF_SUBJECT = """
    DELETE FROM {table} USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND subject_id = k.n
"""
_SUBJECTS_GONE = tuple(
    _OF_SUBJECT.replace("{table}", table)
    for table in ("placement", "transition", "deadline", "alert", "outbox", "member", "subject")
)
_NAMES_GONE = """
    DELETE FROM identifier USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND identifier = k.n
"""
_MEMBERS_GONE = """
    DELETE FROM member USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND person_id = k.n
"""
_SEEN_AT_SOURCES = """
    DELETE FROM source_event USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND person = k.n
"""
_CAME_BY_SOURCES = """
    DELETE FROM source_event USING unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE workspace_id = k.w AND message_id = k.m
"""

# Dead letters in whose bytes one of the texts occurs, whatever its case; the caller looks closer.
_LETTERS = """
    SELECT d.dead_letter_id, d.workspace_id, d.record_value FROM dead_letter d
    WHERE d.workspace_id IN ($1, 0) AND d.dead_letter_id > $3 AND d.record_value IS NOT NULL
      AND EXISTS (
        SELECT FROM unnest($2::text[]) AS t (text)
        WHERE position(lower(encode(convert_to(t.text, 'UTF8'), 'escape'))
                       IN lower(encode(d.record_value, 'escape'))) > 0)
    ORDER BY d.dead_letter_id LIMIT 200
"""

# The row stays, so that the account of what was read adds up; what it held is gone.
_EMPTY_LETTERS = """
    UPDATE dead_letter SET record_key = NULL, record_value = NULL, reason = 'erased', detail = '',
                           message_id = NULL, published_at = coalesce(published_at, $2)
    WHERE dead_letter_id = ANY($1::bigint[])
"""
_EMPTY_LETTERS_OF = """
    UPDATE dead_letter d SET record_key = NULL, record_value = NULL, reason = 'erased', detail = '',
                             message_id = NULL, published_at = coalesce(d.published_at, $3)
    FROM unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE d.workspace_id = k.w AND d.message_id = k.m
"""


def _columns(keys: Collection[Key]) -> tuple[list[int], list[str]]:
    ordered = sorted(keys)
    return [key[0] for key in ordered], [key[1] for key in ordered]


async def changes_after(connection: Connection, change: int) -> list[Tombstone]:
    """What became of the list since the given number, and a little before it, in order."""
    rows = await connection.fetch(_CHANGES, max(0, change - _OVERLAP))
    return [Tombstone(*row) for row in rows]


async def hash_keys(connection: Connection, workspaces: Collection[int]) -> dict[int, bytes]:
    """Key of each workspace's digests."""
    rows = await connection.fetch(_HASH_KEYS, sorted(workspaces))
    return {row[0]: row[1] for row in rows}


async def known_requests(connection: Connection, keys: Collection[Key]) -> set[Key]:
    """Requests that were done before."""
    rows = await connection.fetch(_KNOWN_REQUESTS, *_columns(keys))
    return {(row[0], row[1]) for row in rows}


async def remove_touchpoints(connection: Connection, messages: Collection[Key]) -> None:
    """Remove events; what is read from now on does not see them."""
    if messages:
        await connection.execute(_TOUCHPOINTS_GONE, *_columns(messages))


async def letters(
    connection: Connection, workspace_id: int, texts: Sequence[str], after: int
) -> list[tuple[int, int, bytes]]:
    """(id, workspace, bytes) of dead letters in which one of the texts may occur, at most 200."""
    rows = await connection.fetch(_LETTERS, workspace_id, list(texts), after)
    return [(row[0], row[1], row[2]) for row in rows]


async def empty_letters(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Leave nothing of these dead letters but that there was one."""
    await connection.execute(_EMPTY_LETTERS, list(ids), now)


async def forget(connection: Connection, gone: Forgotten, now: datetime) -> None:
    """Remove everything but the touchpoints, which are gone already, and put up the tombstones."""
    for statement in _SUBJECTS_GONE:
        await connection.execute(statement, *_columns(gone.subjects))
    for statement in (_NAMES_GONE, _MEMBERS_GONE, _SEEN_AT_SOURCES):
        await connection.execute(statement, *_columns(gone.names))
    await connection.execute(_CAME_BY_SOURCES, *_columns(gone.messages))
    await connection.execute(_EMPTY_LETTERS_OF, *_columns(gone.messages), now)
    if gone.tombstones:
        columns = zip(*sorted(gone.tombstones), strict=True)
        await connection.execute(_TOMBSTONES, *(list(column) for column in columns), now)
    if gone.requests:
        columns = zip(*sorted(gone.requests), strict=True)
        await connection.execute(_REQUESTS, *(list(column) for column in columns), now)
