"""Offsets, published maps, due deadlines, re-fold jobs, and dead letters that wait for their topic."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.stager.identity.names import Key
from services.stager.store.rows import DeadLetter, Job, JourneyKey, PartitionProgress
from services.stager.store.session import Connection, count
from shared.errors import Fenced
from shared.maps.published import PublishedMap

# Where reading of each partition goes on.
_OFFSETS = """
    SELECT partition, next_offset FROM consumer_offset WHERE topic = $1 AND partition = ANY($2::int[])
"""

_ALL_OFFSETS = "SELECT partition, next_offset FROM consumer_offset WHERE topic = $1"

# The fence: the batch counts only if the stored offset is the one at which its reader began. A partition
# without a row begins with the first record read.
_ADVANCE = """
    INSERT INTO consumer_offset AS c (topic, partition, first_offset, next_offset, applied, duplicate,
                                      dead, erased, forgotten, retracted, withdrawn, owner,
                                      updated_at)
    SELECT $1, t.p, t.e, t.n, t.a, t.u, t.d, t.r, t.f, t.b, t.w, $12, $13
    FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
         AS t (p, e, n, a, u, d, r, f, b, w)
    ON CONFLICT (topic, partition) DO UPDATE
    SET next_offset = excluded.next_offset, applied = c.applied + excluded.applied,
        duplicate = c.duplicate + excluded.duplicate, dead = c.dead + excluded.dead,
        erased = c.erased + excluded.erased, forgotten = c.forgotten + excluded.forgotten,
        retracted = c.retracted + excluded.retracted, withdrawn = c.withdrawn + excluded.withdrawn,
        owner = excluded.owner, updated_at = excluded.updated_at
    WHERE c.next_offset = excluded.first_offset
"""

# Every batch holds this lock shared. A job that starts, and a batch that erases or retracts, hold it
# exclusively: no batch that has not read the new map, tombstone or retraction is under way after that.
_BATCH_BARRIER = 0x6D61_7073_0001
_SHARE_BARRIER = f"SELECT pg_advisory_xact_lock_shared({_BATCH_BARRIER})"
_WAIT_FOR_BATCHES = f"SELECT pg_advisory_xact_lock({_BATCH_BARRIER})"

_PUBLICATION = "SELECT max(publication) FROM journey_version"

# Three reads at the end of an index.
_NEWEST = """
    SELECT (SELECT max(publication) FROM journey_version), (SELECT max(change) FROM suppression),
           (SELECT max(change) FROM retraction)
"""

# The newest versions of each journey, however many were published: those before can never come into force.
_PUBLISHED = """
    SELECT publication, workspace_id, journey, version, definition, is_retired
    FROM (
        SELECT *, row_number() OVER (PARTITION BY workspace_id, journey ORDER BY version DESC) AS place
        FROM journey_version WHERE publication > $1
    ) AS numbered
    WHERE place <= $2 ORDER BY publication
"""
_NEWEST_VERSIONS = 3
"""Read of each journey: the newest, and those that stand in where this release cannot read it."""

# The oldest deadlines that are due and that no other transaction has locked.
_DUE = """
    SELECT workspace_id, subject_id, journey FROM deadline WHERE due_at <= $1
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""

_JOB = """
    SELECT workspace_id, journey, version, cursor, done, total FROM refold_job
    WHERE finished_at IS NULL ORDER BY created_at, workspace_id, journey, version
    LIMIT 1 FOR UPDATE SKIP LOCKED
"""

_JOB_PROGRESS = """
    UPDATE refold_job SET cursor = $4, done = $5, total = $6, finished_at = $7
    WHERE workspace_id = $1 AND journey = $2 AND version = $3
"""

