"""What one transaction writes: rows collected as tuples in column order, one statement a table.

Rows go in key order, so that two transactions on the same rows wait for each other instead of
deadlocking. A guarded statement that writes fewer rows than it was given raises `Conflict`: another
transaction changed a row after it was read.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter

from services.stager.errors import Conflict
from services.stager.store.bulk import Bulk, bulk
from services.stager.store.rows import Row, Writes
from services.stager.store.session import Connection, count

# Insert and dedup in one: a row that is not returned was there already.
_TOUCHPOINTS = bulk(
    """
    INSERT INTO touchpoint (workspace_id, message_id, subject_id, person_id, occurred_at, tie,
                            processed_at, envelope)
    SELECT t.w, t.m, t.s, t.p, t.o, t.tie, $9, t.e::json
    FROM {rows}
         AS t (w, m, s, p, o, tie, e)
    ON CONFLICT (workspace_id, message_id) DO NOTHING
    RETURNING workspace_id, message_id
""",
    "int",
    "text",
    "text",
    "text",
    "timestamptz",
    "bigint",
    "text",
)

# Names moved: their events get another subject and person.
_MOVED = bulk(
    """
    UPDATE touchpoint SET subject_id = t.s, person_id = t.p
    FROM {rows} AS t (w, m, s, p)
    WHERE touchpoint.workspace_id = t.w AND touchpoint.message_id = t.m
""",
    "int",
    "text",
    "text",
    "text",
)

_MEMBERS = bulk(
    """
    INSERT INTO member (workspace_id, subject_id, person_id, role, traits, first_seen_at)
    SELECT t.w, t.s, t.p, t.r, t.t::json, t.f
    FROM {rows}
         AS t (w, s, p, r, t, f)
    ON CONFLICT (workspace_id, subject_id, person_id) DO UPDATE
    SET role = excluded.role, traits = excluded.traits, first_seen_at = excluded.first_seen_at
""",
    "int",
    "text",
    "text",
    "text",
    "text",
    "timestamptz",
)

_MEMBERS_REMOVED = bulk(
    """
    DELETE FROM member USING {rows} AS t (w, s, p)
    WHERE workspace_id = t.w AND subject_id = t.s AND person_id = t.p
""",
    "int",
    "text",
    "text",
)

# Version n is written only over version n - 1, and version 1 only where there is no row.
_SUBJECTS = bulk(
    """
    INSERT INTO subject (workspace_id, subject_id, version, touchpoints, last_occurred_at, last_tie,
                         last_message_id, processed_at, states, account_traits, value, merged_into)
    SELECT t.w, t.s, t.v, t.n, t.la, t.lt, t.lm, $13, t.st, t.tr::json, t.va, t.mi
    FROM {rows}
         AS t (w, s, v, n, la, lt, lm, st, tr, va, mi)
    ON CONFLICT (workspace_id, subject_id) DO UPDATE
    SET version = excluded.version, touchpoints = excluded.touchpoints,
        last_occurred_at = excluded.last_occurred_at, last_tie = excluded.last_tie,
        last_message_id = excluded.last_message_id,
        processed_at = excluded.processed_at, states = excluded.states,
        account_traits = excluded.account_traits, value = excluded.value,
        merged_into = excluded.merged_into
    WHERE subject.version = excluded.version - 1
""",
    "int",
    "text",
    "bigint",
    "bigint",
    "timestamptz",
    "bigint",
    "text",
    "bytea",
    "text",
    "float8",
    "text",
)

_PLACEMENTS = bulk(
    """
    INSERT INTO placement (workspace_id, subject_id, journey, map_version, status, stage, outcome, cycle,
                           entered_at, stalled_at, milestones, version, processed_at)
    SELECT t.w, t.s, t.j, t.mv, t.st, t.sg, t.oc, t.cy, t.en, t.sa, t.mi::json, t.ve, $14
    FROM {rows}
         AS t (w, s, j, mv, st, sg, oc, cy, en, sa, mi, ve)
    ON CONFLICT (workspace_id, subject_id, journey) DO UPDATE
    SET map_version = excluded.map_version, status = excluded.status, stage = excluded.stage,
        outcome = excluded.outcome, cycle = excluded.cycle, entered_at = excluded.entered_at,
        stalled_at = excluded.stalled_at, milestones = excluded.milestones,
        version = excluded.version, processed_at = excluded.processed_at
