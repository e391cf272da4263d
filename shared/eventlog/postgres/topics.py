"""Topics of the Postgres event log: creation, and removal of records that were read and are old."""

from collections.abc import Mapping

import structlog

from shared.errors import LogUnavailable
from shared.eventlog.postgres.wire import Connection
from shared.storage.connect import DatabaseRole, connect
from shared.storage.errors import DRIVER_ERRORS

_log = structlog.get_logger(__name__)

# A topic that exists keeps its partitions: more of them would move keys.
_CREATE = """
INSERT INTO log_partition (topic, partition)
SELECT $1, partition FROM generate_series(0, $2 - 1) AS partition
WHERE NOT EXISTS (SELECT FROM log_partition WHERE topic = $1)
ON CONFLICT DO NOTHING
"""

_COUNT = "SELECT count(*)::int FROM log_partition WHERE topic = $1"

# First offset to keep among the oldest records: the first that is too young or not yet read.
_KEEP_FROM = """
SELECT coalesce(
    min(record_offset) FILTER (WHERE appended_at >= now() - make_interval(secs => $4)),
    max(record_offset) + 1
)
FROM (
    SELECT record_offset, appended_at
    FROM log_record
    WHERE topic = $1 AND partition = $2 AND record_offset < $3
    ORDER BY record_offset
    LIMIT $5
) AS oldest
"""

_MOVE_START = """
UPDATE log_partition SET first_offset = greatest(first_offset, $3)
WHERE topic = $1 AND partition = $2
"""

_REMOVE = """
WITH removed AS (
    DELETE FROM log_record
    WHERE topic = $1 AND partition = $2 AND record_offset < $3
    RETURNING 1
)
SELECT count(*) FROM removed
"""


async def ensure_topics(
    database_url: str, partitions: Mapping[str, int], *, role: DatabaseRole = DatabaseRole.INGEST
) -> None:
    """Make the topics that are missing. Safe to call at once from several processes.

    Raises LogUnavailable.
    """
    try:
        connection = await connect(database_url, role=role, application_name="stageline-log-topics")
        try:
            for topic, wanted in partitions.items():
                await connection.execute(_CREATE, topic, wanted)
                exist = await connection.fetchval(_COUNT, topic)
                if exist != wanted:
                    _log.warning(
                        "event_log_partitions_differ", topic=topic, exist=exist, wanted=wanted
                    )
        finally:
            await connection.close(timeout=1)
    except DRIVER_ERRORS as exc:
        message = f"the Postgres event log does not answer: {exc!r}"
        raise LogUnavailable(message) from exc


async def trim(
    connection: Connection,
    topic: str,
    read_up_to: Mapping[int, int],
    *,
    keep_seconds: float,
    limit: int = 10_000,
) -> int:
    """Remove records that were read and are older than `keep_seconds`; returns how many.

    `read_up_to` is the stored next offset of each partition: nothing at or above it goes, and nothing
    of a partition that is not named. At most `limit` records of a partition go in one call, each
    partition in its own transaction; call again while it removes some. Raises asyncpg errors.
    """
    removed = 0
    for partition, next_offset in sorted(read_up_to.items()):
        async with connection.transaction():
            keep_from = await connection.fetchval(
                _KEEP_FROM, topic, partition, next_offset, keep_seconds, limit
            )
            if keep_from is None:
                continue
            await connection.execute(_MOVE_START, topic, partition, keep_from)
            removed += await connection.fetchval(_REMOVE, topic, partition, keep_from)
    return removed
