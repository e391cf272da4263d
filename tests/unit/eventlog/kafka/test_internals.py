"""Private parts of aiokafka that the adapter uses: there in this version, to be looked at in the next."""

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer.group_coordinator import GroupCoordinator

from shared.eventlog.kafka.internals import abandon_consumer, abandon_producer

VERSION = "0.14"
"""On a new minor version: read its changes, compare `internals.py` with its source, then change this."""


def test_the_version_is_the_one_that_was_read() -> None:
    assert ".".join(aiokafka.__version__.split(".")[:2]) == VERSION


async def test_a_producer_has_the_parts_and_can_be_abandoned() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")

    assert producer._closed is False
    assert isinstance(producer._message_accumulator._batches, dict)
    assert isinstance(producer._message_accumulator._pending_batches, set)
    assert callable(producer._sender.close)

    await abandon_producer(producer)
    assert producer._closed


async def test_a_consumer_has_the_parts_and_can_be_abandoned() -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1", group_id="g")

    assert consumer._closed is False
    assert callable(consumer._client.close)
    assert (consumer._fetcher, consumer._coordinator) == (None, None)
    assert callable(GroupCoordinator.check_errors)

    await abandon_consumer(consumer)
    assert consumer._closed
