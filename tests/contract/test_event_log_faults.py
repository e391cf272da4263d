"""What both event logs promise when something breaks: frozen, killed, too busy, away."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from services.standalone.kafka import LocalKafka
from services.standalone.postgres import EmbeddedPostgres
from shared.errors import LogUnavailable
from shared.eventlog.port import LogReader, NewRecord, Record
from tests.conftest import postgres_folder
from tests.contract.event_log_harness import (
    EventLogHarness,
    KafkaHarness,
    PostgresHarness,
    StoredOffsets,
    frozen,
)
from tests.contract.reader_process import SESSION_SECONDS
from tests.support.database import execute, migrate
from tests.support.eventually import eventually

ALL = [0, 1, 2, 3]
ROOT = Path(__file__).parent.parent.parent


def _records(count: int, start: int = 0) -> list[NewRecord]:
    return [NewRecord(key=b"k%d" % n, value=b"%d" % n) for n in range(start, start + count)]


async def _read(reader: LogReader, count: int) -> list[Record]:
    records: list[Record] = []

    async def enough() -> bool:
        records.extend(await reader.poll(500, 0.2))
        return len(records) >= count

    await eventually(enough, within=30)
    return records


# -- the server ------------------------------------------------------------------------------------


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
    await writer.append(_records(1))
    assert await writer.healthy()

    async with frozen(harness, log_to_freeze.broker):
        # Ten times the writer's own timeout: it must come back by itself, never hang.
        async with asyncio.timeout(10):
            with pytest.raises(LogUnavailable):
                await writer.append(_records(1, start=1))

        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(_outcome(writer.append(_records(8, start=2))))
            await asyncio.sleep(0)
            # The ninth and following are refused at once: the first eight still wait.
            with pytest.raises(LogUnavailable, match="already on their way"):
                await writer.append(_records(5, start=10))
            assert not waiting.done()
        assert waiting.result() is LogUnavailable

    async def is_writable() -> bool:
        await writer.append(_records(1, start=20))
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


async def _outcome(append: Any) -> type[BaseException] | None:
    try:
        await append
    except LogUnavailable:
        return LogUnavailable
    return None


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
            await writer.append(_records(1))
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
    await writer.append(_records(50))
    assert len(await _read(reader, 10)) >= 10

    own_kafka.kill()
    with pytest.raises(LogUnavailable):
        await writer.append(_records(1, start=900))
    await asyncio.to_thread(own_kafka.start)

    async def is_writable() -> bool:
        await writer.append(_records(1, start=50))
        return True

    await eventually(is_writable, within=40)
    late = await harness.open_reader(StoredOffsets().load)
    await reader.stop()
    values = {record.value for record in await _read(late, 51)}
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
        await writer.append(_records(50))
        assert len(await _read(reader, 50)) == 50

        # An immediate shutdown is what a crash is: no checkpoint, recovery at the next start.
        os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)

        async def is_down() -> bool:
            return not await asyncio.to_thread((data / "postmaster.pid").exists)

        await eventually(is_down, within=20)
        with pytest.raises(LogUnavailable):
            await writer.append(_records(1, start=900))
        assert not await writer.healthy()
        with pytest.raises(LogUnavailable):
            await reader.poll(1, 0.1)

        with EmbeddedPostgres(data) as again:
            assert again.url == server.url
            await writer.append(_records(1, start=50))
            assert await writer.healthy()
            assert [record.value for record in await _read(reader, 51)].count(b"50") == 1
            await harness.close()


async def test_a_writer_and_a_reader_whose_sessions_are_cut_go_on_with_others(
    database_url: str,
) -> None:
    harness = PostgresHarness(database_url)
    await harness.make_topic()
    stored = StoredOffsets()
    writer = await harness.open_writer()
    reader = await harness.open_reader(stored.load)
    await writer.append(_records(3))
    for record in await _read(reader, 3):
        stored.next_offsets[record.partition] = record.offset + 1

    await _cut_sessions(database_url)

    async def is_writable() -> bool:
        await writer.append(_records(1, start=3))
        return True

    await eventually(is_writable, within=10)
    assert [record.value for record in await _read(reader, 1)] == [b"3"]
    await harness.close()


async def _cut_sessions(database_url: str) -> None:
    await execute(
        database_url,
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE 'stageline-log%'""",
    )


async def test_many_small_appends_at_once_all_arrive(event_log: EventLogHarness) -> None:
    writer = await event_log.open_writer()

    async with asyncio.TaskGroup() as tasks:
        for record in _records(500):
            tasks.create_task(writer.append([record]))

    reader = await event_log.open_reader(StoredOffsets().load)
    values = [record.value for record in await _read(reader, 500)]
    assert sorted(values, key=lambda value: int(value or b"-1")) == [b"%d" % n for n in range(500)]


async def test_many_senders_that_append_again_and_again_lose_nothing_and_keep_their_order(
    event_log: EventLogHarness,
) -> None:
    writer = await event_log.open_writer(timeout_seconds=30)
    senders, turns, size = 16, 12, 25

    async def send(sender: int) -> None:
        for turn in range(turns):
            numbers = range(turn * size, (turn + 1) * size)
            key = b"sender-%d" % sender
            # Half a kilobyte each: more than one batch holds, where the log makes any.
            await writer.append([NewRecord(key=key, value=b"%0500d" % n) for n in numbers])

    async with asyncio.TaskGroup() as tasks:
        for sender in range(senders):
            tasks.create_task(send(sender))

    reader = await event_log.open_reader(StoredOffsets().load)
    records = await _read(reader, senders * turns * size)
    for sender in range(senders):
        values = [record.value for record in records if record.key == b"sender-%d" % sender]
        assert values == [b"%0500d" % n for n in range(turns * size)]


