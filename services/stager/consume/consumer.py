"""The loop: poll, decode, store, commit.

Partitions are dealt out to a few lanes, each of which stores one batch at a time: Python works on one
lane's batch while Postgres works on another's, and the next records are fetched meanwhile.

A batch waits for the database as long as it takes (transient is never poison) and keeps its place.
What was fetched ahead is dropped when its partition was assigned anew or lost meanwhile: its offsets
may no longer follow what is stored.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import structlog

from services.stager.batch.batch_writer import Writer
from services.stager.consume.poison_cap import PoisonCap
from services.stager.records.decode import Poison
from services.stager.records.records import Stored, Taken, take
from services.stager.settings import StagerSettings
from services.stager.store import queues
from services.stager.store.session import transaction
from shared.clock import Clock
from shared.contracts.topics import TOUCHPOINTS
from shared.errors import FatalError, Fenced, TransientError
from shared.eventlog.port import LogReader
from shared.process.waiting import Backoff, pause, until_up
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_COMMIT_SECONDS = 1.0
"""Pause between two notes to the log of how far we are, which only lag tools read."""
_AGES_A_BATCH = 50
"""Event ages observed a batch, spread evenly: each costs as much as a tenth of an event."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    taken: list[Taken]
    generation: int
    epochs: dict[int, int]
    """How often each partition had been assigned when its records were fetched."""


Lane = asyncio.Queue[_Fetched]


