"""Applies a newly published map to the history that is already there, a few subjects at a time.

Each step is a transaction that stores its cursor with its work, so a job survives any restart; the
job's row is locked meanwhile, so that one stager works on it at a time. Subjects that events touch in
between are folded anew by their batch and cost the job only a look.
"""

import asyncio
from dataclasses import replace

import structlog

from services.stager.batch.batch_writer import Writer
from services.stager.batch.pipeline import refresh_maps
from services.stager.errors import Conflict, RecordFault
from services.stager.fold import fold_subject
from services.stager.fold.fold_subject import Output
from services.stager.fold.output_rows import Refold
from services.stager.fold.refold import Members, Task, fold_anew, role_of
from services.stager.identity.names import Key
from services.stager.store import queues, read, write
from services.stager.store.rows import Job
from services.stager.store.session import Connection, transaction
from services.stager.subjects import traits
from services.stager.subjects.subject import NEW_SUBJECT, Subject
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
    """Works off table `refold_job`, oldest first."""

    def __init__(self, *, writer: Writer, metrics: Metrics) -> None:
        self._writer = writer
        self._metrics = metrics

    async def run(self, stop: asyncio.Event) -> None:
        """Look for jobs every half second; while there is work, go on."""
        while not stop.is_set():
            try:
                is_more = await self.step()
            except TransientError as exc:
                log.warning("refold_waits", error=str(exc))
                is_more = False
            # A full stop between chunks would be a minute a million; a turn for batches is enough.
            await pause(stop, 0.001 if is_more else _PAUSE_SECONDS)

    async def step(self, limit: int = _CHUNK) -> bool:
        """One transaction's worth of the oldest job; whether there was any. Raises TransientError."""
        try:
            async with self._writer.claims.hold(None):
                async with transaction(self._writer.pool) as connection:
                    out, members, was_work = await self._step(connection, limit)
                self._writer.memory.members.drop(members.gone)
                self._writer.memory.members.drop(members.written)
                self._writer.memory.subjects.drop(out.subjects)
        except Conflict:
            return True
        except RecordFault:
            if limit > 1:
                return await self.step(1)
            return await self._skip()
        out.tally.report(self._metrics)
        return was_work

    async def _step(self, connection: Connection, limit: int) -> tuple[Output, Members, bool]:
        out, members = Output(self._writer.clock.now()), Members()
        job = await queues.next_job(connection)
        if job is None:
            return out, members, False
        if job.total == 0 and job.cursor == "":
            # Once, before anything is folded: after it every batch knows the map.
            await queues.pass_batches(connection)
        await refresh_maps(connection, self._writer.maps)
        compiled = self._writer.maps.of(job.workspace_id).by_key.get(job.journey)
        if compiled is None or compiled.journey.version != job.version:
            # Overtaken by a newer version, whose own job sweeps everything.
            await queues.job_progress(connection, job, out.now)
            return out, members, True
        of_persons = compiled.journey.subject is SubjectKind.PERSON
        if job.total == 0:
            total = await queues.job_total(connection, job, of_persons=of_persons)
            job = replace(job, total=total)
        keys = await queues.job_keys(connection, job, limit, of_persons=of_persons)
        tasks = await self._tasks(connection, keys, compiled)
        await fold_anew(connection, tasks, out, members, {})
        out.writes.members = [traits.row(*item) for item in members.written.items()]
        out.writes.members_gone = sorted(members.gone)
        await write.everything_else(connection, out.writes, out.now)
        is_done = len(keys) < limit
        job = replace(job, cursor=keys[-1][1] if keys else job.cursor, done=job.done + len(keys))
        await queues.job_progress(connection, job, out.now if is_done else None)
        if is_done:
            log.info("refold_done", journey=job.journey, version=job.version, subjects=job.done)
        return out, members, True

    async def _tasks(
        self, connection: Connection, keys: list[Key], compiled: CompiledJourney
    ) -> dict[Key, Task]:
        subjects = await read.subjects(connection, keys)
        links = await read.links(connection, [key for key in keys if is_person(key[1])])
        tasks: dict[Key, Task] = {}
        for key in keys:
            subject = subjects.get(key, NEW_SUBJECT)
            if _is_done(subject, compiled):
                continue
            if not is_person(key[1]) and subject.merged_into is not None:
                # Taken over since the keys were read: what it had belongs to another one.
                continue
            link = links.get(key)
            if is_person(key[1]) and (link is None or link.person_id != key[1]):
                continue
            role = role_of(key, self._writer.maps.of(key[0]), link)
            tasks[key] = Task(subject, role, Refold.MAP)
        return tasks

    async def _skip(self) -> bool:
        """Leave out the one subject that cannot be folded, so that the others get their turn."""
        async with self._writer.claims.hold(None), transaction(self._writer.pool) as connection:
            job = await queues.next_job(connection)
            if job is None:
                return False
            keys = await self._next_keys(connection, job)
            log.error("refold_skipped", workspace_id=job.workspace_id, journey=job.journey)
            cursor = keys[-1][1] if keys else job.cursor
            done = replace(job, cursor=cursor, done=job.done + len(keys))
            now = self._writer.clock.now()
            await queues.job_progress(connection, done, None if keys else now)
        return True

    async def _next_keys(self, connection: Connection, job: Job) -> list[Key]:
        compiled = self._writer.maps.of(job.workspace_id).by_key.get(job.journey)
        of_persons = compiled is not None and compiled.journey.subject is SubjectKind.PERSON
        return await queues.job_keys(connection, job, 1, of_persons=of_persons)


def _is_done(subject: Subject, compiled: CompiledJourney) -> bool:
    return fold_subject.is_current(subject, (compiled,), has_history=True)
