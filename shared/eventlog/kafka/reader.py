"""The read side on Kafka: one member of a consumer group whose offsets are kept in Postgres.

How an assignment becomes readable: aiokafka's listener only records it (an error in a listener is
swallowed, and an await in it delays the whole group); the next `poll` then loads the stored offsets,
compares them with the log and seeks, in the caller's own task, where a fault is seen. Until then
nothing is fetched. Records fetched across a change of assignment are dropped.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from shared.errors import DatabaseUnavailable, FatalError, LogUnavailable
from shared.eventlog.kafka.group import Membership
from shared.eventlog.kafka.internals import abandon_consumer, check_errors
from shared.eventlog.port import OffsetLoader, Record
from shared.eventlog.positions import check_positions

_log = structlog.get_logger(__name__)

_STOP_SECONDS = 4.0
_COMMIT_SECONDS = 1.0
_FETCH_MAX_BYTES = 8 * 1024 * 1024
_PARTITION_FETCH_BYTES = 1024 * 1024
_METADATA_MAX_AGE_MS = 60_000
_MAX_POLL_INTERVAL_MS = 2**31 - 1
"""In effect without a bound: aiokafka leaves the group of a reader that does not poll for so long, and does
not join again, so that a database that was away for longer left a stager that never read again. A process
that hangs is found by its liveness, and one that is gone by its missing heartbeats.
"""


class KafkaReader:
    """A LogReader over one aiokafka consumer, which is replaced when it breaks for good."""

    def __init__(
        self,
        *,
        bootstrap: str,
        topic: str,
        group_id: str,
        timeout_seconds: float = 5.0,
        session_seconds: float = 10.0,
    ) -> None:
        """`session_seconds` without a heartbeat and the group gives the partitions to others."""
        self._bootstrap = bootstrap
        self._topic = topic
        self._group_id = group_id
        self._timeout_seconds = timeout_seconds
        self._session_seconds = session_seconds
        self._consumer: AIOKafkaConsumer | None = None
        self._load_offsets: OffsetLoader | None = None
        self._membership = Membership(topic)
        self._stored: dict[int, int] = {}
        self._is_broken = False
        self._replacing = asyncio.Lock()
        self._pulse_at = 0.0
        self._pulse: asyncio.TimerHandle | None = None

    async def start(self, load_offsets: OffsetLoader) -> None:
        """Connect and ask to join the group; the first polls wait for the assignment.

        Raises LogUnavailable when the brokers do not answer in time, FatalError when they answer
        that there is no such topic.
        """
        self._load_offsets = load_offsets
        self._consumer = await self._connect()
        self._beat()

    async def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        """Next records of the assigned partitions; see LogReader.poll."""
        end = monotonic() + timeout_seconds
        consumer = await self._usable_consumer()
        membership = self._membership
        self._check(consumer)
        if not await membership.wait_until_assigned(timeout_seconds):
            return []
        generation = membership.generation
        if self._may_be_expelled() and not await self._is_still_member(consumer):
            return []
        if membership.unpositioned:
            await self._position(consumer, generation)
        if generation != membership.generation:
            return []
        fetched = await self._fetch(consumer, max_records, max(0.0, end - monotonic()))
        if generation != membership.generation:
            return []
        if self._may_be_expelled():
            # Frozen while fetching: another reader may own these by now. Read them again.
            membership.reset_positions()
            return []
        return fetched

    def assigned(self) -> frozenset[int]:
        """Partitions held now; none while the membership is in doubt."""
        if self._consumer is None or self._may_be_expelled():
            return frozenset()
        return self._membership.held - self._membership.unpositioned

    async def commit(self, next_offsets: Mapping[int, int]) -> None:
        """Store offsets in Kafka for lag tools; nothing reads them back."""
        offsets = {
            TopicPartition(self._topic, partition): offset
            for partition, offset in next_offsets.items()
            if partition in self._membership.held
        }
        self._stored.update(next_offsets)
        if self._consumer is None or not offsets:
            return
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await self._consumer.commit(offsets)
        except (KafkaError, TimeoutError) as exc:
            _log.info("event_log_commit_skipped", topic=self._topic, error=repr(exc))

    async def rejoin(self) -> None:
        """Drop fetched records; check the membership and load the offsets again."""
        self._membership.reset_positions()
        self._membership.is_doubtful = True

    async def bounds(self) -> Mapping[int, tuple[int, int]]:
        """(first offset kept, next offset to be written) of every partition of the topic."""
        consumer = await self._usable_consumer()
        partitions = consumer.partitions_for_topic(self._topic)
        if not partitions:
            message = f"Kafka has not reported the partitions of {self._topic} yet"
            raise LogUnavailable(message)
        return await self._bounds_of(consumer, partitions)

    async def stop(self) -> None:
        """Leave the group and disconnect, within a few seconds."""
        if self._pulse is not None:
            self._pulse.cancel()
        consumer, self._consumer = self._consumer, None
        self._membership.revoke()
        if consumer is None:
            return
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await consumer.stop()
        except (KafkaError, OSError, TimeoutError) as exc:
            _log.warning("event_log_leave_incomplete", topic=self._topic, error=repr(exc))
            await abandon_consumer(consumer)

    async def _connect(self) -> AIOKafkaConsumer:
        session_ms = round(self._session_seconds * 1000)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id="stageline-reader",
            group_id=self._group_id,
            enable_auto_commit=False,
            # A position that the log does not have needs an operator; it must never be skipped.
            auto_offset_reset="none",
            # aiokafka's sticky assignor keeps state in its class, shared by all consumers of the process.
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=min(1000, session_ms // 5),
            rebalance_timeout_ms=session_ms,
            max_poll_interval_ms=_MAX_POLL_INTERVAL_MS,
            # Above the time that a join waits for the other members.
            request_timeout_ms=session_ms + 5000,
            metadata_max_age_ms=_METADATA_MAX_AGE_MS,
            fetch_max_bytes=_FETCH_MAX_BYTES,
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await consumer.start()
                topics = await consumer.topics()
        except (KafkaError, OSError, TimeoutError) as exc:
            await abandon_consumer(consumer)
            message = f"Kafka at {self._bootstrap} does not answer: {exc!r}"
            raise LogUnavailable(message) from exc
        except BaseException:
            await abandon_consumer(consumer)
            raise
        if self._topic not in topics:
            await abandon_consumer(consumer)
            message = f"Kafka at {self._bootstrap} has no topic {self._topic}; create it first"
            raise FatalError(message)
        self._membership = Membership(self._topic)
        consumer.subscribe([self._topic], listener=self._membership)
        return consumer

    async def _usable_consumer(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            message = "the event log's reader is not started"
            raise LogUnavailable(message)
        if self._is_broken:
            async with self._replacing:
                if self._is_broken:
                    broken = self._consumer
                    self._membership.revoke()
                    self._consumer = await self._connect()
                    self._is_broken = False
                    await abandon_consumer(broken)
        return self._consumer

    def _check(self, consumer: AIOKafkaConsumer) -> None:
        """Raise the error of a dead coordination task, which would never assign anything again."""
        try:
            check_errors(consumer)
        except KafkaError as exc:
            raise self._broken(exc) from exc

    def _broken(self, exc: KafkaError) -> LogUnavailable:
        """Mark the consumer as broken: aiokafka retries transient errors itself, so this one is permanent."""
        self._is_broken = True
        return LogUnavailable(f"Kafka's consumer stopped: {exc!r}")

    async def _position(self, consumer: AIOKafkaConsumer, generation: int) -> None:
        if self._load_offsets is None:
            message = "the event log's reader is not started"
            raise FatalError(message)
        partitions = sorted(self._membership.unpositioned)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                stored = await self._load_offsets(partitions)
        except TimeoutError as exc:
            message = f"the stored offsets did not come within {self._timeout_seconds:g} s"
            raise DatabaseUnavailable(message) from exc
        bounds = await self._bounds_of(consumer, partitions)
        if generation != self._membership.generation:
            return
        begin = check_positions(self._topic, stored, bounds)
        for partition, offset in begin.items():
            consumer.seek(TopicPartition(self._topic, partition), offset)
        self._stored.update(begin)
        self._membership.unpositioned.difference_update(begin)
        _log.info("event_log_assigned", topic=self._topic, positions=begin)

    async def _fetch(
        self, consumer: AIOKafkaConsumer, max_records: int, timeout_seconds: float
    ) -> list[Record]:
        try:
            # Its own timeout does not cover a rebalance that begins while it waits.
            async with asyncio.timeout(timeout_seconds + 1):
                fetched = await consumer.getmany(
                    timeout_ms=round(timeout_seconds * 1000), max_records=max_records
                )
        except TimeoutError:
            return []
        except NoOffsetForPartitionError:
            # Left over from before the seek.
            self._membership.reset_positions()
            return []
        except OffsetOutOfRangeError as exc:
            message = (
                f"{self._topic}: the log no longer has the next offset to read ({exc}); "
                "records were removed before they were read, or the log was cut"
            )
            raise FatalError(message) from exc
        except KafkaError as exc:
            raise self._broken(exc) from exc
        return [_record(record) for records in fetched.values() for record in records]

    async def _bounds_of(
        self, consumer: AIOKafkaConsumer, partitions: Iterable[int]
    ) -> dict[int, tuple[int, int]]:
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            async with asyncio.timeout(self._timeout_seconds):
                first = await consumer.beginning_offsets(wanted)
                next_offsets = await consumer.end_offsets(wanted)
        except (KafkaError, OSError, TimeoutError) as exc:
            message = f"Kafka at {self._bootstrap} does not report its offsets: {exc!r}"
            raise LogUnavailable(message) from exc
        return {tp.partition: (first[tp], next_offsets[tp]) for tp in wanted}

    def _beat(self) -> None:
        """Note that the event loop runs, as heartbeats do; a gap is a freeze."""
        now = monotonic()
        if self._pulse_at and now - self._pulse_at > self._session_seconds:
            self._membership.is_doubtful = True
        self._pulse_at = now
        self._pulse = asyncio.get_running_loop().call_later(self._session_seconds / 10, self._beat)

    def _may_be_expelled(self) -> bool:
        """Whether no heartbeat can have left for a session's length.

        aiokafka would still hand out what it had fetched before.
        """
        if monotonic() - self._pulse_at > self._session_seconds:
            self._membership.is_doubtful = True
        return self._membership.is_doubtful

    async def _is_still_member(self, consumer: AIOKafkaConsumer) -> bool:
        """Ask the group by a commit, which it refuses to an expelled member."""
        membership = self._membership
        offsets = {
            TopicPartition(self._topic, partition): self._stored[partition]
            for partition in membership.held & self._stored.keys()
        }
        generation = membership.generation
        self._pulse_at = monotonic()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                if offsets:
                    await consumer.commit(offsets)
        except TimeoutError as exc:
            message = "Kafka does not say whether this reader is still in its group"
            raise LogUnavailable(message) from exc
        except CommitFailedError as exc:
            # aiokafka has begun to join again; the listener is called.
            _log.warning("event_log_expelled", topic=self._topic, error=repr(exc))
            if generation == membership.generation:
                membership.revoke()
            return False
        except IllegalStateError:
            # The assignment changed just now; the listener was called.
            return False
        except KafkaError as exc:
            message = f"Kafka does not say whether this reader is still in its group: {exc!r}"
            raise LogUnavailable(message) from exc
        if generation != membership.generation:
            return False
        # A batch that was checked against `assigned` meanwhile was dropped: it must be read again.
        membership.is_doubtful = False
        membership.reset_positions()
        return True


def _record(record: ConsumerRecord) -> Record:
    return Record(record.partition, record.offset, record.key, record.value, tuple(record.headers))
