"""Waits that end at a stop: a pause, the pauses between retries, a retry until a server is up."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from shared.errors import TransientError

log = structlog.get_logger(__name__)

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 2.0

T = TypeVar("T")


class Backoff:
    """Seconds between retries: from 0.1 to 2, with jitter so that processes do not retry in step."""

    def __init__(self) -> None:
        self._seconds = _FIRST_SECONDS

    def next(self) -> float:
        """Seconds to wait before the next try."""
        seconds = self._seconds
        self._seconds = min(_LONGEST_SECONDS, seconds * 2)
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret

    def reset(self) -> None:
        """Start again at the shortest pause, after a success."""
        self._seconds = _FIRST_SECONDS


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait for `seconds` or until `stop` is set, whichever comes first."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def until_up(
    connect: Callable[[], Awaitable[T]], stop: asyncio.Event, *, failure: str
) -> T | None:
    """Result of `connect`, called until it succeeds; None when `stop` is set first.

    A server that comes up after this process is no reason to end the process: a TransientError is
    logged as the event `failure` and followed by a pause. Any other error passes.
    """
    backoff = Backoff()
    while not stop.is_set():
        try:
            return await connect()
        except TransientError as exc:
            log.warning(failure, error=str(exc))
            await pause(stop, backoff.next())
    return None
