"""The loop: poll, decode, store, commit.

Partitions are dealt out to a few partition workers, each of which stores one batch at a time: Python works
on the batch of one worker while Postgres works on that of another, and the next records are fetched
meanwhile.

A batch waits for the database as long as it takes (a transient fault is never poison) and keeps its
place. Records that were fetched ahead are dropped when their partition was lost or assigned again
meanwhile: their offsets may no longer follow the stored one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import structlog

from services.stager.batch.batch_writer import BatchWriter
from services.stager.consume.poison_cap import PoisonCap, Verdict
from services.stager.records.decode import Poison
from services.stager.records.records import BatchResult, DecodedRecord, decode_all
from services.stager.settings import StagerSettings
from services.stager.store.queues import offsets
from services.stager.store.session import Pool, transaction
from services.stager.subjects.cache import RowCache
from shared.clock import Clock
from shared.contracts.topics import TOUCHPOINTS
from shared.errors import FatalError, Fenced, TransientError
from shared.eventlog.port import LogReader
from shared.process.waiting import Backoff, pause, until_up
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_COMMIT_SECONDS = 1.0
"""Pause between two commits of offsets to the log, which only lag tools read."""
_AGES_A_BATCH = 50
"""Event ages observed a batch, at even distances: each costs as much as a tenth of an event."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    records: list[DecodedRecord]
    generation: int
    epochs: dict[int, int]
    """Number of times that each partition had been assigned when its records were fetched."""


WorkQueue = asyncio.Queue[_Fetched]


