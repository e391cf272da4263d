"""What the stager no longer keeps: old notices, and records of the embedded log that were stored.

Kafka keeps to the retention of its topics by itself; the embedded log has nobody else to do it.
History is not touched: it is kept until somebody asks for its erasure.
"""

import asyncio
from datetime import timedelta

import structlog

from services.stager.batch.batch_writer import Writer
from services.stager.settings import StagerSettings
from services.stager.store import queues
from services.stager.store.session import transaction
from shared.contracts.topics import DEAD_LETTERS, TOUCHPOINTS
from shared.errors import TransientError
from shared.eventlog.factory import DEAD_LETTER_PARTITIONS, trim
from shared.process.waiting import pause

log = structlog.get_logger(__name__)

_CHUNK = 5000
_PAUSE_SECONDS = 60.0
_EVERYTHING = 2**62
"""Beyond any offset: dead letters are kept in their table, so nobody need have read the topic."""


class Retention:
    """Clears away, a chunk at a time, what is older than the settings say."""

    def __init__(self, *, writer: Writer, settings: StagerSettings) -> None:
        self._writer = writer
        self._settings = settings
        self._keep_notices = timedelta(days=settings.stager_outbox_days)
        self._keep_records_seconds = timedelta(days=settings.stager_log_days).total_seconds()

    async def run(self, stop: asyncio.Event) -> None:
        """Clear away every minute until `stop`; a passing fault waits for the next minute."""
        while not stop.is_set():
            is_more = False
            try:
                is_more = await self.once()
            except TransientError as exc:
                log.warning("retention_waits", error=str(exc))
            if not is_more:
                await pause(stop, _PAUSE_SECONDS)

    async def once(self) -> bool:
        """Clear away one chunk of each; whether there may be more. Raises TransientError."""
        async with transaction(self._writer.pool) as connection:
            before = self._writer.clock.now() - self._keep_notices
            notices = await queues.prune_outbox(connection, before, _CHUNK)
            stored = await queues.all_offsets(connection, TOUCHPOINTS)
        removed = await self._trim(TOUCHPOINTS, stored)
        removed += await self._trim(
            DEAD_LETTERS, dict.fromkeys(range(DEAD_LETTER_PARTITIONS), _EVERYTHING)
        )
        return notices == _CHUNK or removed > 0

    async def _trim(self, topic: str, read_up_to: dict[int, int]) -> int:
        return await trim(
            self._settings, topic, read_up_to, keep_seconds=self._keep_records_seconds
        )
