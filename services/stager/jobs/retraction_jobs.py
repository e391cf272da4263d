"""Takes imports back, a few subjects at a time.

From the request on no event of the import is stored. What was stored before is removed here: each step is one
transaction that counts what it removes, so the job goes on after any restart; it holds out all batches
meanwhile, because rows begin with their first version again.
"""

import asyncio

import structlog

from services.stager.batch.context import StagerContext
from services.stager.batch.import_retraction import retract_chunk, retracting_batch
from services.stager.errors import Conflict, RecordFault
from services.stager.store import retraction as tables
from services.stager.store.session import transaction
from shared.errors import TransientError
from shared.process.waiting import pause
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_SUBJECTS = 25
_TOUCHPOINTS = 1_000
"""Of one step: bounds the time in which no event is stored to a fraction of a second."""
_PAUSE_SECONDS = 1.0


class RetractionJobs:
    """Works through the retracted imports of table `retraction`, the earliest request first."""

    def __init__(self, stager: StagerContext, metrics: Metrics) -> None:
        self._stager = stager
        self._metrics = metrics

    async def run(self, stop: asyncio.Event) -> None:
        """Look for work every second; between two steps batches get their turn."""
        while not stop.is_set():
            try:
                is_more = await self.step()
            except TransientError as exc:
                log.warning("retraction_waits", error=str(exc))
                is_more = False
            await pause(stop, 0.001 if is_more else _PAUSE_SECONDS)

    async def step(self, subjects: int = _SUBJECTS, touchpoints: int = _TOUCHPOINTS) -> bool:
        """One transaction; whether there was work. Raises TransientError."""
        async with transaction(self._stager.pool) as connection:
            if not await tables.is_pending(connection):
                return False
        try:
            await self._step(subjects, touchpoints)
        except Conflict as conflict:
            log.info("retraction_conflict", reason=str(conflict))
        except RecordFault as fault:
            if touchpoints > 1:
                return await self.step(1, 1)
            await self._give_up(fault)
        return True

    async def _step(self, subjects: int, touchpoints: int) -> None:
        stager = self._stager
        async with stager.locks.acquire_all():
            batch = retracting_batch(stager)
            try:
                async with transaction(stager.pool) as connection:
                    await retract_chunk(
                        connection, batch, subjects=subjects, touchpoints=touchpoints
                    )
            except BaseException:
                batch.invalidate_cache()
                raise
            batch.update_cache()
        batch.output.tally.report(self._metrics)

    async def _give_up(self, fault: RecordFault) -> None:
        """End the job with what is left of its import: the rest cannot be removed."""
        stager = self._stager
        async with stager.locks.acquire_all(), transaction(stager.pool) as connection:
            pending = await tables.next_pending(connection)
            if pending is None:
                return
            log.error(
                "retraction_stopped",
                workspace_id=pending.workspace_id,
                reason=type(fault).__name__,
            )
            await tables.count_import(connection, pending, 0, stager.clock.now())
