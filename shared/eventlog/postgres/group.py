"""Assignment of partitions to the readers of a group, on the Postgres event log.

A reader is one database session. It holds a partition by a session-level advisory lock, so the server
itself gives the lock up when the session ends, however it ends. Each reader writes a heartbeat,
counts the other readers, and locks its fair share. A frozen reader's session is ended by the server
(`idle_session_timeout`) or by the others; when it wakes, its connection is gone and so are its locks.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from uuid import UUID
from zlib import crc32

import asyncpg
import structlog

from shared.eventlog.postgres.wire import CHANNEL, Connection, group_tag
from shared.storage.errors import DRIVER_ERRORS

_log = structlog.get_logger(__name__)

# Heartbeat of this reader.
_BEAT = """
INSERT INTO log_reader (topic, group_id, reader_id, backend_pid, seen_at)
VALUES ($1, $2, $3, pg_backend_pid(), now())
ON CONFLICT (topic, group_id, reader_id)
DO UPDATE SET backend_pid = excluded.backend_pid, seen_at = excluded.seen_at
"""

# The readers of the group: those whose session is gone are dead at once, the silent ones after a while.
_READERS = """
SELECT reader_id,
       activity.pid IS NOT NULL AS is_connected,
       seen_at > now() - make_interval(secs => $3) AS is_recent
FROM log_reader LEFT JOIN pg_stat_activity AS activity ON activity.pid = backend_pid
WHERE topic = $1 AND group_id = $2
"""

# End the sessions of silent readers; the name of the session keeps a reused process id safe.
_END_SESSIONS = """
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE application_name = ANY($1::text[]) AND pid <> pg_backend_pid()
"""

_DELETE_READERS = (
    "DELETE FROM log_reader WHERE topic = $1 AND group_id = $2 AND reader_id = ANY($3::uuid[])"
)

_TRY_LOCK = "SELECT pg_try_advisory_lock($1, $2)"

_UNLOCK = "SELECT pg_advisory_unlock($1, $2)"

_NOTIFY = "SELECT pg_notify($1, $2)"

_PARTITIONS = "SELECT partition FROM log_partition WHERE topic = $1 ORDER BY partition"


def application_name(reader_id: UUID) -> str:
    """Name of a reader's session, by which others find it."""
    return f"stageline-log-reader {reader_id}"


def fair_share(partitions: int, readers: list[UUID], me: UUID) -> int:
    """How many partitions `me` should hold; over all readers the shares add up to `partitions`."""
    rank = sorted(readers).index(me)
    return partitions // len(readers) + (rank < partitions % len(readers))


