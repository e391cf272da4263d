"""The append side on PostgreSQL: group commit by one task.

Appends that come while a transaction is under way go together into the next one; that is where the
throughput comes from. Offsets have no gaps: they are assigned under the lock of the partition's row, which
is held until the commit, so a reader never sees an offset before the ones below it.
"""

import asyncio
from asyncio import Future
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import asyncpg
import structlog

from shared.errors import FatalError, LogUnavailable
from shared.eventlog.in_flight import DEFAULT_BYTES, DEFAULT_RECORDS, InFlight, Load
from shared.eventlog.port import NewRecord
from shared.eventlog.postgres.wire import CHANNEL, Connection, encode_headers
from shared.storage.connect import DatabaseRole, connect
from shared.storage.errors import DRIVER_ERRORS

_log = structlog.get_logger(__name__)

_TRANSACTION_RECORDS = 5_000
"""At 0.5 KB each about 30 ms of COPY: long enough to be efficient, short enough to wait for."""
_HEALTH_SECONDS = 1.0

# Partitions of a topic.
_PARTITIONS = "SELECT count(*)::int FROM log_partition WHERE topic = $1"

# Assign the next offsets and store the records, in one statement: one round trip, one transaction, and
# the readers are woken at its commit. The partitions are locked in order first, so that two writers
# cannot deadlock.
_APPEND = """
WITH wanted AS (
    SELECT partition, records
    FROM unnest($2::int[], $3::bigint[]) AS given (partition, records)
), locked AS (
    SELECT log_partition.partition
    FROM log_partition JOIN wanted USING (partition)
    WHERE topic = $1
    ORDER BY log_partition.partition
    FOR UPDATE OF log_partition
), assigned AS (
    UPDATE log_partition
    SET next_offset = next_offset + wanted.records
    FROM wanted JOIN locked USING (partition)
    WHERE log_partition.topic = $1 AND log_partition.partition = wanted.partition
    RETURNING log_partition.partition, next_offset - wanted.records AS first_offset
), stored AS (
    INSERT INTO log_record
        (topic, partition, record_offset, record_key, record_value, headers)
    SELECT $1, record.partition, first_offset + place, record_key, record_value, headers
    FROM unnest($4::int[], $5::bigint[], $6::bytea[], $7::bytea[], $8::json[])
        AS record (partition, place, record_key, record_value, headers)
    JOIN assigned USING (partition)
    RETURNING 1
)
SELECT count(*) AS records, pg_notify($9, $1) FROM stored
"""

# Whether the server accepts writes.
_WRITABLE = "SELECT NOT pg_is_in_recovery()"


@dataclass(frozen=True, slots=True, eq=False)
class _Append:
    """Records of one append, and the future that its caller waits for."""

    records: Sequence[NewRecord]
    load: Load
    done: Future[None]


