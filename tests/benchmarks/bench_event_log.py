"""The event logs: append and read rates beside the bare client in the same run.

    python -m tests.benchmarks.bench_event_log [--log kafka|postgres|both] [--seconds 2]

Each line is one closed-loop run of this machine with the server beside it: records of half a kilobyte,
appends of 100, eight at a time. The ratio and the client's processor time say more than the rate.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, process_time

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.dev.kafka import LocalKafka
from services.standalone.postgres import EmbeddedPostgres
from shared.contracts.topics import TOUCHPOINTS
from shared.eventlog.factory import ensure_topics, open_reader, open_writer
from shared.eventlog.port import LogReader, NewRecord
from shared.settings import CommonSettings
from shared.storage.connect import DatabaseRole, connect
from tests.support.database import migrate
from tests.support.folders import postgres_folder

BATCH = 100
CONCURRENT = 8
PARTITIONS = 4
POLL = 2000
_COPY_BATCH = 2000

VALUE = b'{"event":"Product Viewed","properties":{"path":"/pricing","plan":"pro"}}'.ljust(520, b" ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run came to."""

    records: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.records / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu_seconds / max(1, self.records) * 1e6


def _batch(number: int) -> list[NewRecord]:
    return [
        NewRecord(key=b"%016d" % ((number * BATCH + n) % 997), value=VALUE) for n in range(BATCH)
    ]


async def _drive(step: Callable[[int], Awaitable[int]], seconds: float, workers: int) -> Run:
    """Call `step` over and over from several workers and add up what each call says it did."""
    started, cpu = monotonic(), process_time()
    total = 0

    async def work(worker: int) -> None:
        nonlocal total
        number = worker
        while monotonic() - started < seconds:
            done = await step(number)
            total += done  # not `total += await`: that reads the total before the wait
            number += workers

    async with asyncio.TaskGroup() as tasks:
        for worker in range(workers):
            tasks.create_task(work(worker))
    return Run(records=total, seconds=monotonic() - started, cpu_seconds=process_time() - cpu)


async def _drain(read: Callable[[], Awaitable[int]], wanted: int) -> Run:
    first = await read()  # the assignment is not what is measured
    while not first:
        first = await read()
    started, cpu, total = monotonic(), process_time(), 0
    while total + first < wanted:
        total += await read()
    return Run(records=total, seconds=monotonic() - started, cpu_seconds=process_time() - cpu)


async def _append(settings: CommonSettings, seconds: float) -> Run:
    writer = open_writer(settings)
    await writer.start()

    async def step(number: int) -> int:
        await writer.append(_batch(number))
        return BATCH

    run = await _drive(step, seconds, CONCURRENT)
    await writer.stop()
    return run


async def _read(settings: CommonSettings, wanted: int) -> Run:
    async def load(_: Sequence[int]) -> Mapping[int, int]:
        return {}

    reader: LogReader = open_reader(settings, TOUCHPOINTS, "bench")
    await reader.start(load)

    async def read() -> int:
        return len(await reader.poll(POLL, 0.5))

    run = await _drain(read, wanted)
    await reader.stop()
    return run


async def _bare_kafka_append(bootstrap: str, seconds: float) -> Run:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=2,
        max_batch_size=256 * 1024,
    )
    await producer.start()

    async def step(number: int) -> int:
        futures = [
            await producer.send(TOUCHPOINTS, key=record.key, value=record.value)
            for record in _batch(number)
        ]
        for future in futures:
            await future
        return BATCH

    run = await _drive(step, seconds, CONCURRENT)
    await producer.stop()
    return run


async def _bare_kafka_read(bootstrap: str, wanted: int) -> Run:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(TOUCHPOINTS, p) for p in range(PARTITIONS)])

    async def read() -> int:
        fetched = await consumer.getmany(timeout_ms=500, max_records=POLL)
        return sum(len(records) for records in fetched.values())

    run = await _drain(read, wanted)
    await consumer.stop()
    return run


