"""Retention of the Postgres event log: only what is old and has been read goes."""

from shared.eventlog.factory import ensure_topics, open_writer, trim
from shared.eventlog.port import NewRecord
from shared.settings import CommonSettings
from tests.support.database import connected

TOPIC = "stageline.touchpoints.v1"


async def _filled(database_url: str) -> CommonSettings:
    """A log of two partitions with five records each; the first three of each are an hour old."""
    settings = CommonSettings.model_validate({"database_url": database_url, "partitions": 2})
    await ensure_topics(settings)
    async with connected(database_url) as connection:
        await connection.execute(
            """INSERT INTO log_record (topic, partition, record_offset, record_value, appended_at)
               SELECT $1, partition, at, 'x',
                      CASE WHEN at < 3 THEN now() - interval '1 hour' ELSE now() END
               FROM generate_series(0, 1) AS partition, generate_series(0, 4) AS at""",
            TOPIC,
        )
        await connection.execute("UPDATE log_partition SET next_offset = 5 WHERE topic = $1", TOPIC)
    return settings


async def _left(database_url: str) -> list[tuple[int, int, int]]:
    """(partition, first offset by the book, first offset by the records)."""
    async with connected(database_url) as connection:
        rows = await connection.fetch(
            """SELECT partition, first_offset, min(record_offset) AS kept
               FROM log_partition JOIN log_record USING (topic, partition)
               WHERE topic = $1 GROUP BY partition, first_offset ORDER BY partition""",
            TOPIC,
        )
    return [tuple(row) for row in rows]


async def test_young_records_stay_though_they_were_read(database_url: str) -> None:
    settings = await _filled(database_url)

    assert await trim(settings, TOPIC, {0: 5, 1: 5}, keep_seconds=60) == 6

    assert await _left(database_url) == [(0, 3, 3), (1, 3, 3)]


async def test_old_records_stay_until_they_were_read(database_url: str) -> None:
    settings = await _filled(database_url)

    assert await trim(settings, TOPIC, {0: 2}, keep_seconds=60) == 2

    assert await _left(database_url) == [(0, 2, 2), (1, 0, 0)]


async def test_trimming_again_removes_nothing(database_url: str) -> None:
    settings = await _filled(database_url)
    await trim(settings, TOPIC, {0: 5, 1: 5}, keep_seconds=60)

    assert await trim(settings, TOPIC, {0: 5, 1: 5}, keep_seconds=60) == 0


async def test_a_log_trimmed_empty_goes_on_at_its_next_offset(database_url: str) -> None:
    settings = await _filled(database_url)
    await trim(settings, TOPIC, {0: 5, 1: 5}, keep_seconds=0)
    writer = open_writer(settings)
    await writer.start()

    await writer.append([NewRecord(key=b"%d" % n, value=b"x") for n in range(20)])
    await writer.stop()

    assert await _left(database_url) == [(0, 5, 5), (1, 5, 5)]
