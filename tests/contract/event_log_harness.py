"""The two event logs behind one small handle, so that one suite runs on both.

Nothing here computes what a test expects; it only opens, writes raw records, removes and disturbs.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from deploy.dev.kafka import LocalKafka
from shared.errors import LogUnavailable
from shared.eventlog.kafka import topics as kafka_topics
from shared.eventlog.kafka.reader import KafkaReader
from shared.eventlog.kafka.writer import KafkaWriter
from shared.eventlog.port import LogReader, LogWriter, NewRecord, OffsetLoader, Record
from shared.eventlog.postgres import topics as postgres_topics
from shared.eventlog.postgres.reader import PostgresReader
from shared.eventlog.postgres.wire import encode_headers
from shared.eventlog.postgres.writer import PostgresWriter
from shared.storage.connect import DatabaseRole, connect
from tests.contract.reader_process import short_lived_reader
from tests.support.database import connected
from tests.support.eventually import eventually

PARTITIONS = 4

Headers = tuple[tuple[str, bytes], ...]


class EventLogHarness(ABC):
    """A topic of its own with four partitions; closes what it opened."""

    kind: str

    def __init__(self, address: str) -> None:
        self.address = address
        self.topic = f"test.{uuid4().hex[:12]}"
        self.group = f"group-{uuid4().hex[:12]}"
        self._opened = AsyncExitStack()

    async def open_writer(
        self, *, timeout_seconds: float = 5.0, max_records: int = 20_000
    ) -> LogWriter:
        """A started writer, stopped when the test ends."""
        writer = self.writer(self.topic, timeout_seconds=timeout_seconds, max_records=max_records)
        await writer.start()
        self._opened.push_async_callback(writer.stop)
        return writer

    async def open_reader(self, load_offsets: OffsetLoader) -> LogReader:
        """A started reader of the test's group, stopped when the test ends."""
        reader = self.reader(self.topic)
        await reader.start(load_offsets)
        self._opened.push_async_callback(reader.stop)
        return reader

    async def open_short_lived_reader(self, load_offsets: OffsetLoader) -> LogReader:
        """A reader that notices within two seconds that another one died."""
        reader = short_lived_reader(self.kind, self.address, self.topic, self.group)
        await reader.start(load_offsets)
        self._opened.push_async_callback(reader.stop)
        return reader

    async def close(self) -> None:
        await self._opened.aclose()

    @abstractmethod
    def writer(
        self, topic: str, *, timeout_seconds: float = 5.0, max_records: int = 20_000
    ) -> LogWriter: ...

    @abstractmethod
    def reader(self, topic: str) -> LogReader: ...

    @abstractmethod
    async def make_topic(self) -> None: ...

    @abstractmethod
    async def append_raw(
        self, partition: int, key: bytes | None, value: bytes | None, headers: Headers = ()
    ) -> None:
        """Append past the writer, as a foreign producer would."""

    @abstractmethod
    async def remove_before(self, next_offsets: Mapping[int, int]) -> None:
        """What retention does, at once."""


class KafkaHarness(EventLogHarness):
    kind = "kafka"

    def writer(
        self, topic: str, *, timeout_seconds: float = 5.0, max_records: int = 20_000
    ) -> LogWriter:
        return KafkaWriter(
            bootstrap=self.address,
            topic=topic,
            timeout_seconds=timeout_seconds,
            max_records=max_records,
        )

    def reader(self, topic: str) -> LogReader:
        return KafkaReader(bootstrap=self.address, topic=topic, group_id=self.group)

    async def make_topic(self) -> None:
        await kafka_topics.ensure_topics(self.address, {self.topic: PARTITIONS}, timeout_seconds=20)

    async def append_raw(
        self, partition: int, key: bytes | None, value: bytes | None, headers: Headers = ()
    ) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.address, acks="all")
        await producer.start()
        try:
            await producer.send_and_wait(
                self.topic, key=key, value=value, partition=partition, headers=list(headers)
            )
        finally:
            await producer.stop()

    async def remove_before(self, next_offsets: Mapping[int, int]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        await admin.start()
        try:
            await admin.delete_records(
                {
                    TopicPartition(self.topic, partition): RecordsToDelete(before_offset=offset)
                    for partition, offset in next_offsets.items()
                }
            )
        finally:
            await admin.close()


class PostgresHarness(EventLogHarness):
    kind = "postgres"

    def writer(
        self, topic: str, *, timeout_seconds: float = 5.0, max_records: int = 20_000
    ) -> LogWriter:
        return PostgresWriter(
            database_url=self.address,
            topic=topic,
            timeout_seconds=timeout_seconds,
            max_records=max_records,
        )

    def reader(self, topic: str) -> LogReader:
        return PostgresReader(database_url=self.address, topic=topic, group_id=self.group)

    async def make_topic(self) -> None:
        await postgres_topics.ensure_topics(self.address, {self.topic: PARTITIONS})

    async def append_raw(
        self, partition: int, key: bytes | None, value: bytes | None, headers: Headers = ()
    ) -> None:
        connection = await connect(self.address, role=DatabaseRole.INGEST, application_name="tests")
        try:
            async with connection.transaction():
                offset = await connection.fetchval(
                    """UPDATE log_partition SET next_offset = next_offset + 1
                       WHERE topic = $1 AND partition = $2 RETURNING next_offset - 1""",
                    self.topic,
                    partition,
                )
                await connection.execute(
                    """INSERT INTO log_record
                           (topic, partition, record_offset, record_key, record_value, headers)
                       VALUES ($1, $2, $3, $4, $5, $6)""",
                    *(self.topic, partition, offset, key, value),
                    encode_headers(headers) if headers else None,
                )
        finally:
            await connection.close()

    async def remove_before(self, next_offsets: Mapping[int, int]) -> None:
        connection = await connect(self.address, role=DatabaseRole.STAGER, application_name="tests")
        try:
            await postgres_topics.trim(connection, self.topic, next_offsets, keep_seconds=0)
        finally:
            await connection.close()


@asynccontextmanager
async def frozen(harness: EventLogHarness, broker: LocalKafka | None) -> AsyncIterator[None]:
    """While inside, the log takes connections and answers nothing."""
    if broker is not None:
        broker.pause()
        try:
            yield
        finally:
            broker.resume()
        return
    async with connected(harness.address) as owner, owner.transaction():
        await owner.execute("LOCK TABLE log_partition, log_record, log_reader")
        yield


class StoredOffsets:
    """Stands for the table consumer_offset."""

    def __init__(self, next_offsets: Mapping[int, int] | None = None) -> None:
        self.next_offsets = dict(next_offsets or {})
        self.loads: list[list[int]] = []

    async def load(self, partitions: Sequence[int]) -> Mapping[int, int]:
        self.loads.append(list(partitions))
        return {p: self.next_offsets[p] for p in partitions if p in self.next_offsets}


def numbered(count: int, start: int = 0) -> list[NewRecord]:
    """Records whose key and value are their number."""
    return [NewRecord(key=b"k%d" % n, value=b"%d" % n) for n in range(start, start + count)]


async def read(reader: LogReader, count: int) -> list[Record]:
    """Poll until `count` records came, or fail after 30 s."""
    records: list[Record] = []

    async def enough() -> bool:
        records.extend(await reader.poll(500, 0.2))
        return len(records) >= count

    await eventually(enough, within=30)
    return records


async def outcome(append: Awaitable[None]) -> type[BaseException] | None:
    """LogUnavailable, or None where the append was acknowledged."""
    try:
        await append
    except LogUnavailable:
        return LogUnavailable
    return None
