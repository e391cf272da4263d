"""Case D2: a reader whose caller does not poll, because its database is away, stays in its group."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka.consumer.subscription_state import SubscriptionState

from shared.eventlog.kafka.reader import KafkaReader
from tests.contract.event_log_harness import KafkaHarness, StoredOffsets, numbered, read
from tests.support.eventually import eventually


@pytest.fixture
async def log(kafka: str) -> AsyncIterator[KafkaHarness]:
    harness = KafkaHarness(kafka)
    await harness.make_topic()
    yield harness
    await harness.close()


async def test_a_day_without_a_poll_costs_no_partition(
    log: KafkaHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = await log.open_writer()
    await writer.append(numbered(5))
    offsets = StoredOffsets()
    reader = await log.open_reader(offsets.load)
    assert isinstance(reader, KafkaReader)
    assert len(await read(reader, 5)) == 5
    loads = len(offsets.loads)

    # What aiokafka takes for the time since the last poll.
    calls = 0

    def a_day(_: SubscriptionState) -> float:
        nonlocal calls
        calls += 1
        return 86_400.0

    with monkeypatch.context() as patched:
        patched.setattr(SubscriptionState, "fetcher_idle_time", property(a_day))

        async def were_several_heartbeats() -> bool:
            await asyncio.sleep(0)
            return calls > 4

        await eventually(were_several_heartbeats, within=60)
    await writer.append(numbered(5, start=5))

    assert len(await read(reader, 5)) == 5
    assert len(offsets.loads) == loads