class PostgresWriter:
    """A LogWriter over the table log_record."""

    def __init__(
        self,
        *,
        database_url: str,
        topic: str,
        timeout_seconds: float = 5.0,
        role: DatabaseRole = DatabaseRole.INGEST,
        max_records: int = DEFAULT_RECORDS,
        max_bytes: int = DEFAULT_BYTES,
    ) -> None:
        """`timeout_seconds` bounds start, each append and stop. Nothing connects before `start`."""
        self._database_url = database_url
        self._topic = topic
        self._timeout_seconds = timeout_seconds
        self._role = role
        self._in_flight = InFlight(records=max_records, size_bytes=max_bytes)
        self._connection: Connection | None = None
        self._probe: Connection | None = None
        self._probing = asyncio.Lock()
        self._partitions = 0
        self._waiting: list[_Append] = []
        self._work = asyncio.Event()
        self._stopping = False
        self._appender: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and find the topic.

        Raises LogUnavailable when Postgres does not answer in time, FatalError when there is no such
        topic.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                self._connection = await self._connect()
                self._partitions = await self._connection.fetchval(_PARTITIONS, self._topic)
        except DRIVER_ERRORS as exc:
            self._drop_connection()
            message = f"the Postgres event log does not answer: {exc!r}"
            raise LogUnavailable(message) from exc
        if not self._partitions:
            self._drop_connection()
            message = f"the Postgres event log has no topic {self._topic}; create it first"
            raise FatalError(message)
        self._stopping = False
        loop = asyncio.get_running_loop()
        self._appender = loop.create_task(self._append_in_groups(), name="event-log-appender")

    async def append(self, records: Sequence[NewRecord]) -> None:
        """Return once the records are committed; see LogWriter.append."""
        if not records:
            return
        if self._stopping or self._appender is None or self._appender.done():
            message = "the event log's writer is not running"
            raise LogUnavailable(message)
        load = self._in_flight.admit(records)
        waiting = _Append(records, load, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._work.set()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                # A cancelled future means to the appender that no caller waits any more.
                await waiting.done
        except TimeoutError as exc:
            message = f"Postgres did not commit within {self._timeout_seconds:g} s"
            raise LogUnavailable(message) from exc

    async def healthy(self) -> bool:
        """Whether Postgres answers within a second and accepts writes."""
        if self._appender is None or self._stopping or self._in_flight.is_full:
            return False
        try:
            async with asyncio.timeout(_HEALTH_SECONDS), self._probing:
                if self._probe is None or self._probe.is_closed():
                    self._probe = await self._connect()
                return bool(await self._probe.fetchval(_WRITABLE))
        except DRIVER_ERRORS:
            self._drop_probe()
            return False

    async def stop(self) -> None:
        """Commit the waiting appends, within the timeout, and disconnect."""
        self._stopping = True
        self._work.set()
        if self._appender is not None:
            _, running = await asyncio.wait([self._appender], timeout=self._timeout_seconds)
            if running:
                _log.warning("event_log_flush_incomplete", topic=self._topic)
                self._appender.cancel()
                await asyncio.wait([self._appender], timeout=1)
            self._appender = None
        self._answer(self._waiting, LogUnavailable("the event log's writer has stopped"))
        self._waiting = []
        for connection in (self._connection, self._probe):
            if connection is not None:
                try:
                    await connection.close(timeout=1)
                except DRIVER_ERRORS:
                    connection.terminate()
        self._connection = self._probe = None

    async def _append_in_groups(self) -> None:
        while True:
            await self._work.wait()
            group = self._take_group()
            if not group:
                if self._stopping:
                    return
                self._work.clear()
                continue
            error: LogUnavailable | None = LogUnavailable("the event log's writer has stopped")
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    await self._commit(group)
                error = None
            except DRIVER_ERRORS as exc:
                # Whether it was committed is unknown, so a new connection cannot continue it.
                self._drop_connection()
                _log.warning("event_log_append_failed", topic=self._topic, error=repr(exc))
                error = LogUnavailable(f"Postgres did not commit: {exc!r}")
            finally:
                self._answer(group, error)

    def _take_group(self) -> list[_Append]:
        """The appends that still have a caller, in order, up to a transaction's worth."""
        group: list[_Append] = []
        given_up: list[_Append] = []
        records = 0
        for append in self._waiting:
            if append.done.done():
                given_up.append(append)
                continue
            if group and records + len(append.records) > _TRANSACTION_RECORDS:
                break
            group.append(append)
            records += len(append.records)
        del self._waiting[: len(group) + len(given_up)]
        self._answer(given_up, None)
        return group

    async def _commit(self, group: list[_Append]) -> None:
        rows: list[tuple[int, int, bytes, bytes, str | None]] = []
        counts: dict[int, int] = {}
        for append in group:
            for record in append.records:
                partition = crc32(record.key) % self._partitions
                place = counts.get(partition, 0)
                counts[partition] = place + 1
                headers = encode_headers(record.headers) if record.headers else None
                rows.append((partition, place, record.key, record.value, headers))
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        stored = await self._connection.fetchval(
            _APPEND,
            self._topic,
            list(counts),
            list(counts.values()),
            *(list(column) for column in zip(*rows, strict=True)),
            CHANNEL,
        )
        if stored != len(rows):
            message = f"{stored} of {len(rows)} records stored; was the topic removed?"
            raise asyncpg.InterfaceError(message)

    def _answer(self, group: list[_Append], error: LogUnavailable | None) -> None:
        for append in group:
            self._in_flight.release(append.load)
            if append.done.done():
                continue
            if error is None:
                append.done.set_result(None)
            else:
                append.done.set_exception(error)

    async def _connect(self) -> Connection:
        return await connect(
            self._database_url, role=self._role, application_name="stageline-log-writer"
        )

    def _drop_connection(self) -> None:
        """Terminate the connection; a graceful close would wait for the server."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _drop_probe(self) -> None:
        if self._probe is not None:
            self._probe.terminate()
            self._probe = None
