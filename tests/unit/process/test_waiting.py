"""Pauses end at a stop; a server that is away is asked again."""

import asyncio

import pytest

from shared.errors import FatalError, LogUnavailable
from shared.process.waiting import Backoff, pause, until_up


def test_pauses_grow_to_two_seconds_and_start_again_after_a_success() -> None:
    backoff = Backoff()

    pauses = [backoff.next() for _ in range(6)]

    longest = [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]
    assert all(most / 2 <= seconds <= most for seconds, most in zip(pauses, longest, strict=True))
    backoff.reset()
    assert backoff.next() <= 0.1


async def test_a_pause_ends_at_a_stop() -> None:
    stop = asyncio.Event()
    stop.set()

    async with asyncio.timeout(1):
        await pause(stop, 60.0)


class _Server:
    """Away for `failures` calls."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    async def connect(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise LogUnavailable("away")
        return "connected"


async def test_a_server_that_is_away_is_asked_again() -> None:
    server = _Server(failures=2)

    assert await until_up(server.connect, asyncio.Event(), failure="log_unavailable") == "connected"
    assert server.calls == 3


async def test_a_stop_ends_the_retries() -> None:
    stop = asyncio.Event()
    server = _Server(failures=1_000)

    async def stop_soon() -> None:
        await asyncio.sleep(0.02)
        stop.set()

    async with asyncio.TaskGroup() as group, asyncio.timeout(5):
        group.create_task(stop_soon())
        assert await until_up(server.connect, stop, failure="log_unavailable") is None


async def test_a_fault_that_no_retry_cures_passes() -> None:
    async def connect() -> None:
        raise FatalError("wrong password")

    with pytest.raises(FatalError, match="wrong password"):
        await until_up(connect, asyncio.Event(), failure="log_unavailable")
