"""What a late event of a long history costs, beside the fold of the whole history.

    python -m tests.benchmarks.bench_late [--touchpoints 20000] [--rounds 15]

One account, a year of touchpoints, and late events at different places of it: each is a batch of its own,
by a stager with snapshots and, in turns with it, by one that makes none, on a copy of the account. Then five
late events a second go to one partition worker, and single events of other accounts to another: how
long do those wait?
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median, quantiles
from time import perf_counter

import structlog
import uvloop

from services.stager.batch.batch_writer import BatchWriter
from services.stager.batch.context import StagerContext
from services.stager.fold.snapshots import SNAPSHOT_EVERY
from services.stager.records.records import decode_all
from services.stager.store.session import Pool
from services.stager.subjects.cache import RowCache
from services.standalone.postgres import EmbeddedPostgres
from shared.clock import SystemClock
from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.eventlog.port import Record
from shared.ids import new_message_id
from shared.process.collector import tune_collector
from shared.storage.connect import DatabaseRole, open_pool
from tests.benchmarks.bench_stager import EVENTS, fresh_database, publish
from tests.support.folders import postgres_folder

END = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
NEVER = 10**9
PLACES = {
    "a minute before the end": timedelta(minutes=1),
    "a month before the end": timedelta(days=30),
    "at the very beginning": YEAR + timedelta(minutes=1),
}
LOADED_SECONDS = 15.0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class PartitionWorker:
    """One partition of a stager, batch after batch."""

    def __init__(self, writer: BatchWriter, partition: int) -> None:
        self._writer = writer
        self._partition = partition
        self._positions: dict[int, int] = {}

    async def store(self, events: Sequence[Envelope]) -> tuple[float, int]:
        """Seconds from bytes to commit, and the touchpoints that were folded again."""
        first = self._positions.get(self._partition, 0)
        records = [
            Record(self._partition, first + at, b"key", wire.encode(event))
            for at, event in enumerate(events)
        ]
        started = perf_counter()
        folded = 0
        for done in await self._writer.store(
            decode_all(records, max_bytes=1_000_000), self._positions
        ):
            self._positions.update(done.next_offsets)
            folded += done.tally.refolded_touchpoints
        return perf_counter() - started, folded


def event(account: str, before_end: timedelta, random: Random, **fields: object) -> Envelope:
    when = END - before_end
    return Envelope(
        workspace_id=1,
        message_id=new_message_id(),
        event=random.choice(EVENTS),
        occurred_at=when,
        received_at=when,
        account_id=account,
        user_id=f"{account}-{random.randrange(20)}",
        channel="website",
        properties={"path": f"/pages/{random.randrange(1000)}", "seats": random.randrange(100)},
        context={"ip": "192.0.2.7", "user_agent": "Mozilla/5.0 (X11; Linux x86_64)"},
        **fields,  # type: ignore[arg-type]
    )


async def fill(worker: PartitionWorker, account: str, number: int, random: Random) -> None:
    step = YEAR / number
    events = [event(account, step * (number - 1 - at), random) for at in range(number)]
    for at in range(0, number, 1000):
        await worker.store(events[at : at + 1000])


async def one_at_a_time(workers: dict[str, PartitionWorker], rounds: int, random: Random) -> None:
    for place, before_end in PLACES.items():
        for what, fields in (("", {}), (", with traits", {"traits": {"plan": "pro"}})):
            seconds: dict[str, list[float]] = {name: [] for name in workers}
            folded: dict[str, int] = {}
            for at in range(rounds):
                for name, worker in workers.items():
                    late = event(name, before_end - timedelta(seconds=at), random, **fields)
                    took, folded[name] = await worker.store([late])
                    seconds[name].append(took * 1000)
            with_snapshots, whole = (median(seconds[name]) for name in workers)
            say(
                f"  {place}{what}: {with_snapshots:.1f} ms, {folded['snapshots']} touchpoints;"
                f" whole history {whole:.0f} ms, ratio {with_snapshots / whole:.2f}"
            )


async def beside_others(
    late_worker: PartitionWorker, other_worker: PartitionWorker, account: str, random: Random
) -> None:
    """Waits of other accounts' events, with late events of `account` at each place and without any."""
    for place, before_end in [("none", None), *PLACES.items()]:
        ends_at = perf_counter() + LOADED_SECONDS
        waits: list[float] = []

        async def late(before_end: timedelta | None = before_end, ends_at: float = ends_at) -> None:
            at = 0
            while before_end is not None and perf_counter() < ends_at:
                due = perf_counter() + 0.2
                at += 1
                age = before_end - timedelta(milliseconds=at)
                await late_worker.store([event(account, age, random)])
                await asyncio.sleep(max(0.0, due - perf_counter()))

        async def others(ends_at: float = ends_at, waits: list[float] = waits) -> None:
            while perf_counter() < ends_at:
                other = f"other-{random.randrange(1000)}"
                took, _ = await other_worker.store([event(other, timedelta(0), random)])
                waits.append(took * 1000)
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            group.create_task(late())
            group.create_task(others())
        say(
            f"    late events {place}: others wait {median(waits):.0f} ms,"
            f" p99 {quantiles(waits, n=100)[-1]:.0f} ms, at most {max(waits):.0f} ms"
        )


def writer_of(pool: Pool, every: int, owner: str) -> BatchWriter:
    context = StagerContext(
        pool=pool, clock=SystemClock(), cache=RowCache(50_000), snapshot_every=every
    )
    return BatchWriter(context, owner=owner)


async def measure(server: str, arguments: argparse.Namespace) -> None:
    random = Random(7)  # noqa: S311 - the same each time
    url = await fresh_database(server, "late")
    await publish(url)
    pool = await open_pool(url, role=DatabaseRole.STAGER, application_name="benchmark", max_size=8)
    writers = {
        "snapshots": writer_of(pool, SNAPSHOT_EVERY, "with"),
        "whole": writer_of(pool, NEVER, "without"),
    }
    workers = {
        name: PartitionWorker(writer, at) for at, (name, writer) in enumerate(writers.items())
    }
    for name, worker in workers.items():
        await fill(worker, name, arguments.touchpoints, random)
    await pool.execute("ANALYZE")
    say(f"one late event of an account with {arguments.touchpoints:,} touchpoints:")
    await one_at_a_time(workers, arguments.rounds, random)
    for at, (name, writer) in enumerate(writers.items(), start=len(workers)):
        say(f"five late events a second, {name}:")
        await beside_others(workers[name], PartitionWorker(writer, at), name, random)
    await pool.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--touchpoints", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    tune_collector()
    with (
        postgres_folder() as folder,
        EmbeddedPostgres(folder / "pg") as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(measure(server.url, arguments))


if __name__ == "__main__":
    main()
