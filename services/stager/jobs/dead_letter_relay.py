"""Carries dead letters on to their topic.

A dead letter counts as published once its topic has acknowledged it; one that is sent twice because
the acknowledgement got lost carries the same position.
"""

import asyncio

import structlog

from services.stager.batch.batch_writer import Writer
from services.stager.store import queues
from services.stager.store.rows import DeadLetter
from services.stager.store.session import transaction
from shared.contracts.topics import TOUCHPOINTS
from shared.errors import TransientError
from shared.eventlog.port import LogWriter, NewRecord
from shared.process.waiting import Backoff, pause

log = structlog.get_logger(__name__)

_CHUNK = 100
_PAUSE_SECONDS = 1.0


class Relay:
    """Publishes dead letters."""

    def __init__(self, *, writer: Writer, dead: LogWriter) -> None:
        """`dead` appends to the dead-letter topic."""
        self._writer = writer
        self._dead = dead

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop`; a log that is away is waited for."""
        backoff = Backoff()
        is_started = False
        try:
            while not stop.is_set():
                try:
                    if not is_started:
                        await self._dead.start()
                        is_started = True
                    is_more = await self.publish()
                except TransientError as exc:
                    log.warning("dead_letters_wait", error=str(exc))
                    await pause(stop, backoff.next())
                    continue
                backoff.reset()
                if not is_more:
                    await pause(stop, _PAUSE_SECONDS)
        finally:
            await self._dead.stop()

    async def publish(self) -> bool:
        """Publish one chunk; whether there may be more. Raises TransientError."""
        async with transaction(self._writer.pool) as connection:
            letters = await queues.unpublished(connection, _CHUNK)
            if letters:
                await self._dead.append([_record(letter) for letter in letters])
                ids = [letter.dead_letter_id for letter in letters]
                await queues.mark_published(connection, ids, self._writer.clock.now())
        return len(letters) == _CHUNK


def _record(letter: DeadLetter) -> NewRecord:
    headers = (
        ("reason", letter.reason.encode()),
        ("topic", TOUCHPOINTS.encode()),
        ("partition", str(letter.partition).encode()),
        ("offset", str(letter.offset).encode()),
    )
    return NewRecord(key=letter.key or b"", value=letter.value or b"", headers=headers)
