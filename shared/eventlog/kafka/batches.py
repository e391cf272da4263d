"""Records of concurrent appends, gathered into one Kafka batch a partition.

aiokafka's `send` makes a task's worth of objects for every record: a future, its outcome, a look at
the topic's partitions. Here a record costs its place in a batch, and the batch has one future for all
that wait for it. The order within a partition is the order of `add`.
"""

import asyncio
from asyncio import Future
from collections import deque

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.eventlog.kafka.partitioner import choose_partition
from shared.eventlog.port import NewRecord

Answer = Future[None]
"""Done once Kafka has answered for a batch; holds the error where it was not stored."""


class _Batch:
    """Records collected for one partition, and the future that their senders wait for."""

    __slots__ = ("answer", "builder")

    def __init__(self, builder: BatchBuilder, answer: Answer) -> None:
        self.builder = builder
        self.answer = answer


class KafkaBatches:
    """The batches of one producer on one topic. For one event loop."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        """`producer` is started and knows the topic's partitions."""
        self._producer = producer
        self._topic = topic
        self._cluster = producer.client.cluster
        self._filling: dict[int, _Batch] = {}
        """The latest batch of each partition; accepts records until it is sent, or full."""
        self._queues: dict[int, deque[_Batch]] = {}
        """Batches that wait for the one before them, which is being sent."""
        self._sending: set[asyncio.Task[None]] = set()

    async def partitions(self) -> list[int]:
        """The topic's partitions, ascending. Waits only if the client has dropped its metadata."""
        partitions = self._cluster.partitions_for_topic(self._topic)
        return sorted(partitions or await self._producer.partitions_for(self._topic))

    def add(self, record: NewRecord, partitions: list[int]) -> Answer:
        """Add `record` to its partition's batch; the answer is the result."""
        partition = choose_partition(record.key, partitions, partitions)
        batch = self._filling.get(partition)
        if batch is None or not _is_appended(batch.builder, record):
            batch = self._begin(partition)
            # An empty batch accepts a record of any size that the port allows.
            _is_appended(batch.builder, record)
        return batch.answer

    async def flush(self) -> None:
        """Return once Kafka has answered for every batch. Never raises; the answers hold the errors."""
        while self._sending:
            await asyncio.wait(self._sending)

    def _begin(self, partition: int) -> _Batch:
        answer: Answer = asyncio.get_running_loop().create_future()
        batch = self._filling[partition] = _Batch(self._producer.create_batch(), answer)
        queue = self._queues.get(partition)
        if queue is None:
            queue = self._queues[partition] = deque()
            # One task a partition, and one batch of it under way: aiokafka sends no more either.
            task = asyncio.create_task(  # noqa: TID251 - `flush` waits for it, answers hold its errors
                self._send(partition, queue)
            )
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        queue.append(batch)
        return batch

    async def _send(self, partition: int, queue: deque[_Batch]) -> None:
        """Send the batches of `queue`, each when the one before it is answered for."""
        while queue:
            batch = queue.popleft()
            # aiokafka numbers the records when it accepts a batch: none may be added after that.
            batch.builder.close()
            try:
                sent = await self._producer.send_batch(
                    batch.builder, self._topic, partition=partition
                )
            except Exception as exc:  # noqa: BLE001 - the senders get it; the next batch is sent
                _fail(batch.answer, exc)
            else:
                sent.add_done_callback(_AnswerForwarder(batch.answer))
                await asyncio.wait([batch.answer])
        del self._queues[partition]


class _AnswerForwarder:
    """Copies the result of a batch to its answer, without the offsets."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, sent: Future[object]) -> None:
        if self._answer.done():
            return
        if sent.cancelled():
            # As an error: a cancelled answer would cancel the tasks that wait for it.
            _fail(self._answer, ProducerClosed())
        elif (exc := sent.exception()) is not None:
            _fail(self._answer, exc)
        else:
            self._answer.set_result(None)


def _is_appended(builder: BatchBuilder, record: NewRecord) -> bool:
    """Append `record`; False if the batch is full or sent."""
    place = builder.append(
        timestamp=None, key=record.key, value=record.value, headers=list(record.headers)
    )
    return place is not None


def _fail(answer: Answer, exc: BaseException) -> None:
    if not answer.done():
        answer.set_exception(exc)
        answer.exception()  # retrieved, or asyncio logs it if no task waits any more
