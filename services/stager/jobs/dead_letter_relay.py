"""Publishes dead letters to their topic.

A record may have come with more bytes than the log takes from a writer: it is published cut short, with its
whole size in the header `size`; table `dead_letter` keeps all of it.

A dead letter counts as published once its topic has acknowledged it. One that is sent twice, because the
acknowledgement was lost, has the same position in its headers.
"""

import asyncio

import structlog

from services.stager.store import queues
from services.stager.store.rows import DeadLetter
from services.stager.store.session import Pool, transaction
from shared.clock import Clock
from shared.contracts.topics import TOUCHPOINTS
from shared.errors import TransientError
from shared.eventlog.port import MAX_RECORD_BYTES, LogWriter, NewRecord
from shared.process.waiting import Backoff, pause

log = structlog.get_logger(__name__)

_CHUNK = 100
_PAUSE_SECONDS = 1.0
_CUT_KEY_BYTES = 1_000


class DeadLetterRelay:
    """Publishes dead letters."""

    def __init__(self, *, pool: Pool, clock: Clock, dead: LogWriter) -> None:
        """`dead` appends to the dead-letter topic."""
        self._pool = pool
        self._clock = clock
        self._dead = dead

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`; wait while the log is unavailable."""
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
        async with transaction(self._pool) as connection:
            dead_letters = await queues.unpublished(connection, _CHUNK)
            if dead_letters:
                await self._dead.append([_record(each) for each in dead_letters])
                ids = [each.dead_letter_id for each in dead_letters]
                await queues.mark_published(connection, ids, self._clock.now())
        return len(dead_letters) == _CHUNK


def _record(dead_letter: DeadLetter) -> NewRecord:
    headers: tuple[tuple[str, bytes], ...] = (
        ("reason", dead_letter.reason.encode()),
        ("topic", TOUCHPOINTS.encode()),
        ("partition", str(dead_letter.partition).encode()),
        ("offset", str(dead_letter.offset).encode()),
    )
    key, value = dead_letter.key or b"", dead_letter.value or b""
    if len(key) + len(value) > MAX_RECORD_BYTES:
        headers += (("size", str(len(value)).encode()),)
        key = key[:_CUT_KEY_BYTES]
        value = value[: MAX_RECORD_BYTES - len(key)]
    return NewRecord(key=key, value=value, headers=headers)
