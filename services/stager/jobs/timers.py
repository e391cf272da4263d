"""Applies deadlines that are due, oldest first, in small transactions.

The cost depends on the deadlines that are due and not on all: an index on `due_at` orders them. Several
stagers share the work by skipping locked rows.
"""

import asyncio
from collections.abc import Sequence

import structlog

from services.stager.batch.name_locks import NameLocks
from services.stager.errors import Conflict, FoldFailed, origin
from services.stager.fold.fold_subject import FoldOutput, fold_time
from services.stager.fold.journeys import Journeys, refresh_journeys
from services.stager.identity.names import Key
from services.stager.store import queues, read, write
from services.stager.store.rows import JourneyKey
from services.stager.store.session import Connection, Pool, transaction
from services.stager.subjects.cache import RowCache
from services.stager.subjects.subject import Subject
from shared.clock import Clock
from shared.errors import TransientError
from shared.journey.compile import CompiledJourney
from shared.journey.state import FORMAT
from shared.process.waiting import pause
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_CHUNK = 200


class Timers:
    """Works off table `deadline`."""

    def __init__(
        self,
        *,
        pool: Pool,
        clock: Clock,
        cache: RowCache,
        journeys: Journeys,
        locks: NameLocks,
        metrics: Metrics,
        pause_seconds: float,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._cache = cache
        self._journeys = journeys
        self._locks = locks
        self._metrics = metrics
        self._pause_seconds = pause_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep every `pause_seconds`, and at once again while chunks are full."""
        while not stop.is_set():
            try:
                is_more = await self.sweep()
            except TransientError as exc:
                log.warning("timers_wait", error=str(exc))
                is_more = False
            if not is_more:
                await pause(stop, self._pause_seconds)

    async def sweep(self) -> bool:
        """Apply one chunk in one transaction; whether there may be more. Raises TransientError."""
        try:
            return await self._sweep(_CHUNK)
        except Conflict:
            return True
        except FoldFailed:
            # One at a time, so that the failing one does not hold up the others.
            return await self._sweep(1)

    async def _sweep(self, limit: int) -> bool:
        async with self._locks.acquire_all():
            async with transaction(self._pool) as connection:
                output, applied = await self._chunk(connection, limit)
            self._cache.subjects.invalidate(output.subjects)
        output.tally.report(self._metrics)
        return applied == limit

    async def _chunk(self, connection: Connection, limit: int) -> tuple[FoldOutput, int]:
        await refresh_journeys(connection, self._journeys)
        output = FoldOutput(self._clock.now())
        due = await queues.due(connection, output.now, limit)
        if not due:
            return output, 0
        journeys: dict[Key, list[str]] = {}
        for workspace, subject, journey in due:
            journeys.setdefault((workspace, subject), []).append(journey)
        # From the database and not from the cache: another stager may have armed the deadline.
        subjects = await read.subjects(connection, journeys)
        for key, names in journeys.items():
            ready, idle = self._sort(key, subjects.get(key), names)
            output.writes.deadlines_removed += idle
            if ready:
                try:
                    fold_time(key, subjects[key], ready, output)
                except Exception as exc:
                    if limit > 1:
                        raise FoldFailed(f"the engine failed: {type(exc).__name__}") from exc
                    log.error(  # noqa: TRY400 - a traceback may show personal data
                        "timer_failed", workspace_id=key[0], journeys=names, where=origin(exc)
                    )
                    output.writes.deadlines_removed += [(*key, name) for name in names]
        await write.fold_output(connection, output.writes, output.now)
        return output, len(due)

    def _sort(
        self, key: Key, subject: Subject | None, names: Sequence[str]
    ) -> tuple[list[CompiledJourney], list[JourneyKey]]:
        """Journeys to advance, and deadlines that no longer apply.

        A state of an older map waits for its re-fold, which arms its deadlines again.
        """
        ready: list[CompiledJourney] = []
        idle: list[JourneyKey] = []
        by_key = self._journeys.of(key[0]).by_key
        for name in names:
            compiled = by_key.get(name)
            stored_state = None if subject is None else subject.states.get(name)
            if (
                compiled is None
                or stored_state is None
                or stored_state.v != compiled.journey.version
                or stored_state.f != FORMAT
            ):
                idle.append((*key, name))
            else:
                ready.append(compiled)
        return ready, idle
