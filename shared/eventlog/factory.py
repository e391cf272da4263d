"""Opens the event log that the settings name: the one place that reads `event_log`.

Kafka's client is imported where it is chosen: a process on the log in Postgres starts without it.
"""

from collections.abc import Mapping
from typing import assert_never

from shared.contracts.topics import DEAD_LETTERS, TOUCHPOINTS
from shared.eventlog.port import LogReader, LogWriter
from shared.eventlog.postgres import topics as postgres_topics
from shared.eventlog.postgres.reader import PostgresReader
from shared.eventlog.postgres.writer import PostgresWriter
from shared.settings import CommonSettings
from shared.storage.connect import DatabaseRole, connect
from shared.storage.errors import any_as_unavailable

DEAD_LETTER_PARTITIONS = 1
"""Few, and read by people: their order over all is worth more than their spread."""


def open_writer(
    settings: CommonSettings, topic: str = TOUCHPOINTS, *, role: DatabaseRole = DatabaseRole.INGEST
) -> LogWriter:
    """A writer to `topic`, not yet started. `role` is the database role for the Postgres log."""
    match settings.event_log:
        case "kafka":
            from shared.eventlog.kafka.writer import KafkaWriter  # noqa: PLC0415 - see above

            return KafkaWriter(
                bootstrap=settings.kafka_bootstrap,
                topic=topic,
                timeout_seconds=settings.log_timeout_seconds,
            )
        case "postgres":
            return PostgresWriter(
                database_url=settings.database_url.get_secret_value(),
                topic=topic,
                timeout_seconds=settings.log_timeout_seconds,
                role=role,
            )
        case never:
            assert_never(never)


def open_reader(settings: CommonSettings, topic: str, group_id: str) -> LogReader:
    """A member of `group_id` reading `topic`, not yet started."""
    match settings.event_log:
        case "kafka":
            from shared.eventlog.kafka.reader import KafkaReader  # noqa: PLC0415 - see above

            return KafkaReader(
                bootstrap=settings.kafka_bootstrap,
                topic=topic,
                group_id=group_id,
                timeout_seconds=settings.log_timeout_seconds,
            )
        case "postgres":
            return PostgresReader(
                database_url=settings.database_url.get_secret_value(),
                topic=topic,
                group_id=group_id,
                timeout_seconds=settings.log_timeout_seconds,
            )
        case never:
            assert_never(never)


async def ensure_topics(settings: CommonSettings) -> None:
    """Make the topics of Stageline that are missing, with the partitions that the settings name.

    Safe to call at once from several processes. Raises LogUnavailable.
    """
    partitions = {TOUCHPOINTS: settings.partitions, DEAD_LETTERS: DEAD_LETTER_PARTITIONS}
    match settings.event_log:
        case "kafka":
            from shared.eventlog.kafka import topics as kafka_topics  # noqa: PLC0415 - see above

            await kafka_topics.ensure_topics(
                settings.kafka_bootstrap, partitions, timeout_seconds=settings.log_timeout_seconds
            )
        case "postgres":
            await postgres_topics.ensure_topics(
                settings.database_url.get_secret_value(), partitions
            )
        case never:
            assert_never(never)


async def trim(
    settings: CommonSettings,
    topic: str,
    read_up_to: Mapping[int, int],
    *,
    keep_seconds: float,
) -> int:
    """Remove records below the stored next offsets that are older than `keep_seconds`.

    Returns how many; a bounded number for each call, so call again while there are some. Kafka keeps to the
    retention of its topics by itself: 0. Raises DatabaseUnavailable.
    """
    if settings.event_log == "kafka":
        return 0
    with any_as_unavailable("retention of the Postgres event log failed"):
        connection = await connect(
            settings.database_url.get_secret_value(),
            role=DatabaseRole.STAGER,
            application_name="stageline-log-retention",
        )
        try:
            return await postgres_topics.trim(
                connection, topic, read_up_to, keep_seconds=keep_seconds
            )
        finally:
            await connection.close(timeout=1)