class Membership:
    """A reader's place in its group, for the life of one session.

    The caller holds `lock` around every use of the connection. Errors are those of asyncpg;
    the caller then drops the session.
    """

    def __init__(
        self, connection: Connection, *, topic: str, group_id: str, me: UUID, dead_seconds: float
    ) -> None:
        """`dead_seconds` without a heartbeat and others lock the partitions."""
        self.connection = connection
        self.lock = asyncio.Lock()
        self.wake = asyncio.Event()
        self.changed = asyncio.Event()
        self.held: set[int] = set()
        self._topic = topic
        self._group_id = group_id
        self._me = me
        self._dead_seconds = dead_seconds
        self._namespace = crc32(group_tag(topic, group_id).encode()) - 2**31
        self._partitions: list[int] = []
        self._share = 0
        self._first_choice = 0
        self._may_claim = False
        self._confirmed_at = monotonic()

    @property
    def is_current(self) -> bool:
        """Whether the session surely holds its locks: it answered within the time to be dead."""
        return (
            not self.connection.is_closed()
            and monotonic() - self._confirmed_at < self._dead_seconds
        )

    async def join(self) -> bool:
        """Enter the group and listen to its changes. False when there is no such topic."""
        rows = await self.connection.fetch(_PARTITIONS, self._topic)
        self._partitions = [row["partition"] for row in rows]
        if not self._partitions:
            return False
        # A frozen client's session goes idle: the server ends it, which frees its locks.
        await self.connection.execute(
            f"SET idle_session_timeout = {round(self._dead_seconds * 1000)}"
        )
        self.connection.add_termination_listener(self._on_end)
        await self.connection.add_listener(CHANNEL, self._on_notify)
        await self.beat()
        await self.connection.execute(_NOTIFY, CHANNEL, group_tag(self._topic, self._group_id))
        return True

    async def beat(self) -> None:
        """Write the heartbeat, count the other readers, remove dead ones, and compute the fair share."""
        sent_at = monotonic()
        await self.connection.execute(_BEAT, self._topic, self._group_id, self._me)
        rows = await self.connection.fetch(
            _READERS, self._topic, self._group_id, self._dead_seconds
        )
        self._confirmed_at = sent_at
        alive = {row["reader_id"] for row in rows if row["is_connected"] and row["is_recent"]}
        dead = {row["reader_id"] for row in rows} - alive - {self._me}
        if dead:
            await self._remove(dead)
        readers = sorted(alive | {self._me})
        self._share = fair_share(len(self._partitions), readers, self._me)
        self._first_choice = readers.index(self._me) * len(self._partitions) // len(readers)
        self._may_claim = True
        if len(self.held) != self._share:
            self.wake.set()

    async def balance(self) -> None:
        """Release partitions above the fair share, or lock free ones up to it."""
        if len(self.held) > self._share:
            surplus = sorted(self.held)[self._share :]
            for partition in surplus:
                self.held.discard(partition)
                await self.connection.execute(_UNLOCK, self._namespace, partition)
            await self.connection.execute(_NOTIFY, CHANNEL, group_tag(self._topic, self._group_id))
            _log.info("event_log_revoked", topic=self._topic, partitions=surplus)
        elif len(self.held) < self._share and self._may_claim:
            self._may_claim = False
            await self._claim()

    def confirm(self, sent_at: float) -> None:
        """Record that the session answered a statement that was sent at `sent_at` (monotonic clock)."""
        self._confirmed_at = max(self._confirmed_at, sent_at)

    async def leave(self) -> None:
        """Release all locks at once, so that others need not wait for the heartbeat."""
        self.held.clear()
        await self.connection.execute("SELECT pg_advisory_unlock_all()")
        await self.connection.execute(_DELETE_READERS, self._topic, self._group_id, [self._me])
        await self.connection.execute(_NOTIFY, CHANNEL, group_tag(self._topic, self._group_id))

    async def _claim(self) -> None:
        at = self._first_choice
        claimed: list[int] = []
        for partition in self._partitions[at:] + self._partitions[:at]:
            if len(self.held) >= self._share:
                break
            if partition not in self.held and await self.connection.fetchval(
                _TRY_LOCK, self._namespace, partition
            ):
                self.held.add(partition)
                claimed.append(partition)
        if claimed:
            _log.info("event_log_assigned", topic=self._topic, partitions=claimed)

    async def _remove(self, dead: set[UUID]) -> None:
        names = [application_name(reader) for reader in dead]
        try:
            async with self.connection.transaction():
                # As the user that logged in, who may end sessions of its own.
                await self.connection.execute("SET LOCAL ROLE NONE")
                ended = await self.connection.fetch(_END_SESSIONS, names)
        except asyncpg.InsufficientPrivilegeError:
            # Another user's session: the server's own timeout ends it.
            ended = []
        await self.connection.execute(_DELETE_READERS, self._topic, self._group_id, list(dead))
        _log.warning(
            "event_log_reader_dead", topic=self._topic, readers=len(dead), ended=len(ended)
        )

    def _on_notify(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if payload == self._topic:
            self.wake.set()
        elif payload == group_tag(self._topic, self._group_id):
            self.changed.set()

    def _on_end(self, _connection: object) -> None:
        self.held.clear()
        self.wake.set()
        self.changed.set()


async def keep_alive(
    membership: Membership,
    *,
    heartbeat_seconds: float,
    timeout_seconds: float,
    is_stuck: Callable[[], bool],
) -> None:
    """Beat until the session ends; a beat that fails, or a stuck reader, ends it.

    Runs as a task beside the polls.
    """
    while not membership.connection.is_closed():
        if is_stuck():
            _log.error("event_log_reader_stuck")
            membership.connection.terminate()
            return
        membership.changed.clear()
        try:
            async with membership.lock, asyncio.timeout(timeout_seconds):
                await membership.beat()
        except DRIVER_ERRORS as exc:
            _log.warning("event_log_heartbeat_failed", error=repr(exc))
            membership.connection.terminate()
            return
        try:
            async with asyncio.timeout(heartbeat_seconds):
                await membership.changed.wait()
        except TimeoutError:
            continue
