"""The private parts of aiokafka that Stageline uses, each for want of a public one.

Written against the version that tests/unit/eventlog/kafka/test_internals.py names. A client that is
abandoned cannot be stopped by its `stop`: that waits for the brokers without end, and cancelling it
leaves its tasks running.
"""

import asyncio

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

_log = structlog.get_logger(__name__)

_ABANDON_SECONDS = 2.0


def check_errors(consumer: AIOKafkaConsumer) -> None:
    """Raise the error of the group's coordinator, if there is one; `getmany` asks but may wait then."""
    consumer._coordinator.check_errors()  # noqa: SLF001


async def abandon_consumer(consumer: AIOKafkaConsumer) -> None:
    """Drop a consumer that cannot leave its group, leaving no task and no connection behind.

    Bounded; never raises.
    """
    consumer._closed = True  # noqa: SLF001 - else its finalizer reports it as unclosed
    try:
        async with asyncio.timeout(_ABANDON_SECONDS):
            await consumer._client.close()  # noqa: SLF001
            if consumer._fetcher is not None:  # noqa: SLF001
                await consumer._fetcher.close()  # noqa: SLF001
            if consumer._coordinator is not None:  # noqa: SLF001
                await consumer._coordinator.close()  # noqa: SLF001
    except (KafkaError, OSError, TimeoutError) as exc:
        _log.warning("event_log_consumer_abandoned", error=repr(exc))


async def abandon_producer(producer: AIOKafkaProducer) -> None:
    """Drop a producer that cannot flush, leaving no task and no connection behind.

    Bounded; never raises.
    """
    producer._closed = True  # noqa: SLF001 - else its finalizer reports it as unclosed
    pending = producer._message_accumulator  # noqa: SLF001
    try:
        async with asyncio.timeout(_ABANDON_SECONDS):
            await producer.client.close()
            await producer._sender.close()  # noqa: SLF001
    except (KafkaError, OSError, TimeoutError) as exc:
        _log.warning("event_log_producer_abandoned", error=repr(exc))
    finally:
        # Last, because a request that ends now puts its batch back; and as "pending", because
        # aiokafka removes every batch from that set when it fails.
        for queue in pending._batches.values():  # noqa: SLF001
            pending._pending_batches.update(queue)  # noqa: SLF001
        pending.fail_all(ProducerClosed())
