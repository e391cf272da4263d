"""Rows of names and of statements about them: read, locked and written."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import asyncpg

from services.stager.identity.names import Key, Order
from services.stager.identity.state import NameRow
from services.stager.identity.statements import Pair, Statement, StatementKind
from services.stager.identity.timeline import Entry, Timeline
from services.stager.store.bulk import bulk
from services.stager.store.rows import Row, StoredTouchpoint
from services.stager.store.session import Connection
from services.stager.store.write import guarded, plain
from shared.contracts import timelines
from shared.contracts.timelines import StoredEntry
from shared.storage.identity import resolving

_COLUMNS = """
    i.workspace_id, i.identifier, i.version, i.person_id, i.subject_id, i.users, i.accounts
"""

_NAMES = f"""
    SELECT {_COLUMNS} FROM unnest($1::int[], $2::text[]) AS k (workspace_id, name)
    JOIN identifier i ON i.workspace_id = k.workspace_id AND i.identifier = k.name
"""  # noqa: S608 - constant text

# The same, locked against change until the transaction ends; in order, so that two cannot deadlock.
_NAMES_SHARED = f"""
    SELECT {_COLUMNS} FROM identifier i
    WHERE (i.workspace_id, i.identifier) IN (
        SELECT k.workspace_id, k.name FROM unnest($1::int[], $2::text[]) AS k (workspace_id, name))
    ORDER BY i.workspace_id, i.identifier FOR SHARE OF i
"""  # noqa: S608 - constant text
_NAMES_LOCKED = _NAMES_SHARED.replace("FOR SHARE", "FOR UPDATE")

_NAMES_OF = f"""
    SELECT {_COLUMNS} FROM unnest($1::int[], $2::text[]) AS k (workspace_id, person)
    JOIN identifier i ON i.workspace_id = k.workspace_id AND i.person_id = k.person
"""  # noqa: S608 - constant text

# No more of a name than tell that it is beside too many others. A user's devices connect it with nobody.
_STATEMENTS = """
    SELECT DISTINCT s.workspace_id, s.kind, s.name, s.other, s.occurred_at, s.tie,
           s.message_id, s.account
    FROM unnest($1::int[], $2::text[]) AS k (workspace_id, name) CROSS JOIN LATERAL (
        (SELECT * FROM identity_statement a
         WHERE a.workspace_id = k.workspace_id AND a.name = k.name
           AND (a.kind <> 'device' OR k.name LIKE 'email:%')
         ORDER BY a.other LIMIT $3)
        UNION ALL
        (SELECT * FROM identity_statement b
         WHERE b.workspace_id = k.workspace_id AND b.other = k.name ORDER BY b.name LIMIT $3)
    ) s
"""

_PAIRS = """
    SELECT s.workspace_id, s.kind, s.name, s.other, s.slot, s.occurred_at, s.tie,
           s.message_id
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[])
         AS k (workspace_id, kind, name, other, slot)
    JOIN identity_statement s ON s.workspace_id = k.workspace_id AND s.name = k.name
         AND s.other = k.other AND s.kind = k.kind AND s.slot = k.slot
"""

# The touchpoints of persons, in every subject where they are members.
_HISTORY_OF_PERSONS = """
    SELECT t.workspace_id, t.message_id, t.subject_id, t.person_id, t.envelope
    FROM unnest($1::int[], $2::text[]) AS k (workspace_id, person)
    JOIN member m ON m.workspace_id = k.workspace_id AND m.person_id = k.person
    JOIN touchpoint t ON t.workspace_id = m.workspace_id AND t.subject_id = m.subject_id
                     AND t.person_id = k.person
"""

_NEW = bulk(
    """
    INSERT INTO identifier (workspace_id, identifier, version, person_id, subject_id, users, accounts)
    SELECT t.w, t.i, t.v, t.p, t.s, t.u::json, t.a::json FROM {rows} AS t (w, i, v, p, s, u, a)
    ON CONFLICT DO NOTHING
""",
    "int",
    "text",
    "bigint",
    "text",
    "text",
    "text",
    "text",
)

# Only over the row that was read.
_CHANGED = bulk(
    """
    UPDATE identifier SET version = t.v, person_id = t.p, subject_id = t.s, users = t.u::json,
                          accounts = t.a::json
    FROM {rows} AS t (w, i, v, p, s, u, a, ov, op)
    WHERE identifier.workspace_id = t.w AND identifier.identifier = t.i
      AND identifier.version = t.ov AND identifier.person_id = t.op
