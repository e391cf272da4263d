"""Retractions: what was taken back, what an import has, and the rows that go with removed touchpoints.

Every write runs with no other batch under way, see `queues.newest`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.stager.identity.names import Key
from services.stager.identity.statements import Statement, StatementKind
from services.stager.store.rows import RetractionChange, RetractionKind, StoredTouchpoint
from services.stager.store.session import Connection, count
from shared.contracts.names import is_person
from shared.contracts.topics import TOUCHPOINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRetraction:
    """A row of `retraction`, by its request."""

    workspace_id: int
    kind: RetractionKind
    target: str
    message_id: str
    author: str
    reason: str
    requested_at: datetime
    finished_at: datetime | None
    """None for an import, which a job takes back."""


@dataclass(frozen=True, slots=True)
class PendingRetraction:
    """An import whose touchpoints are not all removed yet."""

    workspace_id: int
    import_id: str


# A number is given out before its transaction commits, but only one transaction at a time gives one out:
# see the barrier. Of the single messages a workspace needs no more than that there are any.
_CHANGES = """
    SELECT change, workspace_id, kind, target FROM retraction WHERE change > $1 AND kind = 'import'
    UNION ALL
    SELECT max(change), workspace_id, kind, '' FROM retraction
    WHERE change > $1 AND kind = 'message' GROUP BY workspace_id, kind
"""

# The earliest request is named, whichever arrives first. The number grows in any case.
_ADD = """
    INSERT INTO retraction AS r (workspace_id, kind, target, message_id, author, reason, requested_at,
                                 finished_at)
    SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                         $7::timestamptz[], $8::timestamptz[])
    ON CONFLICT (workspace_id, kind, target) DO UPDATE SET
        change = excluded.change,
        author = CASE WHEN (excluded.requested_at, excluded.message_id) < (r.requested_at, r.message_id)
                      THEN excluded.author ELSE r.author END,
        reason = CASE WHEN (excluded.requested_at, excluded.message_id) < (r.requested_at, r.message_id)
                      THEN excluded.reason ELSE r.reason END,
        message_id = CASE
            WHEN (excluded.requested_at, excluded.message_id) < (r.requested_at, r.message_id)
            THEN excluded.message_id ELSE r.message_id END,
        requested_at = least(excluded.requested_at, r.requested_at)
"""

_RETRACTED = """
    SELECT r.workspace_id, r.target FROM unnest($1::int[], $2::text[]) AS k (w, m)
    JOIN retraction r ON r.workspace_id = k.w AND r.kind = 'message' AND r.target = k.m
"""

_TOUCHPOINTS = """
    SELECT t.workspace_id, t.message_id, t.subject_id, t.person_id, t.envelope
    FROM unnest($1::int[], $2::text[]) AS k (w, m)
    JOIN touchpoint t ON t.workspace_id = k.w AND t.message_id = k.m
"""

_COUNT_MESSAGES = """
    UPDATE retraction r SET touchpoints = r.touchpoints + 1
    FROM unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE r.workspace_id = k.w AND r.kind = 'message' AND r.target = k.m
