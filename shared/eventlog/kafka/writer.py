"""The append side on Kafka: acknowledged by all in-sync replicas, bounded in time and in memory.

aiokafka has no deadline of its own once idempotence is on: it repeats a batch until the broker takes
it. So each wait here has one; a load that timed out stays counted as in flight until Kafka answers for it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from time import monotonic

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTimestampError, KafkaError, KafkaTimeoutError

from shared.errors import FatalError, LogUnavailable
from shared.eventlog.in_flight import DEFAULT_BYTES, DEFAULT_RECORDS, InFlight, Load
from shared.eventlog.kafka.batches import Answer, KafkaBatches
from shared.eventlog.kafka.internals import abandon_producer
from shared.eventlog.port import NewRecord

_log = structlog.get_logger(__name__)

_HEALTH_SECONDS = 1.0
_MAX_BATCH_BYTES = 256 * 1024
_METADATA_MAX_AGE_MS = 60_000
_CLOCK_SECONDS = 10.0
"""How long a refusal of this machine's clock counts as unhealthy: no append succeeds in between."""


class KafkaWriter:
    """A LogWriter over one aiokafka producer, which is replaced when it breaks for good."""

    def __init__(
        self,
        *,
        bootstrap: str,
        topic: str,
        timeout_seconds: float = 5.0,
        idempotent: bool = True,
        max_records: int = DEFAULT_RECORDS,
        max_bytes: int = DEFAULT_BYTES,
    ) -> None:
        """`timeout_seconds` bounds start, each append and stop. Nothing connects before `start`."""
        self._bootstrap = bootstrap
        self._topic = topic
        self._timeout_seconds = timeout_seconds
        self._idempotent = idempotent
        self._in_flight = InFlight(records=max_records, size_bytes=max_bytes)
        self._producer: AIOKafkaProducer | None = None
        self._batches: KafkaBatches | None = None
        self._is_broken = False
        self._clock_refused_at: float | None = None
        self._replacing = asyncio.Lock()

    async def start(self) -> None:
        """Connect and find the topic.

        Raises LogUnavailable when the brokers do not answer in time, FatalError when they answer
        that there is no such topic.
        """
        self._use(await self._connect())

    async def append(self, records: Sequence[NewRecord]) -> None:
        """Return once all in-sync replicas have every record; see LogWriter.append."""
        if not records:
            return
        load = self._in_flight.admit(records)
        answers: set[Answer] = set()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                batches = await self._usable_batches()
                partitions = await batches.partitions()
                for record in records:
                    answers.add(batches.add(record, partitions))
                # Cancelled or late, it leaves the answers as they are: other appends wait for them too.
                await asyncio.wait(answers)
        except TimeoutError as exc:
            message = f"Kafka did not acknowledge within {self._timeout_seconds:g} s"
            raise LogUnavailable(message) from exc
        except KafkaError as exc:
            raise self._unavailable(exc) from exc
        finally:
            self._settle(load, answers)
        for answer in answers:
            refused = answer.exception()
            if refused is not None:
                raise self._unavailable(refused) from refused

    async def healthy(self) -> bool:
        """Whether a broker answers within a second, every partition has a leader, and it takes records."""
        producer = self._producer
        if producer is None or self._in_flight.is_full or self._is_clock_refused():
            return False
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                cluster = await producer.client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError):
            return False
        partitions = cluster.partitions_for_topic(self._topic) or set()
        return bool(partitions) and partitions == cluster.available_partitions_for_topic(
            self._topic
        )

    async def stop(self) -> None:
        """Flush and disconnect within the timeout, or drop the records that the brokers do not accept."""
        producer, self._producer = self._producer, None
        batches, self._batches = self._batches, None
        if producer is None or batches is None:
            return
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await batches.flush()
                await producer.stop()
        except (KafkaError, OSError, TimeoutError) as exc:
            _log.warning("event_log_flush_incomplete", topic=self._topic, error=repr(exc))
            await abandon_producer(producer)

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id="stageline-writer",
            acks="all",
            enable_idempotence=self._idempotent,
            compression_type="lz4",
            max_batch_size=_MAX_BATCH_BYTES,
            request_timeout_ms=round(self._timeout_seconds * 1000),
            metadata_max_age_ms=_METADATA_MAX_AGE_MS,
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await producer.start()
                cluster = await producer.client.fetch_all_metadata()
                if self._topic in cluster.topics():
                    await producer.partitions_for(self._topic)
        except (KafkaError, OSError, TimeoutError) as exc:
            await abandon_producer(producer)
            message = f"Kafka at {self._bootstrap} does not answer: {exc!r}"
            raise LogUnavailable(message) from exc
        except BaseException:
            await abandon_producer(producer)
            raise
        if self._topic not in cluster.topics():
            await abandon_producer(producer)
            message = f"Kafka at {self._bootstrap} has no topic {self._topic}; create it first"
            raise FatalError(message)
        return producer

    def _use(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._batches = KafkaBatches(producer, self._topic)

    async def _usable_batches(self) -> KafkaBatches:
        if self._batches is not None and not self._is_broken:
            return self._batches
        async with self._replacing:
            broken = self._producer
            if self._batches is None or broken is None:
                message = "the event log's writer is not started"
                raise LogUnavailable(message)
            if self._is_broken:
                self._use(await self._connect())
                self._is_broken = False
                await abandon_producer(broken)
            return self._batches

    def _unavailable(self, exc: BaseException) -> LogUnavailable:
        if isinstance(exc, KafkaError):
            self._judge(exc)
        return LogUnavailable(f"Kafka refused for now: {type(exc).__name__}")

    def _is_clock_refused(self) -> bool:
        refused_at = self._clock_refused_at
        return refused_at is not None and monotonic() - refused_at < _CLOCK_SECONDS

    def _judge(self, exc: KafkaError) -> None:
        """Mark the producer as broken by a permanent error: the next append makes a new one.

        Permanent are those that aiokafka does not retry, such as a fenced id or a dead sender task. A wrong
        clock is no fault of the producer.
        """
        if isinstance(exc, InvalidTimestampError):
            if not self._is_clock_refused():
                _log.error(
                    "event_log_refuses_our_clock",
                    topic=self._topic,
                    remedy="set this machine's clock, or message.timestamp.type=LogAppendTime on the topic",
                )
            self._clock_refused_at = monotonic()
            return
        if not exc.retriable and not isinstance(exc, KafkaTimeoutError):
            _log.warning("event_log_producer_broken", topic=self._topic, error=repr(exc))
            self._is_broken = True

    def _settle(self, load: Load, answers: Iterable[Answer]) -> None:
        """Count the load out once Kafka has answered for every batch that it went into."""
        open_answers = 0

        def answered(_: Answer) -> None:
            nonlocal open_answers
            open_answers -= 1
            if open_answers == 0:
                self._in_flight.release(load)

        for answer in answers:
            if not answer.done():
                open_answers += 1
                answer.add_done_callback(answered)
        if open_answers == 0:
            self._in_flight.release(load)
