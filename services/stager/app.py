"""The composition of the stager: one task group of named tasks; the death of one stops the process."""

import asyncio
import os
import socket

import structlog

from services.stager.batch.batch_writer import BatchWriter
from services.stager.batch.context import StagerContext
from services.stager.consume.consumer import Consumer
from services.stager.health import checks, watch_lag
from services.stager.jobs.dead_letter_relay import DeadLetterRelay
from services.stager.jobs.identity_job import IdentityJob
from services.stager.jobs.refold_jobs import RefoldJobs
from services.stager.jobs.retention import Retention
from services.stager.jobs.retraction_jobs import RetractionJobs
from services.stager.jobs.timers import Timers
from services.stager.settings import StagerSettings
from services.stager.store.session import Pool, translated
from services.stager.subjects.cache import RowCache
from shared.clock import Clock
from shared.contracts.identity_limits import IdentityLimits
from shared.contracts.topics import DEAD_LETTERS, TOUCHPOINTS
from shared.errors import FatalError, TransientError
from shared.eventlog.factory import open_reader, open_writer
from shared.eventlog.port import LogReader, LogWriter
from shared.http.health import Check
from shared.process.waiting import until_up
from shared.storage.connect import DatabaseRole, open_pool
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_OTHER_CONNECTIONS = 7
"""Timers, re-fold jobs, identity job, retractions, relay, offsets of an assignment, health."""
_CLOSE_SECONDS = 3.0


class Stager:
    """One stager process, or the stager of the process that holds all services."""

    def __init__(
        self,
        settings: StagerSettings,
        *,
        clock: Clock,
        metrics: Metrics,
        reader: LogReader | None = None,
        dead: LogWriter | None = None,
    ) -> None:
        """`reader` and `dead` (the dead-letter topic) default to those of the settings."""
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._reader = reader or open_reader(settings, TOUCHPOINTS, settings.stager_group)
        self._dead = dead or open_writer(settings, DEAD_LETTERS, role=DatabaseRole.STAGER)
        self._pool: Pool | None = None
        self._consumer: Consumer | None = None

    def is_alive(self) -> bool:
        """Whether the consumer loop runs."""
        return self._consumer is None or self._consumer.is_alive()

    def checks(self) -> dict[str, Check]:
        """The checks of readiness, by name."""
        return {name: _deferred(self, name) for name in ("database", "storing")}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`, then finish the batch in hand and leave the group.

        Raises FatalError when going on would lose or duplicate records, or when a task has died.
        """
        pool = self._pool = await self._connect(stop)
        if pool is None:
            return
        try:
            await self._run(pool, stop)
        except ExceptionGroup as group:
            raise _fatal(group) from group
        finally:
            self._pool = None
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await pool.close()
            except TimeoutError:
                pool.terminate()
        log.info("stager_stopped")

    async def _run(self, pool: Pool, stop: asyncio.Event) -> None:
        settings, metrics = self._settings, self._metrics
        context = StagerContext(
            pool=pool,
            clock=self._clock,
            cache=RowCache(settings.stager_cache_subjects),
            limits=IdentityLimits(
                user_ids=settings.identity_user_ids,
                records=settings.identity_records,
                addresses=settings.identity_addresses,
                names=settings.identity_names,
            ),
        )
        consumer = self._consumer = Consumer(
            reader=self._reader,
            writer=BatchWriter(context, owner=f"{socket.gethostname()}:{os.getpid()}"),
            pool=pool,
            cache=context.cache,
            clock=context.clock,
            settings=settings,
            metrics=metrics,
        )
        timers = Timers(
            pool=pool,
            clock=context.clock,
            cache=context.cache,
            journeys=context.journeys,
            locks=context.locks,
            metrics=metrics,
            pause_seconds=settings.stager_timer_seconds,
        )
        jobs = RefoldJobs(
            pool=pool,
            clock=context.clock,
            cache=context.cache,
            journeys=context.journeys,
            locks=context.locks,
            metrics=metrics,
            snapshot_every=context.snapshot_every,
        )
        identity_job = IdentityJob(context, metrics)
        retraction_jobs = RetractionJobs(context, metrics)
        relay = DeadLetterRelay(pool=pool, clock=context.clock, dead=self._dead)
        retention = Retention(pool=pool, clock=context.clock, settings=settings)
        async with asyncio.TaskGroup() as bounded:
            ending = bounded.create_task(self._end_in_time(stop), name="deadline")
            async with asyncio.TaskGroup() as group:
                group.create_task(timers.run(stop), name="timers")
                group.create_task(jobs.run(stop), name="refold-jobs")
                group.create_task(identity_job.run(stop), name="identity-job")
                group.create_task(retraction_jobs.run(stop), name="retraction-jobs")
                group.create_task(relay.run(stop), name="relay")
                group.create_task(retention.run(stop), name="retention")
                lag = group.create_task(
                    watch_lag(self._reader, consumer, metrics, stop), name="lag"
                )
                consuming = group.create_task(consumer.run(stop), name="consumer")
                # The consumer closes the reader: Kafka's would leave a request for offsets that is on
                # its way unanswered, and the stop would wait for its timeout.
                consuming.add_done_callback(lambda _: lag.cancel())
            ending.cancel()

    async def _end_in_time(self, stop: asyncio.Event) -> None:
        """End the process even if the database hangs: records that are not committed are read again."""
        await stop.wait()
        await asyncio.sleep(max(1.0, self._settings.shutdown_seconds - _CLOSE_SECONDS))
        raise FatalError(
            "the stop took too long; records that were not committed will be read again"
        )

    async def _connect(self, stop: asyncio.Event) -> "Pool | None":
        """Open the pool; wait for a database that starts after the stager."""

        async def connect() -> Pool:
            try:
                return await open_pool(
                    self._settings.database_url.get_secret_value(),
                    role=DatabaseRole.STAGER,
                    application_name="stageline-stager",
                    min_size=1,
                    max_size=self._settings.stager_partition_workers + _OTHER_CONNECTIONS,
                )
            except Exception as exc:
                meaning = translated(exc)
                if isinstance(meaning, TransientError):
                    raise meaning from exc
                raise FatalError(f"cannot use the database: {type(exc).__name__}") from exc

        return await until_up(connect, stop, failure="database_unavailable")


def _deferred(stager: Stager, name: str) -> Check:
    """The check of a part that `run` makes later."""

    async def check() -> bool:
        return await checks(stager._pool, stager._consumer)[name]()  # noqa: SLF001 - same module

    return check


def _fatal(group: ExceptionGroup[Exception]) -> FatalError:
    """The first fault of a task group that ended badly."""
    fault: Exception = group
    while isinstance(fault, ExceptionGroup):
        fault = fault.exceptions[0]
    if isinstance(fault, FatalError):
        return fault
    log.error("task_died", error=repr(fault), exc_info=fault)
    return FatalError(f"a part of the stager died: {type(fault).__name__}")
