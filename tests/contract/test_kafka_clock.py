"""Case D6: a writer whose clock is not Kafka's.

The clock of this machine stays as it is: the topic takes no record that is older than its arrival instead.
"""

from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.errors import LogUnavailable
from shared.eventlog.kafka import topics
from shared.eventlog.kafka.writer import KafkaWriter
from tests.contract.event_log_harness import (
    PARTITIONS,
    KafkaHarness,
    StoredOffsets,
    numbered,
    read,
)

_TYPE, _OLDEST = "message.timestamp.type", "message.timestamp.before.max.ms"


@pytest.fixture
async def log(kafka: str) -> AsyncIterator[KafkaHarness]:
    harness = KafkaHarness(kafka)
    yield harness
    await harness.close()


async def _make(log: KafkaHarness, **configs: str) -> None:
    await topics.ensure_topics(
        log.address,
        {log.topic: PARTITIONS},
        timeout_seconds=20,
        configs={name.replace("_", "."): value for name, value in configs.items()},
    )


async def _forgive(log: KafkaHarness) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=log.address)
    await admin.start()
    try:
        configs = {_TYPE: "CreateTime", _OLDEST: str(10**12)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, log.topic, configs)])
    finally:
        await admin.close()


async def test_a_topic_of_ours_takes_records_whatever_the_clock_of_their_writer(
    log: KafkaHarness,
) -> None:
    await _make(log, message_timestamp_before_max_ms="0")
    writer = await log.open_writer()
    await writer.append(numbered(3))

    assert await writer.healthy()
    assert len(await read(await log.open_reader(StoredOffsets().load), 3)) == 3


async def test_a_refused_clock_is_no_readiness_and_breaks_no_producer(
    log: KafkaHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.eventlog.kafka.writer._CLOCK_SECONDS", 60.0)
    await _make(log, message_timestamp_type="CreateTime", message_timestamp_before_max_ms="0")
    writer = await log.open_writer()
    assert isinstance(writer, KafkaWriter)
    producer = writer._producer
    with pytest.raises(LogUnavailable, match="InvalidTimestamp"):
        await writer.append(numbered(1))
    assert not await writer.healthy()

    await _forgive(log)
    monkeypatch.setattr("shared.eventlog.kafka.writer._CLOCK_SECONDS", 0.0)
    await writer.append(numbered(2))

    assert await writer.healthy()
    assert writer._producer is producer
