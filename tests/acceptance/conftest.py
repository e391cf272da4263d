"""A running Stageline on each event log."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import ManualClock
from tests.support.services import Log, Stack

START = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)
"""The clock's reading when a test begins: a Monday."""


@pytest.fixture(params=["postgres", "kafka"])
async def log(request: pytest.FixtureRequest) -> Log:
    """Both event logs, one after the other, emptied."""
    bootstrap = request.getfixturevalue("kafka") if request.param == "kafka" else None
    chosen = Log(bootstrap=bootstrap)
    await chosen.empty()
    return chosen


@pytest.fixture
async def stack(database_url: str, log: Log, tmp_path: Path) -> AsyncIterator[Stack]:
    """Ingest, stager and api, with no map published and the clock at `START`."""
    running = Stack(database_url, log, ManualClock(START), tmp_path)
    await running.start()
    yield running
    await running.stop()