_SUBJECTS_AFTER = """
    SELECT subject_id FROM subject
    WHERE workspace_id = $1 AND subject_id > $2 AND merged_into IS NULL ORDER BY subject_id LIMIT $3
"""
# Merged ones, too: they may be persons, whose own journeys they still have.
_ROWS_AFTER = """
    SELECT subject_id FROM subject WHERE workspace_id = $1 AND subject_id > $2
    ORDER BY subject_id LIMIT $3
"""
_ROW_COUNT = "SELECT count(*) FROM subject WHERE workspace_id = $1"
_SUBJECT_COUNT = "SELECT count(*) FROM subject WHERE workspace_id = $1 AND merged_into IS NULL"

_PERSONS_AFTER = """
    SELECT identifier FROM identifier
    WHERE workspace_id = $1 AND identifier > $2 AND identifier = person_id
    ORDER BY identifier LIMIT $3
"""
_PERSON_COUNT = "SELECT count(*) FROM identifier WHERE workspace_id = $1 AND identifier = person_id"

# Events that a provider delivered again, because it missed the response.
_REPEATED_UNMAPPED = """
    SELECT k.w, k.m FROM unnest($1::int[], $2::text[]) AS k (w, m)
    WHERE EXISTS (SELECT FROM dead_letter d WHERE d.workspace_id = k.w AND d.message_id = k.m
                                              AND d.reason = 'unmapped' AND d.replayed_at IS NULL)
       OR EXISTS (SELECT FROM touchpoint t WHERE t.workspace_id = k.w AND t.message_id = k.m)
"""

_UNPUBLISHED = """
    SELECT dead_letter_id, workspace_id, partition, record_offset, record_key, record_value, reason
    FROM dead_letter WHERE published_at IS NULL ORDER BY dead_letter_id LIMIT $1
    FOR UPDATE SKIP LOCKED
"""
_MARK_PUBLISHED = (
    "UPDATE dead_letter SET published_at = $2 WHERE dead_letter_id = ANY($1::bigint[])"
)

_OUTBOX_OLD = """
    DELETE FROM outbox WHERE (workspace_id, outbox_id) IN (
        SELECT workspace_id, outbox_id FROM outbox WHERE created_at < $1 ORDER BY created_at LIMIT $2)
"""


async def offsets(connection: Connection, topic: str, partitions: Sequence[int]) -> dict[int, int]:
    """Next offset of each partition that has been read before."""
    return {row[0]: row[1] for row in await connection.fetch(_OFFSETS, topic, list(partitions))}


async def all_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """Next offset of every partition that has been read before."""
    rows = await connection.fetch(_ALL_OFFSETS, topic)
    return {row["partition"]: row["next_offset"] for row in rows}


async def advance(
    connection: Connection,
    topic: str,
    progress: Sequence[PartitionProgress],
    owner: str,
    now: datetime,
) -> None:
    """Move the offsets of the partitions. Raises Fenced when a stored one is not as expected."""
    ordered = sorted(progress, key=lambda each: each.partition)
    status = await connection.execute(
        _ADVANCE,
        topic,
        [each.partition for each in ordered],
        [each.expected for each in ordered],
        [each.next_offset for each in ordered],
        [each.applied for each in ordered],
        [each.duplicate for each in ordered],
        [each.dead for each in ordered],
        [each.erased for each in ordered],
        [each.touchpoints_erased for each in ordered],
        [each.retracted for each in ordered],
        [each.touchpoints_retracted for each in ordered],
        owner,
        now,
    )
    if count(status) != len(ordered):
        raise Fenced(
            f"{len(ordered) - count(status)} of {len(ordered)} partitions were moved by another reader"
        )


async def newest_publication(connection: Connection) -> int:
    """Number of the newest map. Holds the batch barrier: no job for a newer one starts before the commit."""
    await connection.execute(_SHARE_BARRIER)
    return await connection.fetchval(_PUBLICATION) or 0


