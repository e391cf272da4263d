"""Waiting that ends at a stop, and how long to wait between tries."""

import asyncio
import random

_FIRST_SECONDS = 0.1
_MOST_SECONDS = 2.0


class Backoff:
    """Grows from 0.1 s to 2 s, with jitter so that many stagers do not come back at once."""

    def __init__(self) -> None:
        self._seconds = _FIRST_SECONDS

    def next(self) -> float:
        """Seconds to wait before the next try."""
        seconds = self._seconds
        self._seconds = min(_MOST_SECONDS, seconds * 2)
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret

    def reset(self) -> None:
        """Begin anew after a success."""
        self._seconds = _FIRST_SECONDS


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait for `seconds` or until `stop` is set, whichever comes first."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
