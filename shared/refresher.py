"""Refreshes a cache of rows of Postgres: periodically, and on a miss.

Rules:
- the hot path reads the cache alone, and continues on the last content while the database is away;
- a change takes effect within `refresh_seconds`;
- a miss waits for a read that began after it, so that a new row works at once; such reads are shared
  and spaced, so that many misses (guessed keys) cost few reads.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog

from shared.errors import TransientError
from shared.process.waiting import pause

log = structlog.get_logger(__name__)


class Refresher:
    """Calls `read` by the rules above, one at a time."""

    def __init__(
        self,
        what: str,
        read: Callable[[], Awaitable[None]],
        *,
        refresh_seconds: float = 5.0,
        spacing_seconds: float = 0.25,
        timeout_seconds: float = 3.0,
    ) -> None:
        """`refresh_seconds` between reads, at least `spacing_seconds` between any two of them.

        `read` replaces the content of the cache, or raises TransientError and leaves it unchanged;
        `what` names the cache in the log.
        """
        self._what = what
        self._read = read
        self._refresh_seconds = refresh_seconds
        self._spacing_seconds = spacing_seconds
        self._timeout_seconds = timeout_seconds
        self._lock = asyncio.Lock()
        self._read_began_at = float("-inf")
        self._read_succeeded = False
        self.loaded = False
        """Whether a read has succeeded at least once."""

    async def refresh(self) -> bool:
        """Read now; whether that succeeded. Never raises, waits up to the time-out."""
        return await self._refreshed_since(monotonic())

    async def run(self, stop: asyncio.Event) -> None:
        """Read periodically until `stop` is set: one task of the service's task group."""
        while not stop.is_set():
            await self.refresh()
            await pause(stop, self._refresh_seconds)

    async def _refreshed_since(self, requested_at: float) -> bool:
        """Whether a read that began after `asked_at` succeeded; makes one if there is none yet."""
        async with self._lock:
            if self._read_began_at < requested_at:
                wait_seconds = self._read_began_at + self._spacing_seconds - monotonic()
                if wait_seconds > 0:
                    await asyncio.sleep(wait_seconds)
                self._read_began_at = monotonic()
                self._read_succeeded = await self._try()
            return self._read_succeeded

    async def _try(self) -> bool:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._read()
        except (TransientError, TimeoutError) as exc:
            log.warning("not_refreshed", what=self._what, error=type(exc).__name__)
            return False
        self.loaded = True
        return True
