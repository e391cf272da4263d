"""Brings names to the rules and limits in force that were resolved before them, some at a time.

Names of a release before decision 0024 are such, and those that `stageline identity resolve-again` marks.
Answers stay readable meanwhile: a name keeps its former person until it is resolved again, and a batch
that meets such a name resolves its person at once. Each step is a transaction, and what is left to do is
what `identifier` still holds with version 0, so the job goes on after any restart.
"""

import asyncio
from time import monotonic

import structlog

from services.stager.batch.context import StagerContext
from services.stager.batch.identity_upgrade import names_resolved, resolve_again
from services.stager.errors import Conflict, RecordFault
from services.stager.store import identity
from services.stager.store.session import transaction
from shared.errors import TransientError
from shared.process.waiting import pause
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_FIRST_CHUNK = 50
_LARGEST_CHUNK = 1_000
_STEP_SECONDS = 0.2
"""Aim for one step: batches of this process wait for it, so it may not take much longer than they do."""
_PAUSE_SECONDS = 5.0
_IDLE_SECONDS = 60.0
"""Time until the job looks again whether names were marked, and between two counts of those left."""


def next_chunk(chunk: int, seconds: float) -> int:
    """Names for the next step, after one of `chunk` names took `seconds`: more while it is short."""
    if seconds > _STEP_SECONDS:
        return max(1, chunk // 2)
    return min(_LARGEST_CHUNK, chunk * 2) if seconds < _STEP_SECONDS / 2 else chunk


class IdentityJob:
    """Works through the names that wait, in their order."""

    def __init__(self, stager: StagerContext, metrics: Metrics) -> None:
        self._stager = stager
        self._metrics = metrics
        self._is_done = False
        self._counted_at: float | None = None
        self.chunk = _FIRST_CHUNK
        """Names of the next step."""

    async def run(self, stop: asyncio.Event) -> None:
        """Resolve names until none is left, and those that are marked later."""
        while not stop.is_set():
            try:
                is_more = await self.step(self.chunk)
                await self._count(monotonic())
            except TransientError as exc:
                log.warning("identity_job_waits", error=str(exc))
                is_more = False
            seconds = _IDLE_SECONDS if self._is_done else _PAUSE_SECONDS
            await pause(stop, 0.001 if is_more else seconds)

    async def step(self, limit: int = _FIRST_CHUNK) -> bool:
        """One transaction; whether there may be more names to resolve. Raises TransientError."""
        stager = self._stager
        started = monotonic()
        try:
            async with stager.locks.acquire_all():
                async with transaction(stager.pool) as connection:
                    job = await identity.next_job(connection)
                    if job is None:
                        self._is_done = await identity.is_job_done(connection)
                        return False
                    names = await identity.names_of_old_rules(connection, limit)
                    batch = await resolve_again(connection, stager, names) if names else None
                    now = stager.clock.now()
                    resolved = 0 if batch is None else names_resolved(batch.resolution)
                    await identity.job_progress(connection, resolved, None if names else now)
                if batch is not None:
                    batch.update_cache()
        except Conflict:
            self.chunk = max(1, limit // 2)
            return True
        except RecordFault:
            if limit > 1:
                return await self.step(1)
            await self._skip()
            return True
        self._is_done = batch is None
        if batch is None:
            log.info("identity_job_done", names=job)
            return False
        self.chunk = next_chunk(limit, monotonic() - started)
        batch.output.tally.report(self._metrics)
        return True

    async def _count(self, at: float) -> None:
        """Set the gauge of the names that wait, once a minute: the count reads an index of all of them."""
        if self._is_done:
            self._metrics.stager_identity_names_left.set(0)
            self._counted_at = None
        elif self._counted_at is None or at - self._counted_at >= _IDLE_SECONDS:
            async with transaction(self._stager.pool) as connection:
                left = await identity.names_left(connection)
            self._metrics.stager_identity_names_left.set(left)
            self._counted_at = at

    async def _skip(self) -> None:
        """Leave the next name with its former person: its history cannot be folded."""
        async with transaction(self._stager.pool) as connection:
            for name in await identity.names_of_old_rules(connection, 1):
                log.error("identity_job_skipped", workspace_id=name[0])
                await identity.keep_old(connection, name)
                await identity.job_progress(connection, 1, None)
