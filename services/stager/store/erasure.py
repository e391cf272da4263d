"""Erases people: every row that names them, and the tombstones that keep later records of them out.

Rare, and always with no other batch under way, so that a statement may scan more than an index.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from services.stager.identity.names import Key
from services.stager.store.rows import Erasure, Tombstone
from services.stager.store.session import Connection
from shared.contracts.names import ANONYMOUS, USER, folded, is_address, split

# Changes of the tombstones. A number is given out before its transaction commits, so a lower one may
# appear after a higher one: the newest are read again.
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

# A request counts once, however often its record is read.
_COMPLETED_REQUESTS = """
    SELECT e.workspace_id, e.message_id FROM unnest($1::int[], $2::text[]) AS k (w, m)
    JOIN erasure e ON e.workspace_id = k.w AND e.message_id = k.m
"""
_REQUESTS = """
    INSERT INTO erasure (workspace_id, message_id, touchpoints, erased_at)
    SELECT t.w, t.m, t.n, $4 FROM unnest($1::int[], $2::text[], $3::bigint[]) AS t (w, m, n)
"""

_DELETE_TOUCHPOINTS = """
    DELETE FROM touchpoint USING unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE workspace_id = k.w AND message_id = k.m
"""
_OF_SUBJECT = """
    DELETE FROM {table} USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND subject_id = k.n
"""
_DELETE_SUBJECTS = tuple(
    _OF_SUBJECT.replace("{table}", table)
    for table in (
        "placement",
        "transition",
        "deadline",
        "alert",
        "outbox",
        "member",
        "subject_snapshot",
        "subject",
    )
)
_DELETE_NAMES = """
    DELETE FROM identifier USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND identifier = k.n
"""
_DELETE_STATEMENTS = """
    DELETE FROM identity_statement USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND (name = k.n OR other = k.n)
"""
_DELETE_MEMBERS = """
    DELETE FROM member USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND person_id = k.n
"""
_DELETE_SOURCE_EVENTS_OF_NAMES = """
    DELETE FROM source_event USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w
      AND (person = k.n
        OR (k.n LIKE 'email:%' AND lower(substr(person, strpos(person, ':') + 1)) = substr(k.n, 7)))
"""
_DELETE_SOURCE_EVENTS_OF_MESSAGES = """
    DELETE FROM source_event USING unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE workspace_id = k.w AND message_id = k.m
"""

_DELETE_CONFLICTS_OF_MESSAGES = """
    DELETE FROM conflicting_event USING unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE workspace_id = k.w AND message_id = k.m
"""

_DELETE_IMPORTED_MESSAGES = """
    DELETE FROM imported_event USING unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE workspace_id = k.w AND message_id = k.m
"""

# Ids that are addresses, whatever their case, by the index that has the same condition.
_SPELLINGS = """
    SELECT i.workspace_id, i.identifier FROM unnest($1::int[], $2::text[]) AS k (w, n)
    JOIN identifier i ON i.workspace_id = k.w AND lower(i.identifier) = k.n
    WHERE i.identifier LIKE '%@%' AND i.identifier NOT LIKE 'email:%'
"""

# Dead letters whose bytes hold one of the texts, whatever its case, or an escape (`\u`, `\/`) behind
# which one may hide; the caller decodes and compares.
_DEAD_LETTERS_WITH_TEXT = """
    SELECT d.dead_letter_id, d.workspace_id, d.record_value FROM dead_letter d
    WHERE d.workspace_id IN ($1, 0) AND d.dead_letter_id > $3 AND d.record_value IS NOT NULL
      AND (position(decode('5c75', 'hex') IN d.record_value) > 0
        OR position(decode('5c2f', 'hex') IN d.record_value) > 0
        OR EXISTS (
            SELECT FROM unnest($2::text[]) AS t (text)
            WHERE position(lower(t.text) IN lower(encode(d.record_value, 'escape'))) > 0))
    ORDER BY d.dead_letter_id LIMIT 200
"""

# The row stays, so that the counts of records still add up; its content is removed.
_EMPTY_DEAD_LETTERS = """
    UPDATE dead_letter SET record_key = NULL, record_value = NULL, reason = 'erased', detail = '',
                           message_id = NULL, published_at = coalesce(published_at, $2)
    WHERE dead_letter_id = ANY($1::bigint[])
