"""Who may write what at the same time within one process.

Two batches of different partitions are stored at once, so that Python works on one while Postgres
works on the other; when they name the same people or accounts, the second waits instead of running
into a version conflict. Across processes the versions decide; this only spares the retries.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.stager.identity.names import Key


@dataclass(eq=False, slots=True)
class _Claim:
    names: AbstractSet[Key] | None
    granted: asyncio.Future[None]


class Claims:
    """Claims on names; granted in the order of asking, so that nobody waits for ever."""

    def __init__(self) -> None:
        self._held: list[_Claim] = []
        self._waiting: deque[_Claim] = deque()

    @asynccontextmanager
    async def hold(self, names: AbstractSet[Key] | None) -> AsyncIterator[None]:
        """Hold `names` alone for the block; None: everything. May wait for others to end."""
        claim = _Claim(names, asyncio.get_running_loop().create_future())
        self._waiting.append(claim)
        self._grant()
        try:
            await claim.granted
            yield
        finally:
            if claim in self._held:
                self._held.remove(claim)
            else:
                self._waiting.remove(claim)
            self._grant()

    def _grant(self) -> None:
        while self._waiting and self._fits(self._waiting[0]):
            claim = self._waiting.popleft()
            self._held.append(claim)
            if not claim.granted.done():
                claim.granted.set_result(None)

    def _fits(self, claim: _Claim) -> bool:
        return all(
            held.names is not None
            and claim.names is not None
            and held.names.isdisjoint(claim.names)
            for held in self._held
        )