""",
    "int",
    "text",
    "bigint",
    "text",
    "text",
    "text",
    "text",
    "bigint",
    "text",
)

_REMOVED = bulk(
    """
    DELETE FROM identifier USING {rows} AS t (w, i, ov, op)
    WHERE identifier.workspace_id = t.w AND identifier.identifier = t.i
      AND identifier.version = t.ov AND identifier.person_id = t.op
""",
    "int",
    "text",
    "bigint",
    "text",
)

# Of equal statements the earliest counts, of a record's account the newest.
_NEW_STATEMENTS = bulk(
    """
    INSERT INTO identity_statement AS s
           (workspace_id, name, other, kind, slot, occurred_at, tie, message_id, account)
    SELECT t.w, t.n, t.o, t.k, t.s, t.at, t.tie, t.m, t.a
    FROM {rows} AS t (w, n, o, k, s, at, tie, m, a)
    ON CONFLICT (workspace_id, name, other, kind, slot) DO UPDATE
    SET occurred_at = excluded.occurred_at, tie = excluded.tie,
        message_id = excluded.message_id, account = excluded.account
    WHERE CASE WHEN s.kind = 'record'
               THEN (excluded.occurred_at, excluded.tie, excluded.message_id)
                    > (s.occurred_at, s.tie, s.message_id)
               ELSE (excluded.occurred_at, excluded.tie, excluded.message_id)
                    < (s.occurred_at, s.tie, s.message_id) END
