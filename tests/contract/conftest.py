"""Both event logs, one after the other, for the suite that holds them to one contract."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.event_log_harness import EventLogHarness, KafkaHarness, PostgresHarness


@pytest.fixture(params=["kafka", "postgres"])
def event_log_harness(request: pytest.FixtureRequest) -> EventLogHarness:
    """A handle on each log. Not async: it asks for the one server that the test needs by name."""
    if request.param == "kafka":
        return KafkaHarness(request.getfixturevalue("kafka"))
    return PostgresHarness(request.getfixturevalue("database_url"))


@pytest.fixture
async def event_log(event_log_harness: EventLogHarness) -> AsyncIterator[EventLogHarness]:
    """A fresh topic with four partitions on each log."""
    await event_log_harness.make_topic()
    yield event_log_harness
    await event_log_harness.close()
