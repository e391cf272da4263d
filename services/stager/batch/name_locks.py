"""Locks on names within one process: which transactions may write at the same time.

Batches of different partitions are stored concurrently, so that Python works on one while Postgres
works on the other. When they share a person or an account, the second waits instead of running into a
version conflict. Across processes the versions decide; these locks only save the retries.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from services.stager.identity.names import Key


@dataclass(eq=False, slots=True)
class _Request:
    names: AbstractSet[Key] | None
    granted: asyncio.Future[None]


class NameLocks:
    """Locks on sets of names, granted first in, first out, so that no request starves."""

    def __init__(self) -> None:
        self._held: list[_Request] = []
        self._waiting: deque[_Request] = deque()

    def acquire(self, names: AbstractSet[Key]) -> AbstractAsyncContextManager[None]:
        """Lock `names` for the block. May wait for earlier requests that share a name."""
        return self._acquire(names)

    def acquire_all(self) -> AbstractAsyncContextManager[None]:
        """Lock every name for the block. Waits for all earlier requests."""
        return self._acquire(None)

    @asynccontextmanager
    async def _acquire(self, names: AbstractSet[Key] | None) -> AsyncIterator[None]:
        request = _Request(names, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._grant()
        try:
            await request.granted
            yield
        finally:
            if request in self._held:
                self._held.remove(request)
            else:
                self._waiting.remove(request)
            self._grant()

    def _grant(self) -> None:
        while self._waiting and self._fits(self._waiting[0]):
            request = self._waiting.popleft()
            self._held.append(request)
            if not request.granted.done():
                request.granted.set_result(None)

    def _fits(self, request: _Request) -> bool:
        return all(
            held.names is not None
            and request.names is not None
            and held.names.isdisjoint(request.names)
            for held in self._held
        )