""",
    "int",
    "text",
    "text",
    "int",
    "text",
    "text",
    "text",
    "int",
    "timestamptz",
    "timestamptz",
    "text",
    "bigint",
)

_PLACEMENTS_REMOVED = bulk(
    """
    DELETE FROM placement USING {rows} AS t (w, s, j)
    WHERE workspace_id = t.w AND subject_id = t.s AND journey = t.j
""",
    "int",
    "text",
    "text",
)

_SUPERSEDED = bulk(
    """
    UPDATE transition SET superseded_at = $3 FROM {rows} AS t (w, i)
    WHERE workspace_id = t.w AND transition_id = t.i
""",
    "int",
    "bigint",
)

_TRANSITIONS = bulk(
    """
    INSERT INTO transition (workspace_id, subject_id, journey, sequence, kind, from_stage, to_stage,
                            outcome, cycle, occurred_at, dwell_seconds, cause_message_id, cause_event,
                            cause_timer, rule, map_version, processed_at)
    SELECT t.*, $18
    FROM {rows} AS t
""",
    "int",
    "text",
    "text",
    "int",
    "text",
    "text",
    "text",
    "text",
    "int",
    "timestamptz",
    "float8",
    "text",
    "text",
    "text",
    "text",
    "int",
)

_DEADLINES = bulk(
    """
    INSERT INTO deadline (workspace_id, subject_id, journey, due_at)
    SELECT * FROM {rows}
    ON CONFLICT (workspace_id, subject_id, journey) DO UPDATE SET due_at = excluded.due_at
""",
    "int",
    "text",
    "text",
    "timestamptz",
)

_DEADLINES_REMOVED = bulk(
    """
    DELETE FROM deadline USING {rows} AS t (w, s, j)
    WHERE workspace_id = t.w AND subject_id = t.s AND journey = t.j
""",
    "int",
    "text",
    "text",
)

# One alert a visit. A second write can resolve it, or open again one that a re-fold had resolved; a
# resolution by a person stays.
_ALERTS = bulk(
    """
    INSERT INTO alert (workspace_id, alert_id, kind, severity, state, subject_id, journey, stage, cycle,
                       visit_entered_at, owner, opened_at, resolved_at, resolution, last_touchpoint,
                       value_at_risk, evidence, summary)
    SELECT t.w, t.id, 'stall', 'warning', t.state, t.s, t.j, t.stage, t.cycle, t.entered, t.owner,
           t.opened, t.resolved, t.resolution, t.last::json, t.value, t.evidence::json, t.summary
    FROM {rows}
         AS t (w, id, state, s, j, stage, cycle, entered, owner, opened, resolved, resolution, last,
               value, evidence, summary)
    ON CONFLICT ON CONSTRAINT alert_once_per_visit_key DO UPDATE
    SET state = excluded.state, opened_at = excluded.opened_at, resolved_at = excluded.resolved_at,
        resolution = excluded.resolution, last_touchpoint = excluded.last_touchpoint,
        value_at_risk = excluded.value_at_risk,
        evidence = excluded.evidence, summary = excluded.summary
    WHERE (alert.state <> 'resolved' AND excluded.state = 'resolved')
       OR alert.resolution IN ('corrected', 'merged', 'moved', 'retired')
""",
    "int",
    "uuid",
    "text",
    "text",
    "text",
    "text",
    "int",
    "timestamptz",
    "text",
    "timestamptz",
    "timestamptz",
    "text",
    "text",
    "float8",
    "text",
    "text",
)

# Alerts without a stall: the visit no longer exists, or its subject was merged into another one.
_ALERTS_RESOLVED = bulk(
    """
    UPDATE alert SET state = 'resolved', resolved_at = $5, resolution = t.r
    FROM {rows} AS t (w, i, r)
    WHERE workspace_id = t.w AND alert_id = t.i AND state <> 'resolved'
""",
    "int",
    "uuid",
    "text",
)

_OUTBOX = bulk(
    """
    INSERT INTO outbox (workspace_id, type, subject_id, payload, created_at)
    SELECT t.w, t.y, t.s, t.p::json, $6
    FROM {rows} AS t (w, y, s, p)