async def test_one_append_of_more_than_a_batch_holds_arrives_in_order(
    event_log: EventLogHarness,
) -> None:
    writer = await event_log.open_writer(timeout_seconds=30)
    values = [b"%09000d" % n for n in range(100)]
    await writer.append([NewRecord(key=b"k", value=value) for value in values])

    reader = await event_log.open_reader(StoredOffsets().load)
    assert [record.value for record in await _read(reader, 100)] == values


async def test_appends_under_way_are_flushed_when_the_writer_stops(
    event_log: EventLogHarness,
) -> None:
    writer = event_log.writer(event_log.topic)
    await writer.start()

    async with asyncio.TaskGroup() as tasks:
        appends = [tasks.create_task(_outcome(writer.append([r]))) for r in _records(20)]
        await asyncio.sleep(0)
        tasks.create_task(writer.stop())

    acknowledged = [n for n, append in enumerate(appends) if append.result() is None]
    reader = await event_log.open_reader(StoredOffsets().load)
    stored = {record.value for record in await _read(reader, len(acknowledged))}
    assert {b"%d" % n for n in acknowledged} <= stored
    with pytest.raises(LogUnavailable):
        await writer.append(_records(1))
    assert not await writer.healthy()


# -- the other reader ------------------------------------------------------------------------------


class _ReaderProcess:
    """A reader in a process of its own; see reader_process.py."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def poll(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"poll\n")
        async with asyncio.timeout(30):
            answer: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return answer


@asynccontextmanager
async def _reader_process(
    log: EventLogHarness, stored_offsets: Path
) -> AsyncIterator[_ReaderProcess]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.contract.reader_process"),
        *(log.kind, log.address, log.topic, log.group, str(stored_offsets)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield _ReaderProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_killed_readers_partitions_go_to_the_other(
    event_log: EventLogHarness, tmp_path: Path
) -> None:
    stored = tmp_path / "offsets.json"
    stored.write_text("{}")
    async with _reader_process(event_log, stored) as other:

        async def other_holds_all() -> bool:
            return bool((await other.poll())["assigned"] == ALL)

        await eventually(other_holds_all, within=30)
        other.process.kill()
        survivor = await event_log.open_short_lived_reader(StoredOffsets().load)

        async def has_all() -> bool:
            await survivor.poll(1, 0.1)
            return sorted(survivor.assigned()) == ALL

        assert await eventually(has_all, within=30)


async def test_after_a_stall_all_that_was_not_stored_is_read_again(
    event_log: EventLogHarness,
) -> None:
    for value in (b"a", b"b", b"c"):
        await event_log.append_raw(0, b"k", value)
    stored = StoredOffsets({0: 1})
    reader = await event_log.open_short_lived_reader(stored.load)
    assert [record.value for record in await _read(reader, 2)] == [b"b", b"c"]
    loaded = len(stored.loads)

    # The whole process stands still for longer than a session lasts.
    sleep(SESSION_SECONDS * 1.5)  # noqa: ASYNC251 - to block the loop is the point

    # A batch checked now would be dropped, so its records come again, from the stored offset.
    assert reader.assigned() == frozenset()
    assert [record.value for record in await _read(reader, 2)] == [b"b", b"c"]
    assert len(stored.loads) > loaded


async def test_a_revived_reader_returns_nothing_of_what_it_lost(
    event_log: EventLogHarness, tmp_path: Path
) -> None:
    stored = tmp_path / "offsets.json"
    stored.write_text("{}")
    writer = await event_log.open_writer()
    await writer.append(_records(200))
    async with _reader_process(event_log, stored) as zombie:
        # Given a reader that holds everything and has fetched more than it has returned ...
        async def has_read_one() -> bool:
            return len((await zombie.poll())["records"]) == 1

        await eventually(has_read_one, within=30)

        # ... which is frozen until another one owns all partitions and has stored all the effects,
        zombie.process.send_signal(signal.SIGSTOP)
        frozen_at = monotonic()
        survivor = await event_log.open_short_lived_reader(StoredOffsets().load)
        records = await _read(survivor, 200)
        next_offsets = {p: sum(r.partition == p for r in records) for p in ALL}
        stored.write_text(json.dumps(next_offsets))
        # The log may have given up on it a moment before it would notice by its own clock.
        await asyncio.sleep(SESSION_SECONDS * 1.5 - (monotonic() - frozen_at))

        # when it wakes,
        zombie.process.send_signal(signal.SIGCONT)
        answers = [await zombie.poll()]

        async def is_member_again() -> bool:
            await survivor.poll(1, 0.05)
            answers.append(await zombie.poll())
            return bool(answers[-1]["assigned"]) and sorted(survivor.assigned()) != ALL

        await eventually(is_member_again, within=30)

        # then it holds nothing at first and never returns a record that the other has stored.
        assert answers[0]["assigned"] == []
        assert [answer["records"] for answer in answers if answer["records"]] == []
