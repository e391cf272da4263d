"""Applies a newly published or retired map to the stored history, a few subjects at a time.

Each step is a transaction that stores its cursor with its work, so a job survives any restart; the job's
row is locked meanwhile, so that one stager works on it at a time. Subjects with new events are re-folded
by their batch, and the job only skips them.
"""

import asyncio
from dataclasses import replace

import structlog

from services.stager.batch.name_locks import NameLocks
from services.stager.errors import Conflict, RecordFault
from services.stager.fold.fold_subject import FoldOutput, is_current
from services.stager.fold.journeys import Journeys, refresh_journeys
from services.stager.fold.output_rows import RefoldReason
from services.stager.fold.refold import refold_subjects
from services.stager.fold.refold_task import MemberChanges, RefoldTask, fold_mode
from services.stager.identity.names import Key
from services.stager.jobs.retirement import leave_retired
from services.stager.store import identity, queues, read, write
from services.stager.store.rows import Job
from services.stager.store.session import Connection, Pool, transaction
from services.stager.subjects.cache import RowCache
from services.stager.subjects.subject import NEW_SUBJECT, Subject
from services.stager.subjects.traits import member_row
from shared.clock import Clock
from shared.contracts.names import is_person
from shared.errors import TransientError
from shared.journey.compile import CompiledJourney
from shared.journey.model import SubjectKind
from shared.process.waiting import pause
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_CHUNK = 50
_PAUSE_SECONDS = 0.5


class RefoldJobs:
    """Works through table `refold_job`, oldest job first."""

    def __init__(
        self,
        *,
        pool: Pool,
        clock: Clock,
        cache: RowCache,
        journeys: Journeys,
        locks: NameLocks,
        metrics: Metrics,
        snapshot_every: int,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._cache = cache
        self._journeys = journeys
        self._locks = locks
        self._metrics = metrics
        self._snapshot_every = snapshot_every

    async def run(self, stop: asyncio.Event) -> None:
        """Look for jobs every half second, and without a pause while there is work."""
        while not stop.is_set():
            try:
                is_more = await self.step()
            except TransientError as exc:
                log.warning("refold_waits", error=str(exc))
                is_more = False
            # The full pause after each chunk would add hours to a million subjects.
            await pause(stop, 0.001 if is_more else _PAUSE_SECONDS)

    async def step(self, limit: int = _CHUNK) -> bool:
        """One transaction of the oldest job; whether there was a job. Raises TransientError."""
        try:
            async with self._locks.acquire_all():
                async with transaction(self._pool) as connection:
                    output, members, was_work = await self._step(connection, limit)
                self._cache.members.invalidate(members.removed)
                self._cache.members.invalidate(members.written)
                self._cache.subjects.invalidate(output.subjects)
        except Conflict:
            return True
        except RecordFault:
            if limit > 1:
                return await self.step(1)
            return await self._skip()
        output.tally.report(self._metrics)
        return was_work

    async def _step(
        self, connection: Connection, limit: int
    ) -> tuple[FoldOutput, MemberChanges, bool]:
        output = FoldOutput(self._clock.now(), self._snapshot_every)
        members = MemberChanges()
        job = await queues.next_job(connection)
        if job is None:
            return output, members, False
        if job.total == 0 and job.cursor == "":
            # Once, before anything is folded: every later batch has read the map.
            await queues.wait_for_batches(connection)
        await refresh_journeys(connection, self._journeys)
        journeys = self._journeys.of(job.workspace_id)
        if journeys.retired.get(job.journey) == job.version:
            if job.total == 0:
                job = replace(job, total=await queues.retirement_total(connection, job))
            keys = await leave_retired(connection, job, limit, output)
            await write.fold_output(connection, output.writes, output.now)
            await self._advance(connection, job, keys, limit, output)
            return output, members, True
        compiled = journeys.by_key.get(job.journey)
        if compiled is None or compiled.journey.version != job.version:
            # A newer version is in force, whose own job visits all subjects.
            await queues.job_progress(connection, job, output.now)
            return output, members, True
        of_persons = compiled.journey.subject is SubjectKind.PERSON
        if job.total == 0:
            total = await queues.job_total(connection, job, of_persons=of_persons)
            job = replace(job, total=total)
        keys = await queues.job_keys(connection, job, limit, of_persons=of_persons)
        tasks = await self._tasks(connection, keys, compiled)
        # Behind every timer that may have fired while this transaction waited for the rows.
        output.now = self._clock.now()
        await refold_subjects(connection, tasks, output, members, {})
        output.writes.members = [member_row(*item) for item in members.written.items()]
        output.writes.members_removed = sorted(members.removed)
        await write.fold_output(connection, output.writes, output.now)
        await self._advance(connection, job, keys, limit, output)
        return output, members, True

    async def _advance(
        self, connection: Connection, job: Job, keys: list[Key], limit: int, output: FoldOutput
    ) -> None:
        is_done = len(keys) < limit
        job = replace(job, cursor=keys[-1][1] if keys else job.cursor, done=job.done + len(keys))
        await queues.job_progress(connection, job, output.now if is_done else None)
        if is_done:
            log.info("refold_done", journey=job.journey, version=job.version, subjects=job.done)

    async def _tasks(
        self, connection: Connection, keys: list[Key], compiled: CompiledJourney
    ) -> dict[Key, RefoldTask]:
        subjects = await read.subjects(connection, keys)
        links = await identity.names(connection, [key for key in keys if is_person(key[1])])
        tasks: dict[Key, RefoldTask] = {}
        for key in keys:
            subject = subjects.get(key, NEW_SUBJECT)
            if _is_done(subject, compiled):
                continue
            if not is_person(key[1]) and subject.merged_into is not None:
                # Absorbed since the keys were read: its events belong to another account.
                continue
            link = links.get(key)
            if is_person(key[1]) and (link is None or link.person_id != key[1]):
                continue
            mode = fold_mode(key, self._journeys.of(key[0]), link)
            tasks[key] = RefoldTask(subject, mode, RefoldReason.MAP)
        return tasks

    async def _skip(self) -> bool:
        """Skip the one subject that cannot be folded, so that the job goes on with the others."""
        async with self._locks.acquire_all(), transaction(self._pool) as connection:
            job = await queues.next_job(connection)
            if job is None:
                return False
            keys = await self._next_keys(connection, job)
            log.error("refold_skipped", workspace_id=job.workspace_id, journey=job.journey)
            cursor = keys[-1][1] if keys else job.cursor
            done = replace(job, cursor=cursor, done=job.done + len(keys))
            now = self._clock.now()
            await queues.job_progress(connection, done, None if keys else now)
        return True

    async def _next_keys(self, connection: Connection, job: Job) -> list[Key]:
        journeys = self._journeys.of(job.workspace_id)
        if journeys.retired.get(job.journey) == job.version:
            return await queues.retirement_keys(connection, job, 1)
        compiled = journeys.by_key.get(job.journey)
        of_persons = compiled is not None and compiled.journey.subject is SubjectKind.PERSON
        return await queues.job_keys(connection, job, 1, of_persons=of_persons)


def _is_done(subject: Subject, compiled: CompiledJourney) -> bool:
    return is_current(subject, (compiled,), has_history=True)
