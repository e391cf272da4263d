"""Removes old notices, notes about duplicates, and records of the embedded log that were stored.

Kafka applies the retention of its topics itself; the embedded log depends on this job. History is kept
until a person is erased.
"""

import asyncio
from datetime import timedelta

import structlog

from services.stager.settings import StagerSettings
from services.stager.store import duplicates, queues
from services.stager.store.session import Pool, transaction
from shared.clock import Clock
from shared.contracts.topics import DEAD_LETTERS, TOUCHPOINTS
from shared.errors import TransientError
from shared.eventlog.factory import DEAD_LETTER_PARTITIONS, trim
from shared.process.waiting import pause

log = structlog.get_logger(__name__)

_CHUNK = 5000
_PAUSE_SECONDS = 60.0
_EVERYTHING = 2**62
"""Beyond any offset: dead letters are kept in their table, so the topic may be trimmed unread."""


class Retention:
    """Removes, a chunk at a time, what is older than the settings allow."""

    def __init__(self, *, pool: Pool, clock: Clock, settings: StagerSettings) -> None:
        self._pool = pool
        self._clock = clock
        self._settings = settings
        self._keep_notices = timedelta(days=settings.stager_outbox_days)
        self._keep_records_seconds = timedelta(days=settings.stager_log_days).total_seconds()

    async def run(self, stop: asyncio.Event) -> None:
        """Run every minute until `stop`; after a transient fault wait for the next minute."""
        while not stop.is_set():
            is_more = False
            try:
                is_more = await self.once()
            except TransientError as exc:
                log.warning("retention_waits", error=str(exc))
            if not is_more:
                await pause(stop, _PAUSE_SECONDS)

    async def once(self) -> bool:
        """Remove one chunk of each; whether there may be more. Raises TransientError."""
        async with transaction(self._pool) as connection:
            before = self._clock.now() - self._keep_notices
            notices = await queues.prune_outbox(connection, before, _CHUNK)
            conflicts = await duplicates.prune_conflicting(connection, before, _CHUNK)
            stored = await queues.all_offsets(connection, TOUCHPOINTS)
        removed = await self._trim(TOUCHPOINTS, stored)
        removed += await self._trim(
            DEAD_LETTERS, dict.fromkeys(range(DEAD_LETTER_PARTITIONS), _EVERYTHING)
        )
        return _CHUNK in (notices, conflicts) or removed > 0

    async def _trim(self, topic: str, read_up_to: dict[int, int]) -> int:
        return await trim(
            self._settings, topic, read_up_to, keep_seconds=self._keep_records_seconds
        )
