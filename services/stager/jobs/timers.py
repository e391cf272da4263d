"""Lets time pass: deadlines that are due, oldest first, in small transactions.

Cost follows what is due, not what exists: the rows come off an index on `due_at`. Several stagers
share the work by skipping locked rows.
"""

import asyncio
from collections.abc import Sequence

import structlog

from services.stager.batch.batch_writer import Writer
from services.stager.batch.pipeline import refresh_maps
from services.stager.errors import Conflict, FoldFailed, origin
from services.stager.fold import fold_subject
from services.stager.fold.fold_subject import Output
from services.stager.identity.names import Key
from services.stager.store import queues, read, write
from services.stager.store.rows import JourneyKey
from services.stager.store.session import Connection, transaction
from services.stager.subjects.subject import Subject
from shared.errors import TransientError
from shared.journey.compile import CompiledJourney
from shared.journey.state import FORMAT
from shared.process.waiting import pause
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_CHUNK = 200


class Timers:
    """Works off table `deadline`."""

    def __init__(self, *, writer: Writer, metrics: Metrics, pause_seconds: float) -> None:
        self._writer = writer
        self._metrics = metrics
        self._pause_seconds = pause_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Look every `pause_seconds`; while chunks are full, at once again."""
        while not stop.is_set():
            try:
                is_more = await self.sweep()
            except TransientError as exc:
                log.warning("timers_wait", error=str(exc))
                is_more = False
            if not is_more:
                await pause(stop, self._pause_seconds)

    async def sweep(self) -> bool:
        """Work off one chunk in one transaction; whether there may be more. Raises TransientError."""
        try:
            return await self._sweep(_CHUNK)
        except Conflict:
            return True
        except FoldFailed:
            # One of them does; alone it is found, and the others are not kept waiting.
            return await self._sweep(1)

    async def _sweep(self, limit: int) -> bool:
        async with self._writer.claims.hold(None):
            async with transaction(self._writer.pool) as connection:
                out, taken = await self._chunk(connection, limit)
            self._writer.memory.subjects.drop(out.subjects)
        out.tally.report(self._metrics)
        return taken == limit

    async def _chunk(self, connection: Connection, limit: int) -> tuple[Output, int]:
        await refresh_maps(connection, self._writer.maps)
        out = Output(self._writer.clock.now())
        due = await queues.due(connection, out.now, limit)
        if not due:
            return out, 0
        journeys: dict[Key, list[str]] = {}
        for workspace, subject, journey in due:
            journeys.setdefault((workspace, subject), []).append(journey)
        # Read anew and not from memory: a deadline may have been armed by another stager.
        subjects = await read.subjects(connection, journeys)
        for key, names in journeys.items():
            ready, idle = self._sort(key, subjects.get(key), names)
            out.writes.deadlines_gone += idle
            if ready:
                try:
                    fold_subject.tick(key, subjects[key], ready, out)
                except Exception as exc:
                    if limit > 1:
                        raise FoldFailed(f"the engine failed: {type(exc).__name__}") from exc
                    log.error(  # noqa: TRY400 - a traceback may show somebody's data
                        "timer_failed", workspace_id=key[0], journeys=names, where=origin(exc)
                    )
                    out.writes.deadlines_gone += [(*key, name) for name in names]
        await write.everything_else(connection, out.writes, out.now)
        return out, len(due)

    def _sort(
        self, key: Key, subject: Subject | None, names: Sequence[str]
    ) -> tuple[list[CompiledJourney], list[JourneyKey]]:
        """Journeys to advance, and deadlines that are nobody's any more.

        A state of an older map waits for its re-fold, which arms its deadlines anew.
        """
        ready: list[CompiledJourney] = []
        idle: list[JourneyKey] = []
        known = self._writer.maps.of(key[0]).by_key
        for name in names:
            compiled = known.get(name)
            standing = None if subject is None else subject.standings.get(name)
            if (
                compiled is None
                or standing is None
                or standing.v != compiled.journey.version
                or standing.f != FORMAT
            ):
                idle.append((*key, name))
            else:
                ready.append(compiled)
        return ready, idle