class Consumer:
    """One member of the group. `run` once."""

    def __init__(
        self,
        *,
        reader: LogReader,
        writer: BatchWriter,
        pool: Pool,
        cache: RowCache,
        clock: Clock,
        settings: StagerSettings,
        metrics: Metrics,
    ) -> None:
        self.positions: dict[int, int] = {}
        """Stored next offset of each assigned partition."""
        self.is_storing_well = True
        """False while the database keeps a batch waiting."""
        self._reader = reader
        self._writer = writer
        self._pool = pool
        self._cache = cache
        self._clock = clock
        self._settings = settings
        self._metrics = metrics
        self._polled_at = monotonic()
        self._epochs: dict[int, int] = {}
        self._generation = 0
        self._is_fenced = False
        self._cap = PoisonCap(
            window=settings.stager_poison_window, ratio=settings.stager_poison_ratio
        )

    def is_alive(self) -> bool:
        """Whether the loop runs: it polled, or tried a batch again, within the configured time."""
        return monotonic() - self._polled_at < self._settings.stager_alive_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`, then finish the batches in hand. Raises FatalError."""
        workers = self._settings.stager_partition_workers
        queues: list[WorkQueue] = [asyncio.Queue(maxsize=1) for _ in range(workers)]
        await self._join(stop)
        try:
            async with asyncio.TaskGroup() as group:
                fetching = group.create_task(self._fetch(queues, stop), name="fetch")
                async with asyncio.TaskGroup() as working:
                    for number, queue in enumerate(queues):
                        working.create_task(self._work(queue, stop), name=f"worker-{number}")
                fetching.cancel()
            await self._reader.commit(dict(self.positions))
        finally:
            await self._reader.stop()

    async def load_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Where to begin in newly assigned partitions; called by the reader."""
        async with transaction(self._pool) as connection:
            stored = await offsets(connection, TOUCHPOINTS, partitions)
        for partition in partitions:
            self._epochs[partition] = self._epochs.get(partition, 0) + 1
            if partition in stored:
                self.positions[partition] = stored[partition]
            else:
                self.positions.pop(partition, None)
        # The previous owner may have written rows that are cached here.
        self._cache.clear()
        log.info("partitions_assigned", partitions=sorted(partitions))
        return stored

    async def _join(self, stop: asyncio.Event) -> None:
        async def start() -> None:
            self._beat()
            await self._reader.start(self.load_offsets)

        await until_up(start, stop, failure="log_unavailable")

    async def _fetch(self, queues: Sequence[WorkQueue], stop: asyncio.Event) -> None:
        backoff = Backoff()
        size = self._settings.stager_batch_records
        committed_at = monotonic()
        while not stop.is_set():
            self._beat()
            try:
                if monotonic() - committed_at > _COMMIT_SECONDS:
                    committed_at = monotonic()
                    await self._reader.commit(dict(self.positions))
                if self._is_fenced:
                    # Here and not in the worker that was fenced: no poll may be under way.
                    self._is_fenced = False
                    await self._reader.rejoin()
                generation = self._generation
                records = await self._reader.poll(
                    size * len(queues), self._settings.stager_poll_seconds
                )
            except TransientError as exc:
                self._metrics.stager_retries.labels("poll").inc()
                log.warning("poll_failed", error=str(exc))
                await pause(stop, backoff.next())
                continue
            backoff.reset()
            if records:
                epochs = {r.partition: self._epochs.get(r.partition, 0) for r in records}
                decoded = decode_all(records, max_bytes=self._settings.stager_max_record_bytes)
                for number, queue in enumerate(queues):
                    part = [d for d in decoded if d.record.partition % len(queues) == number]
                    for start in range(0, len(part), size):
                        await queue.put(_Fetched(part[start : start + size], generation, epochs))

    def _beat(self) -> None:
        self._polled_at = monotonic()
        self._metrics.stager_last_poll_timestamp.set(self._clock.now().timestamp())

    async def _work(self, queue: WorkQueue, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(stop.wait(), name="stop-watch")
            while not stop.is_set():
                getting = group.create_task(queue.get(), name="next-batch")
                await asyncio.wait({getting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    break
                await self._store(getting.result(), stop)
            stopping.cancel()

    def _still_assigned(self, fetched: _Fetched) -> list[DecodedRecord]:
        if fetched.generation != self._generation:
            return []
        assigned = self._reader.assigned()
        current = {
            partition
            for partition, epoch in fetched.epochs.items()
            if partition in assigned and self._epochs.get(partition, 0) == epoch
        }
        return [
            each
            for each in fetched.records
            if each.record.partition in current
            and each.record.offset >= self.positions.get(each.record.partition, 0)
        ]

    async def _store(self, fetched: _Fetched, stop: asyncio.Event) -> None:
        records = self._still_assigned(fetched)
        if not records:
            return
        # Tested before storing, so that the records that exceed the cap do not become dead letters.
        if self._cap.copy().trips(Verdict(_is_poison(each), each.source) for each in records):
            raise self._all_poison()
        backoff = Backoff()
        started = monotonic()
        while True:
            self._beat()
            try:
                results = await self._writer.store(records, self.positions)
            except Fenced as exc:
                log.warning("batch_fenced", records=len(records), reason=str(exc))
                self._metrics.stager_retries.labels("fenced").inc()
                self._generation += 1
                self._is_fenced = True
                self._cache.clear()
                return
            except TransientError as exc:
                self.is_storing_well = False
                self._metrics.stager_retries.labels("database").inc()
                log.warning("batch_waits", records=len(records), error=str(exc))
                await pause(stop, backoff.next())
                if stop.is_set():
                    return
                # Whether the failed try was committed is decided by the expected offsets.
                continue
            break
        self.is_storing_well = True
        for each in results:
            self.positions.update(each.next_offsets)
            self._observe(each, monotonic() - started)
        if self._cap.trips(_verdicts(records, results)):
            raise self._all_poison()

    def _all_poison(self) -> FatalError:
        return FatalError(
            f"most of the last {self._settings.stager_poison_window} records are poison, of several"
            " sources or of none: a release is broken; no further record is read from the log"
        )

    def _observe(self, result: BatchResult, seconds: float) -> None:
        metrics = self._metrics
        metrics.stager_events.labels("applied").inc(result.applied)
        metrics.stager_events.labels("duplicate").inc(result.duplicate)
        metrics.stager_other_content.inc(result.with_other_content)
        metrics.stager_events.labels("dead").inc(result.dead)
        metrics.stager_events.labels("erased").inc(result.erased)
        metrics.stager_events.labels("retracted").inc(result.retracted)
        metrics.stager_batch_records.observe(result.records)
        metrics.stager_batch_seconds.observe(seconds)
        now = self._clock.now()
        step = max(1, len(result.received_at) // _AGES_A_BATCH)
        ages = [
            max(0.0, (now - received_at).total_seconds())
            for received_at in result.received_at[::step]
        ]
        for age in ages:
            metrics.stager_event_age_seconds.observe(age)
        result.tally.report(metrics)
        log.info(
            "batch_stored",
            records=result.records,
            applied=result.applied,
            duplicate=result.duplicate,
            with_other_content=result.with_other_content,
            dead=result.dead,
            erased=result.erased,
            retracted=result.retracted,
            refolds=sum(result.tally.refolds.values()),
            seconds=round(seconds, 4),
            oldest_seconds=round(max(ages, default=0.0), 3),
        )


def _verdicts(records: Sequence[DecodedRecord], results: Sequence[BatchResult]) -> list[Verdict]:
    """For each record in its order whether it is poison, by its bytes or because it is unapplicable."""
    unapplicable = {
        (partition, next_offset - 1)
        for each in results
        if each.is_unapplicable
        for partition, next_offset in each.next_offsets.items()
    }
    return [
        Verdict(
            _is_poison(each) or (each.record.partition, each.record.offset) in unapplicable,
            each.source,
        )
        for each in records
    ]


def _is_poison(decoded: DecodedRecord) -> bool:
    return isinstance(decoded.content, Poison) and decoded.content.is_fault