async def newest(connection: Connection, *, is_alone: bool) -> tuple[int, int, int]:
    """Numbers of the newest map, and of the newest change of tombstones and of retractions.

    Holds the batch barrier until the commit. `is_alone`: exclusively, so that no other batch of any
    stager is under way meanwhile and the next one reads what this one changes.
    """
    await connection.execute(_WAIT_FOR_BATCHES if is_alone else _SHARE_BARRIER)
    row = await connection.fetchrow(_NEWEST)
    return (0, 0, 0) if row is None else (row[0] or 0, row[1] or 0, row[2] or 0)


async def publications_after(connection: Connection, publication: int) -> list[PublishedMap]:
    """The newest versions of each map published after the given number, oldest first."""
    return [
        PublishedMap(
            publication=row[0],
            workspace_id=row[1],
            journey=row[2],
            version=row[3],
            definition=msgspec.json.decode(row[4]),
            is_retired=row[5],
        )
        for row in await connection.fetch(_PUBLISHED, publication, _NEWEST_VERSIONS)
    ]


async def due(connection: Connection, now: datetime, limit: int) -> list[JourneyKey]:
    """Deadlines that are due, oldest first; locks them."""
    return [(row[0], row[1], row[2]) for row in await connection.fetch(_DUE, now, limit)]


async def next_job(connection: Connection) -> Job | None:
    """The oldest unfinished job that no other transaction has locked; locks it."""
    row = await connection.fetchrow(_JOB)
    return None if row is None else Job(*row)


async def wait_for_batches(connection: Connection) -> None:
    """Wait for the end of every batch that may not have read the newest map."""
    await connection.execute(_WAIT_FOR_BATCHES)


async def job_progress(connection: Connection, job: Job, finished_at: datetime | None) -> None:
    """Store how far a job has got."""
    await connection.execute(
        _JOB_PROGRESS,
        job.workspace_id,
        job.journey,
        job.version,
        job.cursor,
        job.done,
        job.total,
        finished_at,
    )


async def job_total(connection: Connection, job: Job, *, of_persons: bool) -> int:
    """Number of subjects that a job visits."""
    statement = _PERSON_COUNT if of_persons else _SUBJECT_COUNT
    return await connection.fetchval(statement, job.workspace_id) or 0


async def job_keys(connection: Connection, job: Job, limit: int, *, of_persons: bool) -> list[Key]:
    """The next subjects of a job, in key order."""
    statement = _PERSONS_AFTER if of_persons else _SUBJECTS_AFTER
    rows = await connection.fetch(statement, job.workspace_id, job.cursor, limit)
    return [(job.workspace_id, row[0]) for row in rows]


async def retirement_total(connection: Connection, job: Job) -> int:
    """Number of rows of `subject` that the job of a retired journey visits."""
    return await connection.fetchval(_ROW_COUNT, job.workspace_id) or 0


async def retirement_keys(connection: Connection, job: Job, limit: int) -> list[Key]:
    """The next subjects of the job of a retired journey, in key order."""
    rows = await connection.fetch(_ROWS_AFTER, job.workspace_id, job.cursor, limit)
    return [(job.workspace_id, row[0]) for row in rows]


async def repeated_unmapped(connection: Connection, keys: Sequence[Key]) -> set[Key]:
    """Those that are an unmapped dead letter already, or were applied since."""
    columns = [[key[place] for key in keys] for place in range(2)]
    return {(row[0], row[1]) for row in await connection.fetch(_REPEATED_UNMAPPED, *columns)}


async def unpublished(connection: Connection, limit: int) -> list[DeadLetter]:
    """Dead letters that are not in their topic yet, oldest first; locks them."""
    return [DeadLetter(*row) for row in await connection.fetch(_UNPUBLISHED, limit)]


async def mark_published(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Note that the topic has acknowledged these dead letters."""
    await connection.execute(_MARK_PUBLISHED, list(ids), now)


async def prune_outbox(connection: Connection, before: datetime, limit: int) -> int:
    """Remove at most `limit` notices older than `before`; returns their number."""
    return count(await connection.execute(_OUTBOX_OLD, before, limit))
