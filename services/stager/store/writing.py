"""What one transaction writes: rows collected as tuples in column order, sent as arrays.

Rows go in key order, so that two stagers that meet wait for each other instead of deadlocking. A
statement that writes fewer rows than it was given has met somebody else's write: `Conflict`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.stager.errors import Conflict
from services.stager.rows import Row, Writes
from services.stager.store.session import Connection, count

# Dedup and history in one: what is not returned was there already.
_TOUCHPOINTS = """
    INSERT INTO touchpoint (workspace_id, message_id, subject_id, person_id, occurred_at, processed_at,
                            envelope)
    SELECT t.w, t.m, t.s, t.p, t.o, $7, t.e::json
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
         AS t (w, m, s, p, o, e)
    ON CONFLICT (workspace_id, message_id) DO NOTHING
    RETURNING workspace_id, message_id
"""

# A merge: events of the joined names now belong elsewhere.
_MOVED = """
    UPDATE touchpoint SET subject_id = t.s, person_id = t.p
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[]) AS t (w, m, s, p)
    WHERE touchpoint.workspace_id = t.w AND touchpoint.message_id = t.m
"""

_LINKS_NEW = """
    INSERT INTO identifier (workspace_id, identifier, parent, linked_at, linked_by, person_id, subject_id)
    SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
                         $7::text[])
    ON CONFLICT DO NOTHING
"""

# Only over the row that was read: the last four columns are its former self.
_LINKS_CHANGED = """
    UPDATE identifier SET parent = t.parent, linked_at = t.linked_at, linked_by = t.linked_by,
                          person_id = t.person_id, subject_id = t.subject_id
    FROM unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
                $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
         AS t (workspace_id, identifier, parent, linked_at, linked_by, person_id, subject_id,
               old_parent, old_by, old_person, old_subject)
    WHERE identifier.workspace_id = t.workspace_id AND identifier.identifier = t.identifier
      AND identifier.parent IS NOT DISTINCT FROM t.old_parent
      AND identifier.linked_by IS NOT DISTINCT FROM t.old_by
      AND identifier.person_id = t.old_person AND identifier.subject_id = t.old_subject
"""

_MEMBERS = """
    INSERT INTO member (workspace_id, subject_id, person_id, role, traits, first_seen_at)
    SELECT t.w, t.s, t.p, t.r, t.t::json, t.f
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
         AS t (w, s, p, r, t, f)
    ON CONFLICT (workspace_id, subject_id, person_id) DO UPDATE
    SET role = excluded.role, traits = excluded.traits, first_seen_at = excluded.first_seen_at
"""

_MEMBERS_GONE = """
    DELETE FROM member USING unnest($1::int[], $2::text[], $3::text[]) AS t (w, s, p)
    WHERE workspace_id = t.w AND subject_id = t.s AND person_id = t.p
