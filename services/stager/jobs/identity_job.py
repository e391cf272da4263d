"""Brings names to the rules of decision 0024 that were resolved before it, a few at a time.

Answers stay readable meanwhile: a name keeps its former person until it is resolved again, and a batch
that meets such a name resolves its person at once. Each step is a transaction, and what is left to do is
what `identifier` still holds by the old rules, so the job goes on after any restart.
"""

import asyncio

import structlog

from services.stager.batch.context import StagerContext
from services.stager.batch.identity_upgrade import resolve_again
from services.stager.errors import Conflict, RecordFault
from services.stager.store import identity
from services.stager.store.session import transaction
from shared.errors import TransientError
from shared.process.waiting import pause
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_CHUNK = 50
_PAUSE_SECONDS = 5.0


class IdentityJob:
    """Works through the names of the old rules, in their order."""

    def __init__(self, stager: StagerContext, metrics: Metrics) -> None:
        self._stager = stager
        self._metrics = metrics
        self._is_done = False

    async def run(self, stop: asyncio.Event) -> None:
        """Resolve names until none is left; then the job is over for good."""
        while not (stop.is_set() or self._is_done):
            try:
                is_more = await self.step()
            except TransientError as exc:
                log.warning("identity_job_waits", error=str(exc))
                is_more = False
            if not self._is_done:
                await pause(stop, 0.001 if is_more else _PAUSE_SECONDS)

    async def step(self, limit: int = _CHUNK) -> bool:
        """One transaction; whether it resolved any name. Raises TransientError."""
        stager = self._stager
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
                    await identity.job_progress(connection, len(names), None if names else now)
                if batch is not None:
                    batch.update_cache()
        except Conflict:
            return True
        except RecordFault:
            if limit > 1:
                return await self.step(1)
            await self._skip()
            return True
        if batch is None:
            log.info("identity_job_done", names=job)
            self._is_done = True
            return False
        batch.output.tally.report(self._metrics)
        return True

    async def _skip(self) -> None:
        """Leave the next name with its former person: its history cannot be folded."""
        async with transaction(self._stager.pool) as connection:
            for name in await identity.names_of_old_rules(connection, 1):
                log.error("identity_job_skipped", workspace_id=name[0])
                await identity.keep_old(connection, name)