async def _bare_postgres_append(url: str, seconds: float) -> Run:
    """COPY of the same bytes into a table of the same shape, one connection."""
    connection = await connect(url, role=DatabaseRole.OWNER, application_name="bench")
    await connection.execute("CREATE TABLE bare (LIKE log_record INCLUDING ALL)")

    async def step(number: int) -> int:
        rows = [
            (TOUCHPOINTS, 0, number * _COPY_BATCH + n, b"%016d" % (n % 997), VALUE)
            for n in range(_COPY_BATCH)
        ]
        await connection.copy_records_to_table(
            "bare",
            records=rows,
            columns=["topic", "partition", "record_offset", "record_key", "record_value"],
        )
        return len(rows)

    run = await _drive(step, seconds, 1)
    await connection.close()
    return run


async def _bare_postgres_read(url: str, wanted: int) -> Run:
    """A plain keyset scan of the same records, one connection."""
    connection = await connect(url, role=DatabaseRole.OWNER, application_name="bench")
    at = (-1, -1)

    async def read() -> int:
        nonlocal at
        rows = await connection.fetch(
            """SELECT partition, record_offset, record_key, record_value FROM log_record
               WHERE topic = $1 AND (partition, record_offset) > ($2, $3)
               ORDER BY partition, record_offset LIMIT $4""",
            *(TOUCHPOINTS, *at, POLL),
        )
        at = (rows[-1]["partition"], rows[-1]["record_offset"])
        return len(rows)

    run = await _drain(read, wanted)
    await connection.close()
    return run


async def _total(settings: CommonSettings) -> int:
    async def load(_: Sequence[int]) -> Mapping[int, int]:
        return {}

    reader = open_reader(settings, TOUCHPOINTS, "bench-total")
    await reader.start(load)
    await reader.poll(1, 5)
    total = sum(next_offset - first for first, next_offset in (await reader.bounds()).values())
    await reader.stop()
    return total


def _report(name: str, ours: Run, bare: Run) -> None:
    print(  # noqa: T201 - a script's answer
        f"{name:16} {ours.rate:>9,.0f}/s {ours.cpu_us:5.1f} us   "
        f"bare {bare.rate:>9,.0f}/s {bare.cpu_us:5.1f} us   ratio {ours.rate / bare.rate:4.2f}"
    )


async def _kafka(bootstrap: str, seconds: float) -> None:
    settings = CommonSettings.model_validate(
        {"database_url": "unused", "event_log": "kafka", "kafka_bootstrap": bootstrap}
    )
    await ensure_topics(settings)
    await _append(settings, seconds / 2)  # the broker's just-in-time compiler warms up
    bare = await _bare_kafka_append(bootstrap, seconds)
    _report("kafka append", await _append(settings, seconds), bare)
    total = await _total(settings)
    bare = await _bare_kafka_read(bootstrap, total)
    _report("kafka read", await _read(settings, total), bare)


async def _postgres(url: str, seconds: float) -> None:
    await migrate(url)
    settings = CommonSettings.model_validate({"database_url": url, "event_log": "postgres"})
    await ensure_topics(settings)
    bare = await _bare_postgres_append(url, seconds)
    _report("postgres append", await _append(settings, seconds), bare)
    total = await _total(settings)
    bare = await _bare_postgres_read(url, total)
    _report("postgres read", await _read(settings, total), bare)


def main() -> None:
    """Start the servers, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", choices=["kafka", "postgres", "both"], default="both")
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    with (
        postgres_folder() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        if options.log != "postgres":
            with LocalKafka(folder / "kafka") as broker:
                runner.run(_kafka(broker.bootstrap, options.seconds))
        if options.log != "kafka":
            with EmbeddedPostgres(folder / "pg") as server:
                runner.run(_postgres(server.url, options.seconds))


if __name__ == "__main__":
    main()
