"""What both event logs promise when their server breaks: frozen, killed, away."""

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.dev.kafka import LocalKafka
from services.standalone.postgres import EmbeddedPostgres
from shared.errors import LogUnavailable
from tests.contract.event_log_harness import (
    EventLogHarness,
    KafkaHarness,
    PostgresHarness,
    StoredOffsets,
    frozen,
    numbered,
    outcome,
    read,
)
from tests.support.database import execute, migrate
from tests.support.eventually import eventually
from tests.support.folders import postgres_folder


@dataclass(frozen=True, slots=True)
class _Server:
    """A log whose server belongs to the test: it may be frozen."""

    harness: EventLogHarness
    broker: LocalKafka | None


@pytest.fixture(params=["kafka", "postgres"])
def log_to_freeze(request: pytest.FixtureRequest) -> _Server:
    if request.param == "kafka":
        broker: LocalKafka = request.getfixturevalue("own_kafka")
        return _Server(KafkaHarness(broker.bootstrap), broker)
    return _Server(PostgresHarness(request.getfixturevalue("database_url")), None)


async def test_a_log_that_does_not_answer_is_unavailable_in_time_and_comes_back(
    log_to_freeze: _Server,
) -> None:
    harness = log_to_freeze.harness
    await harness.make_topic()
    writer = await harness.open_writer(timeout_seconds=1.0, max_records=10)
    await writer.append(numbered(1))
    assert await writer.healthy()

    async with frozen(harness, log_to_freeze.broker):
        # Ten times the writer's own timeout: it must come back by itself, never hang.
        async with asyncio.timeout(10):
            with pytest.raises(LogUnavailable):
                await writer.append(numbered(1, start=1))

        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(outcome(writer.append(numbered(8, start=2))))
            await asyncio.sleep(0)
            # The ninth and following are refused at once: the first eight still wait.
            with pytest.raises(LogUnavailable, match="already on their way"):
                await writer.append(numbered(5, start=10))
            assert not waiting.done()
        assert waiting.result() is LogUnavailable

    async def is_writable() -> bool:
        await writer.append(numbered(1, start=20))
        return await writer.healthy()

    assert await eventually(is_writable, within=30)
    reader = await harness.open_reader(StoredOffsets().load)
    seen: set[bytes | None] = set()

    async def all_acknowledged() -> bool:
        seen.update(record.value for record in await reader.poll(100, 0.2))
        return {b"0", b"20"} <= seen

    await eventually(all_acknowledged, within=20)
    assert not seen & {b"10", b"11", b"12", b"13", b"14"}
    await harness.close()


async def test_a_frozen_kafka_is_not_healthy_and_stopping_does_not_hang(
    own_kafka: LocalKafka,
) -> None:
    harness = KafkaHarness(own_kafka.bootstrap)
    await harness.make_topic()
    writer = harness.writer(harness.topic, timeout_seconds=1.0)
    await writer.start()
    reader = harness.reader(harness.topic)
    await reader.start(StoredOffsets().load)
    await reader.poll(1, 1.0)

    async with frozen(harness, own_kafka), asyncio.timeout(60):
        assert not await writer.healthy()
        with pytest.raises(LogUnavailable):
            await writer.append(numbered(1))
        with pytest.raises(LogUnavailable):
            await reader.bounds()
        with pytest.raises(LogUnavailable):
            await harness.writer(harness.topic, timeout_seconds=1.0).start()
        await writer.stop()
        await reader.stop()


async def test_a_log_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    kafka = KafkaHarness("127.0.0.1:1")
    postgres = PostgresHarness(f"postgresql://postgres@/postgres?host={tmp_path}")
    async with asyncio.timeout(60):
        for harness in (kafka, postgres):
            with pytest.raises(LogUnavailable):
                await harness.writer(harness.topic, timeout_seconds=1.0).start()
            with pytest.raises(LogUnavailable):
                await harness.reader(harness.topic).start(StoredOffsets().load)
            with pytest.raises(LogUnavailable):
                await harness.make_topic()


async def test_what_kafka_acknowledged_outlives_a_kill_of_the_broker(
    own_kafka: LocalKafka,
) -> None:
    harness = KafkaHarness(own_kafka.bootstrap)
    await harness.make_topic()
    writer = await harness.open_writer(timeout_seconds=1.0)
    reader = await harness.open_reader(StoredOffsets().load)
    await writer.append(numbered(50))
    assert len(await read(reader, 10)) >= 10

    own_kafka.kill()
    with pytest.raises(LogUnavailable):
        await writer.append(numbered(1, start=900))
    await asyncio.to_thread(own_kafka.start)

    async def is_writable() -> bool:
        await writer.append(numbered(1, start=50))
        return True

    await eventually(is_writable, within=40)
    late = await harness.open_reader(StoredOffsets().load)
    await reader.stop()
    values = {record.value for record in await read(late, 51)}
    assert {b"%d" % n for n in range(51)} <= values
    await harness.close()


async def test_what_postgres_acknowledged_outlives_a_crash_of_the_server() -> None:
    with postgres_folder() as folder, EmbeddedPostgres(folder / "pg") as server:
        data = folder / "pg"
        await migrate(server.url)
        harness = PostgresHarness(server.url)
        await harness.make_topic()
        writer = await harness.open_writer(timeout_seconds=1.0)
        reader = await harness.open_reader(StoredOffsets().load)
        await writer.append(numbered(50))
        assert len(await read(reader, 50)) == 50

        # An immediate shutdown is what a crash is: no checkpoint, recovery at the next start.
        os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)

        async def is_down() -> bool:
            return not await asyncio.to_thread((data / "postmaster.pid").exists)

        await eventually(is_down, within=20)
        with pytest.raises(LogUnavailable):
            await writer.append(numbered(1, start=900))
        assert not await writer.healthy()
        with pytest.raises(LogUnavailable):
            await reader.poll(1, 0.1)

        with EmbeddedPostgres(data) as again:
            assert again.url == server.url
            await writer.append(numbered(1, start=50))
            assert await writer.healthy()
            assert [record.value for record in await read(reader, 51)].count(b"50") == 1
            await harness.close()


async def test_a_writer_and_a_reader_whose_sessions_are_cut_go_on_with_others(
    database_url: str,
) -> None:
    harness = PostgresHarness(database_url)
    await harness.make_topic()
    stored = StoredOffsets()
    writer = await harness.open_writer()
    reader = await harness.open_reader(stored.load)
    await writer.append(numbered(3))
    for record in await read(reader, 3):
        stored.next_offsets[record.partition] = record.offset + 1

    await _cut_sessions(database_url)

    async def is_writable() -> bool:
        await writer.append(numbered(1, start=3))
        return True

    await eventually(is_writable, within=10)
    assert [record.value for record in await read(reader, 1)] == [b"3"]
    await harness.close()


async def _cut_sessions(database_url: str) -> None:
    await execute(
        database_url,
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE 'stageline-log%'""",
    )