"""

_ADD_IMPORTED = """
    INSERT INTO imported_event (workspace_id, import_id, message_id)
    SELECT * FROM unnest($1::int[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING
"""

_IS_PENDING = "SELECT EXISTS (SELECT FROM retraction WHERE finished_at IS NULL)"
_PENDING = """
    SELECT workspace_id, target FROM retraction WHERE finished_at IS NULL
    ORDER BY requested_at, workspace_id, target LIMIT 1 FOR UPDATE SKIP LOCKED
"""

# Whole subjects, so that each is folded again once and not once for each of its events.
_CHUNK = """
    WITH first AS (
        SELECT message_id FROM imported_event WHERE workspace_id = $1 AND import_id = $2
        ORDER BY message_id LIMIT $3
    ), of_subjects AS (
        SELECT DISTINCT t.subject_id FROM first JOIN touchpoint t
          ON t.workspace_id = $1 AND t.message_id = first.message_id
    )
    SELECT i.message_id FROM of_subjects s
    JOIN touchpoint t ON t.workspace_id = $1 AND t.subject_id = s.subject_id
    JOIN imported_event i
      ON i.workspace_id = $1 AND i.import_id = $2 AND i.message_id = t.message_id
    LIMIT $4
"""

_COUNT_IMPORT = """
    UPDATE retraction SET touchpoints = touchpoints + $3, finished_at = $4,
                          change = nextval('retraction_change_seq')
    WHERE workspace_id = $1 AND kind = 'import' AND target = $2
"""

# The job reads no partition: its count stands with the first one, as all are added up.
_COUNT_WITHDRAWN = """
    UPDATE consumer_offset SET withdrawn = withdrawn + $2
    WHERE topic = $1 AND partition = (SELECT min(partition) FROM consumer_offset WHERE topic = $1)
"""

_OF_MESSAGES = """
    DELETE FROM {table} USING unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE workspace_id = k.w AND message_id = k.m
"""
_DELETE_MESSAGES = tuple(
    _OF_MESSAGES.replace("{table}", table) for table in ("touchpoint", "conflicting_event")
)
_DELETE_IMPORTED = """
    DELETE FROM imported_event i USING unnest($1::int[], $2::text[], $3::text[]) AS k (w, n, m)
    WHERE i.workspace_id = k.w AND i.import_id = k.n AND i.message_id = k.m
"""

_OF_SUBJECTS = """
    DELETE FROM {table} USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND subject_id = k.n
"""
# Notices stay: the one that corrects is among them.
_DELETE_SUBJECTS = tuple(
    _OF_SUBJECTS.replace("{table}", table)
    for table in (
        "placement",
        "transition",
        "deadline",
        "alert",
        "member",
        "subject_snapshot",
        "subject",
    )
)

# All of them, where resolution reads no more than `closure` follows.
_STATEMENTS = """
    SELECT s.workspace_id, s.kind, s.name, s.other, s.occurred_at, s.tie, s.message_id, s.account
    FROM unnest($1::int[], $2::text[]) AS k (w, n)
    JOIN identity_statement s ON s.workspace_id = k.w AND s.name = k.n
    UNION
    SELECT s.workspace_id, s.kind, s.name, s.other, s.occurred_at, s.tie, s.message_id, s.account
    FROM unnest($1::int[], $2::text[]) AS k (w, n)
    JOIN identity_statement s ON s.workspace_id = k.w AND s.other = k.n
"""
_DELETE_STATEMENTS = """
    DELETE FROM identity_statement USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND (name = k.n OR other = k.n)
"""
_DELETE_NAMES = """
    DELETE FROM identifier USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND identifier = k.n
"""
# A name that no statement, event or other name leads to has a row only because an event mentioned it.
_DELETE_BARE_NAMES = """
    DELETE FROM identifier i USING unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE i.workspace_id = k.w AND i.identifier = k.n AND i.person_id = k.n
      AND NOT EXISTS (SELECT FROM identity_statement s
                      WHERE s.workspace_id = k.w AND (s.name = k.n OR s.other = k.n))
      AND NOT EXISTS (SELECT FROM member m WHERE m.workspace_id = k.w AND m.person_id = k.n)
      AND NOT EXISTS (SELECT FROM identifier o
                      WHERE o.workspace_id = k.w AND o.person_id = k.n AND o.identifier <> k.n)
"""
_PART_ACCOUNTS = """
    UPDATE subject SET merged_into = NULL FROM unnest($1::int[], $2::text[]) AS k (w, n)
    WHERE workspace_id = k.w AND subject_id = k.n
"""


def _columns(keys: Iterable[Key]) -> tuple[list[int], list[str]]:
    ordered = sorted(keys)
    return [key[0] for key in ordered], [key[1] for key in ordered]


async def changes_after(connection: Connection, change: int) -> list[RetractionChange]:
    """Imports that were taken back after the given number, and one row for each workspace with messages."""
    return [RetractionChange(*row) for row in await connection.fetch(_CHANGES, change)]


async def add(connection: Connection, retractions: Sequence[NewRetraction]) -> None:
    """Add retractions, each target once."""
    rows = sorted(retractions, key=lambda each: (each.workspace_id, each.kind, each.target))
    await connection.execute(
        _ADD,
        [each.workspace_id for each in rows],
        [each.kind.value for each in rows],
        [each.target for each in rows],
        [each.message_id for each in rows],
        [each.author for each in rows],
        [each.reason for each in rows],
        [each.requested_at for each in rows],
        [each.finished_at for each in rows],
    )


async def retracted(connection: Connection, messages: Collection[Key]) -> set[Key]:
    """Those of the messages that were taken back one by one."""
    rows = await connection.fetch(_RETRACTED, *_columns(messages))
    return {(row[0], row[1]) for row in rows}


async def touchpoints(
    connection: Connection, messages: Collection[Key]
) -> dict[Key, StoredTouchpoint]:
    """Stored touchpoints of these message ids."""
    rows = await connection.fetch(_TOUCHPOINTS, *_columns(messages))
    return {(row[0], row[1]): StoredTouchpoint(*tuple(row)[1:]) for row in rows}


async def count_messages(connection: Connection, messages: Collection[Key]) -> None:
    """Count the touchpoints that retractions of single messages have removed."""
    await connection.execute(_COUNT_MESSAGES, *_columns(messages))


async def add_imported(connection: Connection, rows: Collection[tuple[int, str, str]]) -> None:
    """Note which import new touchpoints came by: workspace, import, message."""
    columns = zip(*sorted(rows), strict=True)
    await connection.execute(_ADD_IMPORTED, *(list(column) for column in columns))


async def is_pending(connection: Connection) -> bool:
    """Whether the touchpoints of any retracted import are not all removed."""
    return bool(await connection.fetchval(_IS_PENDING))


async def next_pending(connection: Connection) -> PendingRetraction | None:
    """Lock the oldest import that is to be removed, unless another stager works on it."""
    row = await connection.fetchrow(_PENDING)
    return None if row is None else PendingRetraction(*row)


async def chunk_of_import(
    connection: Connection, pending: PendingRetraction, *, subjects: int, touchpoints: int
) -> list[Key]:
    """Messages of about so many subjects of an import; empty where nothing of it is stored."""
    workspace = pending.workspace_id
    rows = await connection.fetch(_CHUNK, workspace, pending.import_id, subjects, touchpoints)
    return [(workspace, row[0]) for row in rows]


async def count_import(
    connection: Connection,
    pending: PendingRetraction,
    touchpoints: int,
    finished_at: datetime | None,
) -> None:
    """Add to the removed touchpoints of an import; with an instant it is done.

    The number of the change grows, so that every stager drops the rows that it has cached.
    """
    await connection.execute(
        _COUNT_IMPORT, pending.workspace_id, pending.import_id, touchpoints, finished_at
    )
    if touchpoints:
        await connection.execute(_COUNT_WITHDRAWN, TOUCHPOINTS, touchpoints)


async def delete_touchpoints(
    connection: Connection, messages: Collection[Key], imported: Collection[tuple[int, str, str]]
) -> None:
    """Delete touchpoints with their notes; later reads of the transaction do not see them."""
    for statement in _DELETE_MESSAGES:
        await connection.execute(statement, *_columns(messages))
    if imported:
        columns = zip(*sorted(imported), strict=True)
        await connection.execute(_DELETE_IMPORTED, *(list(column) for column in columns))


async def delete_subjects(connection: Connection, subjects: Collection[Key]) -> int:
    """Delete subjects without any touchpoint, with all that they had; returns how many had a row."""
    deleted = 0
    for statement in _DELETE_SUBJECTS:
        deleted = count(await connection.execute(statement, *_columns(subjects)))
    return deleted


async def statements(connection: Connection, names: Collection[Key]) -> list[Statement]:
    """Every statement about these names."""
    return [
        Statement(
            StatementKind(row["kind"]),
            (row["workspace_id"], row["name"]),
            (row["workspace_id"], row["other"]),
            (row["occurred_at"], row["tie"], row["message_id"]),
            row["account"],
        )
        for row in await connection.fetch(_STATEMENTS, *_columns(names))
    ]


async def delete_names(connection: Connection, names: Collection[Key]) -> None:
    """Delete the rows and statements of names, and let accounts among them stand for themselves."""
    for statement in (_DELETE_STATEMENTS, _DELETE_NAMES):
        await connection.execute(statement, *_columns(names))
    accounts = [name for name in names if not is_person(name[1])]
    await connection.execute(_PART_ACCOUNTS, *_columns(accounts))


async def delete_bare_names(connection: Connection, names: Collection[Key]) -> None:
    """Delete the rows of those names of people to which nothing leads; a later mention adds one again.

    Which other events mention a name without stating anything of it cannot be looked up.
    """
    await connection.execute(_DELETE_BARE_NAMES, *_columns(names))