"""
_EMPTY_DEAD_LETTERS_OF_MESSAGES = """
    UPDATE dead_letter d SET record_key = NULL, record_value = NULL, reason = 'erased', detail = '',
                             message_id = NULL, published_at = coalesce(d.published_at, $3)
    FROM unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE d.workspace_id = k.w AND d.message_id = k.m
"""


_NOT_PLAIN = re.compile(r"""[^ !#-\[\]-~]+""")
"""Characters that JSON escapes or UTF-8 writes in several bytes."""


def _columns(keys: Collection[Key]) -> tuple[list[int], list[str]]:
    ordered = sorted(keys)
    return [key[0] for key in ordered], [key[1] for key in ordered]


async def changes_after(connection: Connection, change: int) -> list[Tombstone]:
    """Changes of the tombstones after the given number, and a little before it, in order."""
    rows = await connection.fetch(_CHANGES, max(0, change - _OVERLAP))
    return [Tombstone(*row) for row in rows]


async def hash_keys(connection: Connection, workspaces: Collection[int]) -> dict[int, bytes]:
    """Key of each workspace's digests."""
    rows = await connection.fetch(_HASH_KEYS, sorted(workspaces))
    return {row[0]: row[1] for row in rows}


async def completed_requests(connection: Connection, keys: Collection[Key]) -> set[Key]:
    """Those of the given requests that an earlier transaction completed."""
    rows = await connection.fetch(_COMPLETED_REQUESTS, *_columns(keys))
    return {(row[0], row[1]) for row in rows}


async def other_spellings(connection: Connection, names: Collection[Key]) -> set[Key]:
    """Stored ids that are the same address as one of the names, in whatever case.

    Case of ASCII letters: the column's collation knows no other.
    """
    addresses = {
        (workspace, value)
        for workspace, (_, value) in ((key[0], split(folded(key[1]))) for key in names)
        if is_address(value)
    }
    if not addresses:
        return set()
    wanted = {
        (workspace, prefix + value)
        for workspace, value in addresses
        for prefix in (USER, ANONYMOUS)
    }
    rows = await connection.fetch(_SPELLINGS, *_columns(wanted))
    return {(row[0], row[1]) for row in rows}


async def delete_touchpoints(connection: Connection, messages: Collection[Key]) -> None:
    """Delete touchpoints; later reads of the transaction do not see them."""
    if messages:
        await connection.execute(_DELETE_TOUCHPOINTS, *_columns(messages))


async def dead_letters_with_text(
    connection: Connection, workspace_id: int, texts: Sequence[str], after: int
) -> list[tuple[int, int, bytes]]:
    """(id, workspace, bytes) of dead letters that may hold one of the texts; at most 200, after an id.

    Only the longest part of a text that JSON writes unescaped is searched for: SQL folds the case of
    ASCII letters alone, and quotes are escaped.
    """
    parts = [max(_NOT_PLAIN.split(text), key=len) for text in texts]
    rows = await connection.fetch(_DEAD_LETTERS_WITH_TEXT, workspace_id, parts, after)
    return [(row[0], row[1], row[2]) for row in rows]


async def empty_dead_letters(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Remove the content of these dead letters; the rows stay."""
    await connection.execute(_EMPTY_DEAD_LETTERS, list(ids), now)


async def erase(connection: Connection, erasure: Erasure, now: datetime) -> None:
    """Delete everything but the touchpoints, which are deleted already, and write the tombstones."""
    for statement in _DELETE_SUBJECTS:
        await connection.execute(statement, *_columns(erasure.subjects))
    for statement in (
        _DELETE_NAMES,
        _DELETE_STATEMENTS,
        _DELETE_MEMBERS,
        _DELETE_SOURCE_EVENTS_OF_NAMES,
    ):
        await connection.execute(statement, *_columns(erasure.names))
    for statement in (
        _DELETE_SOURCE_EVENTS_OF_MESSAGES,
        _DELETE_CONFLICTS_OF_MESSAGES,
        _DELETE_IMPORTED_MESSAGES,
    ):
        await connection.execute(statement, *_columns(erasure.messages))
    await connection.execute(_EMPTY_DEAD_LETTERS_OF_MESSAGES, *_columns(erasure.messages), now)
    if erasure.tombstones:
        columns = zip(*sorted(erasure.tombstones), strict=True)
        await connection.execute(_TOMBSTONES, *(list(column) for column in columns), now)
    if erasure.requests:
        columns = zip(*sorted(erasure.requests), strict=True)
        await connection.execute(_REQUESTS, *(list(column) for column in columns), now)