""",
    "int",
    "text",
    "text",
    "text",
    "text[]",
    "timestamptz",
    "bigint",
    "text",
    "text",
)


def _keys(keys: Iterable[Key]) -> tuple[list[int], list[str]]:
    ordered = sorted(keys)
    return [key[0] for key in ordered], [key[1] for key in ordered]


def _name(row: asyncpg.Record) -> tuple[Key, NameRow]:
    return (row["workspace_id"], row["identifier"]), NameRow(
        row["version"],
        row["person_id"],
        row["subject_id"],
        _timeline(row["users"]),
        _timeline(row["accounts"]),
    )


def _timeline(text: str | None) -> Timeline:
    return tuple(
        Entry((each.occurred_at, each.tie, each.message_id), each.value, each.is_left)
        for each in timelines.decode(text)
    )


async def names(connection: Connection, keys: Iterable[Key]) -> dict[Key, NameRow]:
    """Rows of these names; one without a row is missing."""
    return dict(_name(row) for row in await connection.fetch(_NAMES, *_keys(keys)))


async def lock_names(
    connection: Connection, keys: Iterable[Key], *, for_update: bool = False
) -> dict[Key, NameRow]:
    """Rows of these names, locked until the transaction ends, in key order."""
    statement = _NAMES_LOCKED if for_update else _NAMES_SHARED
    return dict(_name(row) for row in await connection.fetch(statement, *_keys(keys)))


async def names_of(connection: Connection, persons: Iterable[Key]) -> dict[Key, NameRow]:
    """Rows of all names of these persons."""
    return dict(_name(row) for row in await connection.fetch(_NAMES_OF, *_keys(persons)))


async def statements(
    connection: Connection, keys: Iterable[Key], most_names: int
) -> list[Statement]:
    """The statements about these names; of one beside more than `most_names` others a part."""
    rows = await connection.fetch(_STATEMENTS, *_keys(keys), most_names + 2)
    return [
        Statement(
            StatementKind(row["kind"]),
            (row["workspace_id"], row["name"]),
            (row["workspace_id"], row["other"]),
            (row["occurred_at"], row["tie"], row["message_id"]),
            row["account"],
        )
        for row in rows
    ]


async def orders_of_pairs(connection: Connection, pairs: Collection[Pair]) -> dict[Pair, Order]:
    """The event that made each of these statements; one that is not stored is missing."""
    ordered = sorted(pairs)
    rows = await connection.fetch(
        _PAIRS,
        [name[0] for _, name, _, _ in ordered],
        [kind.value for kind, _, _, _ in ordered],
        [name[1] for _, name, _, _ in ordered],
        [other[1] for _, _, other, _ in ordered],
        [slot for _, _, _, slot in ordered],
    )
    return {
        (
            StatementKind(row["kind"]),
            (row["workspace_id"], row["name"]),
            (row["workspace_id"], row["other"]),
            row["slot"],
        ): (row["occurred_at"], row["tie"], row["message_id"])
        for row in rows
    }


async def history_of_persons(
    connection: Connection, persons: Iterable[Key]
) -> dict[Key, list[StoredTouchpoint]]:
    """All touchpoints of these persons, by person, unordered."""
    by_key: dict[Key, list[StoredTouchpoint]] = {}
    for workspace, *columns in await connection.fetch(_HISTORY_OF_PERSONS, *_keys(persons)):
        row = StoredTouchpoint(*columns)
        by_key.setdefault((workspace, row.person_id or ""), []).append(row)
    return by_key


def _text(timeline: Timeline) -> str | None:
    entries: list[StoredEntry] = []
    for (at, tie, message_id), value, is_left in timeline:
        entries.append(StoredEntry(at, message_id, value, is_left, tie))
    return timelines.encode(entries)


async def write(
    connection: Connection,
    changes: Mapping[Key, tuple[NameRow | None, NameRow]],
    removed: Mapping[Key, NameRow],
    new_statements: Sequence[Statement],
) -> None:
    """Write names and statements, which locks the rows of names until the commit. Raises Conflict."""
    new: list[Row] = []
    changed: list[Row] = []
    for key, (old, row) in changes.items():
        columns: Row = (
            *key, row.version, row.person_id, row.subject_id, _text(row.users), _text(row.accounts)
        )  # fmt: skip
        if old is None:
            new.append(columns)
        else:
            changed.append((*columns, old.version, old.person_id))
    await guarded(connection, _NEW, new)
    await guarded(connection, _CHANGED, changed)
    await guarded(
        connection, _REMOVED, [(*key, old.version, old.person_id) for key, old in removed.items()]
    )
    await plain(connection, _NEW_STATEMENTS, _unique(new_statements))


def _unique(statements: Iterable[Statement]) -> list[Row]:
    """Rows of statements; of equal ones in one batch the last, which counts more than those before."""
    rows = {
        each.pair: (
            *each.name,
            each.other[1],
            each.kind.value,
            each.slot,
            *each.order,
            each.account,
        )
        for each in statements
    }
    return list(rows.values())


async def next_job(connection: Connection) -> int | None:
    """Lock the job that resolves names again, unless another stager works on it or it is done.

    Returns its number of names.
    """
    total: int | None = await connection.fetchval(
        "SELECT total FROM identity_job WHERE job = $1 AND finished_at IS NULL"
        " FOR UPDATE SKIP LOCKED",
        resolving.JOB,
    )
    return total


async def is_job_done(connection: Connection) -> bool:
    """Whether the job has finished."""
    done: bool = await connection.fetchval(
        "SELECT NOT EXISTS (SELECT FROM identity_job WHERE job = $1 AND finished_at IS NULL)",
        resolving.JOB,
    )
    return done


async def names_of_old_rules(connection: Connection, limit: int) -> list[Key]:
    """The next names that are to be resolved again."""
    rows = await connection.fetch(
        "SELECT workspace_id, identifier FROM identifier WHERE version = 0"
        " ORDER BY workspace_id, identifier LIMIT $1",
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def names_left(connection: Connection) -> int:
    """Number of names that are to be resolved again. Cost: one read of their index."""
    left: int = await connection.fetchval("SELECT count(*) FROM identifier WHERE version = 0")
    return left


async def job_progress(connection: Connection, names: int, finished_at: datetime | None) -> None:
    """Add to the names that the job has resolved; with an instant it is over."""
    await connection.execute(
        "UPDATE identity_job SET done = done + $2, finished_at = $3 WHERE job = $1",
        resolving.JOB,
        names,
        finished_at,
    )


async def keep_old(connection: Connection, name: Key) -> None:
    """Remove a name from the job as it is."""
    await connection.execute(
        "UPDATE identifier SET version = 1 WHERE workspace_id = $1 AND identifier = $2", *name
    )