""",
    "int",
    "text",
    "text",
    "text",
)

# A record becomes one dead letter, however often it is read.
_DEAD = bulk(
    """
    INSERT INTO dead_letter (workspace_id, topic, partition, record_offset, record_key, record_value,
                             reason, detail, message_id, created_at)
    SELECT t.w, $9, t.p, t.o, t.k, t.v, t.r, t.d, t.m, $10
    FROM {rows}
         AS t (w, p, o, k, v, r, d, m)
    ON CONFLICT (topic, partition, record_offset) DO NOTHING
""",
    "int",
    "int",
    "bigint",
    "bytea",
    "bytea",
    "text[]",
    "text[]",
    "text[]",
)

# A history that is folded anew from its beginning gets new snapshots.
_SNAPSHOTS_REMOVED = bulk(
    """
    DELETE FROM subject_snapshot USING {rows} AS t (w, s)
    WHERE workspace_id = t.w AND subject_id = t.s
""",
    "int",
    "text",
)

_SNAPSHOTS = bulk(
    """
    INSERT INTO subject_snapshot (workspace_id, subject_id, at, states, account_traits, value)
    SELECT t.w, t.s, t.at, t.st, t.tr::json, t.va FROM {rows} AS t (w, s, at, st, tr, va)
    ON CONFLICT (workspace_id, subject_id, at) DO UPDATE
    SET states = excluded.states, account_traits = excluded.account_traits, value = excluded.value
""",
    "int",
    "text",
    "timestamptz",
    "bytea",
    "text",
    "float8",
)


_by_key = itemgetter(0, 1)


async def touchpoints(
    connection: Connection, rows: list[Row], now: datetime
) -> set[tuple[int, str]] | None:
    """Insert touchpoints; returns the keys that were new, or None when all were."""
    rows.sort(key=_by_key)
    inserted = await connection.fetch(_TOUCHPOINTS.sql, *_TOUCHPOINTS.arguments(rows), now)
    if len(inserted) == len(rows):
        return None
    return {(row[0], row[1]) for row in inserted}


async def dead_letters(
    connection: Connection, topic: str, rows: Sequence[Row], now: datetime
) -> None:
    """Insert dead letters: raw bytes, reason, position."""
    if rows:
        await connection.execute(_DEAD.sql, *_DEAD.arguments(rows), topic, now)


async def move_touchpoints(connection: Connection, writes: Writes) -> None:
    """Give touchpoints another subject and person; later reads of the transaction see the change."""
    await plain(connection, _MOVED, writes.moved)


async def fold_output(connection: Connection, writes: Writes, now: datetime) -> None:
    """Write what was folded. Raises Conflict when a subject has another version than was read."""
    await guarded(connection, _SUBJECTS, writes.subjects, now)
    await plain(connection, _MEMBERS_REMOVED, writes.members_removed)
    await plain(connection, _MEMBERS, writes.members)
    await plain(connection, _PLACEMENTS_REMOVED, writes.placements_removed)
    await plain(connection, _PLACEMENTS, writes.placements, now)
    await plain(connection, _SUPERSEDED, writes.superseded, now)
    await plain(connection, _TRANSITIONS, writes.transitions, now, ordered=False)
    await plain(connection, _DEADLINES_REMOVED, writes.deadlines_removed)
    await plain(connection, _DEADLINES, writes.deadlines)
    await plain(connection, _ALERTS_RESOLVED, writes.alerts_resolved, now)
    await plain(connection, _ALERTS, writes.alerts)
    await plain(connection, _OUTBOX, writes.outbox, now, ordered=False)
    await plain(connection, _SNAPSHOTS_REMOVED, writes.snapshots_removed)
    await plain(connection, _SNAPSHOTS, writes.snapshots)


async def plain(
    connection: Connection, statement: Bulk, rows: list[Row], *more: object, ordered: bool = True
) -> None:
    """Write rows, if there are any; in key order, so that two transactions cannot deadlock."""
    if rows:
        await _execute(connection, statement, rows, *more, ordered=ordered)


async def guarded(connection: Connection, statement: Bulk, rows: list[Row], *more: object) -> None:
    """Write rows, each only over what was read. Raises Conflict."""
    if rows:
        written = await _execute(connection, statement, rows, *more)
        if written != len(rows):
            raise Conflict(
                f"{len(rows) - written} of {len(rows)} rows were changed by another transaction"
            )


async def _execute(
    connection: Connection, statement: Bulk, rows: list[Row], *more: object, ordered: bool = True
) -> int:
    if ordered:
        rows.sort(key=_by_key)
    return count(await connection.execute(statement.sql, *statement.arguments(rows), *more))