class Consumer:
    """One member of the group. `run` once."""

    def __init__(
        self,
        *,
        reader: LogReader,
        writer: Writer,
        clock: Clock,
        settings: StagerSettings,
        metrics: Metrics,
    ) -> None:
        self.positions: dict[int, int] = {}
        """Next offset of each partition that we hold, as stored."""
        self.is_storing_well = True
        """False while the database keeps a batch waiting."""
        self._reader = reader
        self._writer = writer
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
        """Whether the loop still turns: it polled, or tried a batch again, a short while ago."""
        return monotonic() - self._polled_at < self._settings.stager_alive_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`, then finish the batches in hand. Raises FatalError."""
        lanes: list[Lane] = [asyncio.Queue(maxsize=1) for _ in range(self._settings.stager_lanes)]
        await self._join(stop)
        try:
            async with asyncio.TaskGroup() as group:
                fetching = group.create_task(self._fetch(lanes, stop), name="fetch")
                async with asyncio.TaskGroup() as draining:
                    for number, lane in enumerate(lanes):
                        draining.create_task(self._drain(lane, stop), name=f"lane-{number}")
                fetching.cancel()
            await self._reader.commit(dict(self.positions))
        finally:
            await self._reader.stop()

    async def load_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Where to begin in newly assigned partitions; called by the reader."""
        async with transaction(self._writer.pool) as connection:
            stored = await queues.offsets(connection, TOUCHPOINTS, partitions)
        for partition in partitions:
            self._epochs[partition] = self._epochs.get(partition, 0) + 1
            if partition in stored:
                self.positions[partition] = stored[partition]
            else:
                self.positions.pop(partition, None)
        # Whoever held them before may have written what we remember otherwise.
        self._writer.memory.clear()
        log.info("partitions_assigned", partitions=sorted(partitions))
        return stored

    async def _join(self, stop: asyncio.Event) -> None:
        async def start() -> None:
            self._beat()
            await self._reader.start(self.load_offsets)

        await until_up(start, stop, failure="log_unavailable")

    async def _fetch(self, lanes: Sequence[Lane], stop: asyncio.Event) -> None:
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
                    # Here and not where it was noticed: no poll may be under way.
                    self._is_fenced = False
                    await self._reader.rejoin()
                generation = self._generation
                records = await self._reader.poll(
                    size * len(lanes), self._settings.stager_poll_seconds
                )
            except TransientError as exc:
                self._metrics.stager_retries.labels("poll").inc()
                log.warning("poll_failed", error=str(exc))
                await pause(stop, backoff.next())
                continue
            backoff.reset()
            if records:
                epochs = {r.partition: self._epochs.get(r.partition, 0) for r in records}
                taken = take(records, max_bytes=self._settings.stager_max_record_bytes)
                for number, lane in enumerate(lanes):
                    mine = [t for t in taken if t.record.partition % len(lanes) == number]
                    for start in range(0, len(mine), size):
                        await lane.put(_Fetched(mine[start : start + size], generation, epochs))

    def _beat(self) -> None:
        self._polled_at = monotonic()
        self._metrics.stager_last_poll_timestamp.set(self._clock.now().timestamp())

    async def _drain(self, lane: Lane, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(stop.wait(), name="stop-watch")
            while not stop.is_set():
                getting = group.create_task(lane.get(), name="next-batch")
                await asyncio.wait({getting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    break
                await self._store(getting.result(), stop)
            stopping.cancel()

    def _still_ours(self, fetched: _Fetched) -> list[Taken]:
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
            for each in fetched.taken
            if each.record.partition in current
            and each.record.offset >= self.positions.get(each.record.partition, 0)
        ]

    async def _store(self, fetched: _Fetched, stop: asyncio.Event) -> None:
        taken = self._still_ours(fetched)
        if not taken:
            return
        # Tried out beforehand, so that the records that pass the cap are not set aside as well.
        if self._cap.copy().trips(_is_poison(each) for each in taken):
            raise self._all_poison()
        backoff = Backoff()
        started = monotonic()
        while True:
            self._beat()
            try:
                done = await self._writer.store(taken, self.positions)
            except Fenced as exc:
                log.warning("batch_fenced", records=len(taken), reason=str(exc))
                self._metrics.stager_retries.labels("fenced").inc()
                self._generation += 1
                self._is_fenced = True
                self._writer.memory.clear()
                return
            except TransientError as exc:
                self.is_storing_well = False
                self._metrics.stager_retries.labels("database").inc()
                log.warning("batch_waits", records=len(taken), error=str(exc))
                await pause(stop, backoff.next())
                if stop.is_set():
                    return
                # What the failed try left in doubt is settled by the offsets' expected values.
                continue
            break
        self.is_storing_well = True
        for each in done:
            self.positions.update(each.next_offsets)
            self._observe(each, monotonic() - started)
        if self._cap.trips(_verdicts(taken, done)):
            raise self._all_poison()

    def _all_poison(self) -> FatalError:
        return FatalError(
            f"most of the last {self._settings.stager_poison_window} records are poison:"
            " a sender or a release is broken; nothing more is taken from the log"
        )

    def _observe(self, stored: Stored, seconds: float) -> None:
        metrics = self._metrics
        metrics.stager_events.labels("applied").inc(stored.applied)
        metrics.stager_events.labels("duplicate").inc(stored.duplicate)
        metrics.stager_events.labels("dead").inc(stored.dead)
        metrics.stager_events.labels("erased").inc(stored.erased)
        metrics.stager_batch_records.observe(stored.records)
        metrics.stager_batch_seconds.observe(seconds)
        now = self._clock.now()
        step = max(1, len(stored.received_at) // _AGES_A_BATCH)
        ages = [
            max(0.0, (now - received_at).total_seconds())
            for received_at in stored.received_at[::step]
        ]
        for age in ages:
            metrics.stager_event_age_seconds.observe(age)
        stored.tally.report(metrics)
        log.info(
            "batch_stored",
            records=stored.records,
            applied=stored.applied,
            duplicate=stored.duplicate,
            dead=stored.dead,
            erased=stored.erased,
            refolds=sum(stored.tally.refolds.values()),
            seconds=round(seconds, 4),
            oldest_seconds=round(max(ages, default=0.0), 3),
        )


def _verdicts(taken: Sequence[Taken], done: Sequence[Stored]) -> list[bool]:
    """For each record in its order whether it was poison, be it found by us or by Postgres."""
    condemned = {
        (partition, following - 1)
        for each in done
        if each.is_condemned
        for partition, following in each.next_offsets.items()
    }
    return [
        _is_poison(each) or (each.record.partition, each.record.offset) in condemned
        for each in taken
    ]


def _is_poison(taken: Taken) -> bool:
    return isinstance(taken.content, Poison) and taken.content.is_fault
