"""The read side on PostgreSQL: one session that holds partitions, listens and reads.

Records are read on the session that holds the locks, and nothing is kept between two polls, so the
records of a poll belonged to this reader when the server read them. The reader waits by LISTEN; a slow
poll beside it covers a notification that was missed.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from uuid import uuid4

import asyncpg
import structlog

from shared.errors import DatabaseUnavailable, FatalError, LogUnavailable
from shared.eventlog.port import OffsetLoader, Record
from shared.eventlog.positions import check_positions
from shared.eventlog.postgres.group import Membership, application_name, keep_alive
from shared.eventlog.postgres.wire import decode_headers
from shared.storage.connect import DatabaseRole, connect
from shared.storage.errors import DRIVER_ERRORS

_log = structlog.get_logger(__name__)

_SLOW_POLL_SECONDS = 1.0
_STOP_SECONDS = 5.0
_MAX_POLL_INTERVAL_SECONDS = 300.0
"""A reader that has not polled for so long is stuck: its partitions are released."""

# The next records of several partitions, at most so many of each.
_READ = """
SELECT record.partition, record_offset, record_key, record_value, headers
FROM unnest($2::int[], $3::bigint[]) AS wanted (partition, next_offset)
CROSS JOIN LATERAL (
    SELECT partition, record_offset, record_key, record_value, headers
    FROM log_record
    WHERE topic = $1 AND partition = wanted.partition AND record_offset >= wanted.next_offset
    ORDER BY record_offset
    LIMIT $4
) AS record
ORDER BY record.partition, record_offset
"""

_BOUNDS = "SELECT partition, first_offset, next_offset FROM log_partition WHERE topic = $1"


class PostgresReader:
    """A LogReader over the table log_record."""

    def __init__(
        self,
        *,
        database_url: str,
        topic: str,
        group_id: str,
        timeout_seconds: float = 5.0,
        heartbeat_seconds: float = 1.0,
        dead_seconds: float = 10.0,
        role: DatabaseRole = DatabaseRole.STAGER,
    ) -> None:
        """`dead_seconds` without a heartbeat and others lock the partitions."""
        self._database_url = database_url
        self._topic = topic
        self._group_id = group_id
        self._timeout_seconds = timeout_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._dead_seconds = dead_seconds
        self._role = role
        self._load_offsets: OffsetLoader | None = None
        self._membership: Membership | None = None
        self._heartbeat: asyncio.Task[None] | None = None
        self._joining = asyncio.Lock()
        self._next: dict[int, int] = {}
        self._polled_at = 0.0
        self._turn = 0

    async def start(self, load_offsets: OffsetLoader) -> None:
        """Connect and join the group.

        Raises LogUnavailable when Postgres does not answer in time, FatalError when there is no such
        topic.
        """
        self._load_offsets = load_offsets
        async with self._joining:
            await self._join()

    async def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        """Next records of the assigned partitions; see LogReader.poll."""
        end = monotonic() + timeout_seconds
        while True:
            membership = await self._usable_membership()
            self._polled_at = monotonic()
            membership.wake.clear()
            async with self._session(membership):
                await membership.balance()
            await self._position(membership)
            records = await self._read(membership, max_records)
            remaining = end - monotonic()
            if records or remaining <= 0:
                return records
            try:
                async with asyncio.timeout(min(remaining, _SLOW_POLL_SECONDS)):
                    await membership.wake.wait()
            except TimeoutError:
                continue

    def assigned(self) -> frozenset[int]:
        """Partitions held now; none while it is in doubt whether the session lives."""
        if self._membership is None or not self._membership.is_current:
            # The caller drops its batch because of this answer, so it must be read again.
            self._next.clear()
            return frozenset()
        return frozenset(self._membership.held & self._next.keys())

    async def commit(self, next_offsets: Mapping[int, int]) -> None:
        """Nothing to report: lag is read from consumer_offset and log_partition, in one database."""

    async def rejoin(self) -> None:
        """Read the stored offsets again at the next poll."""
        self._next.clear()

    async def bounds(self) -> Mapping[int, tuple[int, int]]:
        """(first offset kept, next offset to be written) of every partition of the topic."""
        membership = await self._usable_membership()
        async with self._session(membership):
            rows = await membership.connection.fetch(_BOUNDS, self._topic)
        return {row["partition"]: (row["first_offset"], row["next_offset"]) for row in rows}

    async def stop(self) -> None:
        """Release the partitions, leave the group and disconnect, within a few seconds."""
        membership, self._membership = self._membership, None
        await self._stop_heartbeat()
        if membership is None:
            return
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await membership.leave()
                await membership.connection.close()
        except DRIVER_ERRORS as exc:
            _log.warning("event_log_leave_incomplete", topic=self._topic, error=repr(exc))
            membership.connection.terminate()

    async def _join(self) -> Membership:
        await self._stop_heartbeat()
        self._next.clear()
        me = uuid4()
        connection: asyncpg.Connection[asyncpg.Record] | None = None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                connection = await connect(
                    self._database_url, role=self._role, application_name=application_name(me)
                )
                membership = Membership(
                    connection,
                    topic=self._topic,
                    group_id=self._group_id,
                    me=me,
                    dead_seconds=self._dead_seconds,
                )
                exists = await membership.join()
        except DRIVER_ERRORS as exc:
            if connection is not None:
                connection.terminate()
            message = f"the Postgres event log does not answer: {exc!r}"
            raise LogUnavailable(message) from exc
        if not exists:
            await connection.close()
            message = f"the Postgres event log has no topic {self._topic}; create it first"
            raise FatalError(message)
        self._membership = membership
        self._polled_at = monotonic()
        self._heartbeat = asyncio.get_running_loop().create_task(
            keep_alive(
                membership,
                heartbeat_seconds=self._heartbeat_seconds,
                timeout_seconds=self._timeout_seconds,
                is_stuck=self._is_stuck,
            ),
            name="event-log-heartbeat",
        )
        return membership

    async def _usable_membership(self) -> Membership:
        if self._load_offsets is None:
            message = "the event log's reader is not started"
            raise LogUnavailable(message)
        async with self._joining:
            if self._membership is None or self._membership.connection.is_closed():
                return await self._join()
            return self._membership

    async def _position(self, membership: Membership) -> None:
        """Load the offsets of partitions locked since the last poll; drop those of released ones."""
        held = frozenset(membership.held)
        for partition in self._next.keys() - held:
            del self._next[partition]
        fresh = sorted(held - self._next.keys())
        if not fresh or self._load_offsets is None:
            return
        try:
            async with asyncio.timeout(self._timeout_seconds):
                stored = await self._load_offsets(fresh)
        except TimeoutError as exc:
            message = f"the stored offsets did not come within {self._timeout_seconds:g} s"
            raise DatabaseUnavailable(message) from exc
        bounds = await self.bounds()
        begin = check_positions(self._topic, stored, {p: bounds[p] for p in fresh})
        self._next.update(begin)

    async def _read(self, membership: Membership, max_records: int) -> list[Record]:
        async with self._session(membership):
            sent_at = monotonic()
            wanted = {p: self._next[p] for p in sorted(membership.held & self._next.keys())}
            records = await self._fetch(membership, wanted, max_records)
            membership.confirm(sent_at)
        if not membership.is_current:
            # Frozen meanwhile: another reader may own these by now. The next poll checks.
            return []
        records = [
            record
            for record in records
            if record.partition in membership.held and record.partition in self._next
        ]
        for record in records:
            if record.offset != self._next[record.partition]:
                message = (
                    f"{self._topic}, partition {record.partition}: offset "
                    f"{self._next[record.partition]} is gone, the log goes on at {record.offset}"
                )
                raise FatalError(message)
            self._next[record.partition] += 1
        return records

    async def _fetch(
        self, membership: Membership, wanted: dict[int, int], max_records: int
    ) -> list[Record]:
        """An equal share for each partition first; the rest goes to partitions with more records."""
        records: list[Record] = []
        if len(wanted) > max_records:
            # Not enough for one of each: rotate, or the first partitions would starve the rest.
            self._turn += 1
            turn = [(p + self._turn) % len(wanted) for p in range(max_records)]
            wanted = {p: wanted[p] for p in (list(wanted)[at] for at in turn)}
        while wanted and max_records - len(records) >= len(wanted):
            quota = (max_records - len(records)) // len(wanted)
            rows = await membership.connection.fetch(
                _READ, self._topic, list(wanted), list(wanted.values()), quota
            )
            counts = dict.fromkeys(wanted, 0)
            for partition, offset, key, value, headers in rows:
                records.append(Record(partition, offset, key, value, decode_headers(headers)))
                counts[partition] += 1
            wanted = {p: wanted[p] + count for p, count in counts.items() if count == quota}
        records.sort(key=lambda record: (record.partition, record.offset))
        return records

    def _is_stuck(self) -> bool:
        return monotonic() - self._polled_at > _MAX_POLL_INTERVAL_SECONDS

    @asynccontextmanager
    async def _session(self, membership: Membership) -> AsyncIterator[None]:
        """Use of the connection, alone and bounded; a fault ends the session."""
        async with membership.lock:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    yield
            except DRIVER_ERRORS as exc:
                membership.connection.terminate()
                message = f"the Postgres event log does not answer: {exc!r}"
                raise LogUnavailable(message) from exc

    async def _stop_heartbeat(self) -> None:
        heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            heartbeat.cancel()
            await asyncio.wait([heartbeat], timeout=_STOP_SECONDS)