"""

# Version n is written only over version n - 1, and version 1 only where there is no row.
_SUBJECTS = """
    INSERT INTO subject (workspace_id, subject_id, version, touchpoints, last_occurred_at,
                         last_message_id, processed_at, states, account_traits, value, merged_into)
    SELECT t.w, t.s, t.v, t.n, t.la, t.lm, $11, t.st, t.tr::json, t.va, t.mi
    FROM unnest($1::int[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::text[],
                $7::bytea[], $8::text[], $9::float8[], $10::text[])
         AS t (w, s, v, n, la, lm, st, tr, va, mi)
    ON CONFLICT (workspace_id, subject_id) DO UPDATE
    SET version = excluded.version, touchpoints = excluded.touchpoints,
        last_occurred_at = excluded.last_occurred_at, last_message_id = excluded.last_message_id,
        processed_at = excluded.processed_at, states = excluded.states,
        account_traits = excluded.account_traits, value = excluded.value,
        merged_into = excluded.merged_into
    WHERE subject.version = excluded.version - 1
"""

_PLACEMENTS = """
    INSERT INTO placement (workspace_id, subject_id, journey, map_version, status, stage, outcome, cycle,
                           entered_at, stalled_at, milestones, version, processed_at)
    SELECT t.w, t.s, t.j, t.mv, t.st, t.sg, t.oc, t.cy, t.en, t.sa, t.mi::json, t.ve, $13
    FROM unnest($1::int[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[],
                $8::int[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::bigint[])
         AS t (w, s, j, mv, st, sg, oc, cy, en, sa, mi, ve)
    ON CONFLICT (workspace_id, subject_id, journey) DO UPDATE
    SET map_version = excluded.map_version, status = excluded.status, stage = excluded.stage,
        outcome = excluded.outcome, cycle = excluded.cycle, entered_at = excluded.entered_at,
        stalled_at = excluded.stalled_at, milestones = excluded.milestones,
        version = excluded.version, processed_at = excluded.processed_at
"""

_PLACEMENTS_GONE = """
    DELETE FROM placement USING unnest($1::int[], $2::text[], $3::text[]) AS t (w, s, j)
    WHERE workspace_id = t.w AND subject_id = t.s AND journey = t.j
"""

_SUPERSEDED = """
    UPDATE transition SET superseded_at = $3 FROM unnest($1::int[], $2::bigint[]) AS t (w, i)
    WHERE workspace_id = t.w AND transition_id = t.i
"""

_TRANSITIONS = """
    INSERT INTO transition (workspace_id, subject_id, journey, sequence, kind, from_stage, to_stage,
                            outcome, cycle, occurred_at, dwell_seconds, cause_message_id, cause_event,
                            cause_timer, rule, map_version, processed_at)
    SELECT t.*, $17
    FROM unnest($1::int[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::int[], $10::timestamptz[], $11::float8[], $12::text[], $13::text[],
                $14::text[], $15::text[], $16::int[]) AS t
"""

_DEADLINES = """
    INSERT INTO deadline (workspace_id, subject_id, journey, due_at)
    SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[])
    ON CONFLICT (workspace_id, subject_id, journey) DO UPDATE SET due_at = excluded.due_at
"""

_DEADLINES_GONE = """
    DELETE FROM deadline USING unnest($1::int[], $2::text[], $3::text[]) AS t (w, s, j)
    WHERE workspace_id = t.w AND subject_id = t.s AND journey = t.j
"""

# One alert a visit. A second write can resolve it, or open again what a re-fold had taken away;
# what a person did to it stays.
_ALERTS = """
    INSERT INTO alert (workspace_id, alert_id, kind, severity, state, subject_id, journey, stage, cycle,
                       visit_entered_at, owner, opened_at, resolved_at, resolution, last_touchpoint,
                       value_at_risk, evidence, summary)
    SELECT t.w, t.id, 'stall', 'warning', t.state, t.s, t.j, t.stage, t.cycle, t.entered, t.owner,
           t.opened, t.resolved, t.resolution, t.last::json, t.value, t.evidence::json, t.summary
    FROM unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[],
                $8::timestamptz[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[],
                $13::text[], $14::float8[], $15::text[], $16::text[])
         AS t (w, id, state, s, j, stage, cycle, entered, owner, opened, resolved, resolution, last,
               value, evidence, summary)
    ON CONFLICT ON CONSTRAINT alert_once_per_visit_key DO UPDATE
    SET state = excluded.state, resolved_at = excluded.resolved_at, resolution = excluded.resolution,
        last_touchpoint = excluded.last_touchpoint, value_at_risk = excluded.value_at_risk,
        evidence = excluded.evidence, summary = excluded.summary
    WHERE (alert.state <> 'resolved' AND excluded.state = 'resolved')
       OR alert.resolution IN ('corrected', 'merged', 'moved')
"""

# Findings that no longer exist: the visit was corrected away, or its subject merged into another.
_ALERTS_GONE = """
    UPDATE alert SET state = 'resolved', resolved_at = $4, resolution = t.r
    FROM unnest($1::int[], $2::uuid[], $3::text[]) AS t (w, i, r)
    WHERE workspace_id = t.w AND alert_id = t.i AND state <> 'resolved'
"""

_OUTBOX = """
    INSERT INTO outbox (workspace_id, type, subject_id, payload, created_at)
    SELECT t.w, t.y, t.s, t.p::json, $5
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[]) AS t (w, y, s, p)
"""

# A record is one dead letter, however often it is read.
_DEAD = """
    INSERT INTO dead_letter (workspace_id, topic, partition, record_offset, record_key, record_value,
                             reason, detail, created_at)
    SELECT t.w, $8, t.p, t.o, t.k, t.v, t.r, t.d, $9
    FROM unnest($1::int[], $2::int[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $7::text[])
         AS t (w, p, o, k, v, r, d)
    ON CONFLICT (topic, partition, record_offset) DO NOTHING
"""


def columns(rows: list[Row], *, ordered: bool = True) -> list[tuple[Any, ...]]:
    """Rows turned into the arrays of a statement."""
    if ordered:
        rows.sort(key=_by_key)
    return list(zip(*rows, strict=True))


def _by_key(row: Row) -> Row:
    return row[:2]


async def touchpoints(
    connection: Connection, rows: list[Row], now: datetime
) -> set[tuple[int, str]] | None:
    """Insert history; answers the keys that were new, or None when all were."""
    inserted = await connection.fetch(_TOUCHPOINTS, *columns(rows), now)
    if len(inserted) == len(rows):
        return None
    return {(row[0], row[1]) for row in inserted}


async def dead_letters(
    connection: Connection, topic: str, rows: Sequence[Row], now: datetime
) -> None:
    """Keep poison records: raw bytes, reason, position."""
    if rows:
        await connection.execute(_DEAD, *columns(list(rows), ordered=False), topic, now)


async def identities(connection: Connection, writes: Writes) -> None:
    """Write names; holds their row locks from here on. Raises Conflict."""
    await _guarded(connection, _LINKS_NEW, writes.links_new)
    await _guarded(connection, _LINKS_CHANGED, writes.links_changed)


async def moves(connection: Connection, writes: Writes) -> None:
    """Give events to other subjects and persons; what is read from now on sees them there."""
    await _plain(connection, _MOVED, writes.moved)


async def everything_else(connection: Connection, writes: Writes, now: datetime) -> None:
    """Write what follows from the events. Raises Conflict when a subject has another version."""
    await _guarded(connection, _SUBJECTS, writes.subjects, now)
    await _plain(connection, _MEMBERS_GONE, writes.members_gone)
    await _plain(connection, _MEMBERS, writes.members)
    await _plain(connection, _PLACEMENTS_GONE, writes.placements_gone)
    await _plain(connection, _PLACEMENTS, writes.placements, now)
    await _plain(connection, _SUPERSEDED, writes.superseded, now)
    await _plain(connection, _TRANSITIONS, writes.transitions, now, ordered=False)
    await _plain(connection, _DEADLINES_GONE, writes.deadlines_gone)
    await _plain(connection, _DEADLINES, writes.deadlines)
    await _plain(connection, _ALERTS_GONE, writes.alerts_gone, now)
    await _plain(connection, _ALERTS, writes.alerts)
    await _plain(connection, _OUTBOX, writes.outbox, now, ordered=False)


async def _plain(
    connection: Connection, statement: str, rows: list[Row], *more: object, ordered: bool = True
) -> None:
    if rows:
        await connection.execute(statement, *columns(rows, ordered=ordered), *more)


async def _guarded(connection: Connection, statement: str, rows: list[Row], *more: object) -> None:
    if rows:
        status = await connection.execute(statement, *columns(rows), *more)
        if count(status) != len(rows):
            raise Conflict(
                f"{len(rows) - count(status)} of {len(rows)} rows were written meanwhile"
            )
