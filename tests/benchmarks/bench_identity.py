"""What it costs to know who is who: the share of a batch, one decision among a million people, the job.

    python -m tests.benchmarks.bench_identity [--events 20000] [--persons 20000] [--names 3000] [--tries 20]
                                             [--only share|decisions|job]

Three parts, each on a fresh embedded PostgreSQL database with durable commits:

- **share**: identity's part of the stager's Python time an event, where people are seen first and where they
  are known, for events of one name and for events of a device, a user and an address at once;
- **decisions**: beside `--persons` persons of three names each, made inside Postgres: memory of the cache
  of names when it is full, and the time of a batch of one event that identifies a known person, brings a
  new device, or joins two persons of 20 events each in the middle of their histories;
- **job**: names a second that the identity job resolves again, of `--names` names of the old rules.

A batch of one event is limited by the commits that it waits for, which `commit` gives: the offset alone.
"""

import argparse
import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import structlog
import uvloop
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from services.stager.batch import pipeline
from services.stager.batch.batch_writer import BatchWriter
from services.stager.batch.context import BatchContext, StagerContext
from services.stager.batch.steps.resolve_names import resolve_names
from services.stager.identity.names import event_names
from services.stager.jobs.identity_job import IdentityJob
from services.stager.records.records import decode_all
from services.stager.settings import StagerSettings
from services.stager.store import identity as tables
from services.stager.store.session import Connection, Pool
from services.stager.subjects.cache import RowCache
from services.standalone.postgres import EmbeddedPostgres
from shared.clock import SystemClock
from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.contracts.identity_limits import DEFAULT_LIMITS
from shared.eventlog.port import Record
from shared.ids import new_message_id
from shared.process.collector import tune_collector
from shared.storage.connect import DatabaseRole, connect, open_pool
from shared.telemetry.metrics import Metrics
from tests.benchmarks.bench_stager import BATCH, EVENTS, fresh_database, publish, say
from tests.support.folders import postgres_folder

START = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS_OF_A_PERSON = 20
FIRST_SIGHTS = 10_000
"""People of the part `share`; each is seen once before the steady events."""

# -- a stager on one database --------------------------------------------------------------------


class Bench:
    """A stager without its log, which stores what it is given one batch after another."""

    def __init__(self, pool: Pool) -> None:
        settings = StagerSettings.model_construct()
        self.context = StagerContext(
            pool=pool, clock=SystemClock(), cache=RowCache(settings.stager_cache_subjects)
        )
        self._writer = BatchWriter(self.context, owner="bench")
        self._positions: dict[int, int] = {}

    async def store(self, events: Sequence[Envelope]) -> None:
        """Store events in batches, from bytes to the commit."""
        for at in range(0, len(events), BATCH):
            start = self._positions.get(0, 0)
            records = [
                Record(0, start + place, b"key", wire.encode(event))
                for place, event in enumerate(events[at : at + BATCH])
            ]
            for done in await self._writer.store(
                decode_all(records, max_bytes=1_000_000), self._positions
            ):
                self._positions.update(done.next_offsets)


async def opened(server: str, name: str) -> tuple[str, Pool]:
    url = await fresh_database(server, name)
    await publish(url)
    pool = await open_pool(url, role=DatabaseRole.STAGER, application_name="benchmark", max_size=8)
    return url, pool


def an_event(at: float, **names: str) -> Envelope:
    """An event, `at` seconds after the start."""
    when = START + timedelta(seconds=at)
    event = Envelope(
        workspace_id=1,
        message_id=new_message_id(),
        event=EVENTS[int(at) % len(EVENTS)],
        occurred_at=when,
        received_at=when,
        channel="website",
        properties={"path": "/pages/1", "plan": "pro", "seats": 40},
        context={"library": {"name": "analytics.js", "version": "4.1.0"}, "ip": "192.0.2.7"},
    )
    return replace(event, **names)


# -- share ---------------------------------------------------------------------------------------


def of_one_name(person: int) -> dict[str, str]:
    return {"user_id": f"user-{person}", "account_id": f"account-{person // 2}"}


def of_three_names(person: int) -> dict[str, str]:
    return {
        "user_id": f"user-{person}",
        "email": f"user-{person}@site.example",
        "anonymous_id": f"device-{person}",
    }


class StepClock:
    """Processor time of one step of the pipeline; of one batch at a time, or others' would count."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def resolve_names(self, connection: Connection, batch: BatchContext) -> None:
        """The step itself."""
        started = process_time()
        try:
            await resolve_names(connection, batch)
        finally:
            self.seconds += process_time() - started


async def share(server: str, number: int) -> None:
    say(f"share: {FIRST_SIGHTS} people, then {number} events of them")
    for what, names in (("one name", of_one_name), ("three names", of_three_names)):
        random = Random(7)  # noqa: S311 - the same each time
        first = [an_event(at, **names(at)) for at in range(FIRST_SIGHTS)]
        steady = [
            an_event(FIRST_SIGHTS + at, **names(random.randrange(FIRST_SIGHTS)))
            for at in range(number)
        ]
        _, pool = await opened(server, f"share_{what[:3]}")
        bench = Bench(pool)
        for when, events in (("first sight", first), ("steady", steady)):
            step = StepClock()
            with patch.object(pipeline, "resolve_names", step.resolve_names):
                started = process_time()
                await bench.store(events)
                whole = process_time() - started
            started = process_time()
            for event in events:
                event_names(event)
            reading = process_time() - started
            each = 1e6 / len(events)
            say(
                f"  {what}, {when}: {whole * each:.1f} us of Python an event,"
                f" {step.seconds * each:.1f} of them to resolve names and {reading * each:.1f} to read"
                f" them, {(step.seconds + reading) / whole:.0%}"
            )
        await pool.close()


# -- decisions among many people -----------------------------------------------------------------

_PEOPLE = """
    INSERT INTO identifier (workspace_id, identifier, person_id, subject_id, version, users)
    SELECT 1, k.prefix || 'many-' || n || k.suffix, 'user:many-' || n, 'user:many-' || n, 1,
           CASE WHEN k.prefix = 'anonymous:' THEN json_build_array(json_build_array(
               '2026-01-01T00:00:00Z', 'message-' || n, 'user:many-' || n, false)) END
    FROM generate_series(1, $1::int) AS n
    CROSS JOIN (VALUES ('user:', ''), ('email:', '@site.example'), ('anonymous:', ''))
        AS k (prefix, suffix)
"""
_STATEMENTS = """
    INSERT INTO identity_statement (workspace_id, name, other, kind, slot, occurred_at, message_id)
    SELECT 1, 'user:many-' || n, k.other || n || k.suffix, k.kind, '', '2026-01-01', 'message-' || n
    FROM generate_series(1, $1::int) AS n
    CROSS JOIN (VALUES ('email:many-', '@site.example', 'together'), ('anonymous:many-', '', 'device'))
        AS k (other, suffix, kind)
"""


async def make_people(url: str, number: int) -> None:
    """Names and statements of people that are there already, made inside Postgres."""
    connection = await connect(url, role=DatabaseRole.OWNER, application_name="benchmark")
    await connection.execute("SET statement_timeout = 0")
    await connection.execute(_PEOPLE, number, timeout=3600)
    await connection.execute(_STATEMENTS, number, timeout=3600)
    await connection.execute("CHECKPOINT")
    await connection.execute("ANALYZE identifier, identity_statement")
    sizes = await connection.fetchrow(
        "SELECT pg_total_relation_size('identifier') AS names,"
        " pg_total_relation_size('identity_statement') AS statements"
    )
    await connection.close()
    if sizes is not None and number:
        say(
            f"  on disk: {sizes['names'] / number / 3:.0f} bytes a name,"
            f" {sizes['statements'] / number / 2:.0f} a statement, indexes included"
        )


async def fill_cache(bench: Bench, number: int) -> None:
    """Fill the caches of names and statements as batches do, from the rows."""
    cache, pool = bench.context.cache, bench.context.pool
    most = StagerSettings.model_construct().stager_cache_subjects * 4
    kinds = (("user:many-{}"), ("email:many-{}@site.example"), ("anonymous:many-{}"))
    wanted = [(1, kind.format(n)) for n in range(1, number + 1) for kind in kinds][:most]
    gc.collect()
    tracemalloc.start()
    async with pool.acquire() as connection:
        for at in range(0, len(wanted), BATCH):
            rows = await tables.names(connection, wanted[at : at + BATCH])
            for name, row in rows.items():
                cache.names.put(name, (row, cache.tick()))
    gc.collect()
    of_names = tracemalloc.get_traced_memory()[0]
    held = len(cache.names)
    say(f"  cache: {held} names of at most {most}, {of_names / held:.0f} bytes each")
    async with pool.acquire() as connection:
        for at in range(0, len(wanted), BATCH):
            for each in await tables.statements(
                connection, wanted[at : at + BATCH], DEFAULT_LIMITS.names
            ):
                cache.pairs.put(each.pair, each.order)
    gc.collect()
    held, both = len(cache.pairs), tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    say(f"  cache: {held} statements of at most {most}, {(both - of_names) / held:.0f} bytes each")


async def decisions(server: str, persons: int, tries: int) -> None:
    say(f"decisions: beside {persons} persons of three names each, {tries} tries")
    url, pool = await opened(server, "decisions")
    await make_people(url, persons)
    bench = Bench(pool)
    await bench.store([each for n in range(tries) for each in _two_persons(n)])
    await _time("commit", tries, lambda n: _commit(pool, n))
    middle = EVENTS_OF_A_PERSON / 2 + 0.5
    for what, event in (("identify, known", _identify), ("new device", _new_device)):

        async def cached(n: int, event: Callable[[int], Envelope] = event) -> None:
            await bench.store([event(n)])

        async def uncached(n: int, event: Callable[[int], Envelope] = event) -> None:
            bench.context.cache.clear()
            await bench.store([event(n)])

        await _time(f"{what}, in the cache", tries, cached)
        await _time(f"{what}, read from the tables", tries, uncached)
    await _time(
        "late identify that joins two persons",
        tries,
        lambda n: bench.store(
            [an_event(middle, user_id=f"left-{n}", email=f"right-{n}@s.example")]
        ),
    )
    await fill_cache(bench, persons)
    await pool.close()


def _identify(n: int) -> Envelope:
    return an_event(100 + n, user_id=f"left-{n}", email=f"left-{n}@s.example")


def _new_device(n: int) -> Envelope:
    return an_event(200 + n, user_id=f"left-{n}", anonymous_id=new_message_id())


def _two_persons(n: int) -> list[Envelope]:
    """A user with an address, and the person of another address, each with some events."""
    events = [an_event(0, user_id=f"left-{n}", email=f"left-{n}@s.example")]
    events += [an_event(at, user_id=f"left-{n}") for at in range(1, EVENTS_OF_A_PERSON)]
    return events + [an_event(at, email=f"right-{n}@s.example") for at in range(EVENTS_OF_A_PERSON)]


async def _commit(pool: Pool, n: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO consumer_offset (topic, partition, first_offset, next_offset, updated_at)"
            " VALUES ('bench', 0, 0, $1, now()) ON CONFLICT (topic, partition)"
            " DO UPDATE SET next_offset = excluded.next_offset",
            n,
        )


async def _time(what: str, tries: int, run: Callable[[int], Awaitable[None]]) -> None:
    walls, workeds = [], []
    for n in range(tries):
        started, worked = perf_counter(), process_time()
        await run(n)
        walls.append((perf_counter() - started) * 1e3)
        workeds.append((process_time() - worked) * 1e3)
    say(
        f"  {what}: {median(walls):.1f} ms, at most {max(walls):.1f};"
        f" {median(workeds):.2f} ms of Python"
    )


# -- the job -------------------------------------------------------------------------------------


_ANALYZED_AFTER = 10
"""Steps of the job until the planner gets to know how many statements there are."""


async def job(server: str, names: int, chunk: int) -> None:
    url, pool = await opened(server, "job")
    bench = Bench(pool)
    persons = names // 3
    await bench.store(
        [
            an_event(at * 1000 + n, **(of_three_names(n) if at == 0 else {"user_id": f"user-{n}"}))
            for at in range(5)
            for n in range(persons)
        ]
    )
    owner = await connect(url, role=DatabaseRole.OWNER, application_name="benchmark")
    await owner.execute("DELETE FROM identity_statement")
    await owner.execute("UPDATE identifier SET version = 0, users = NULL, accounts = NULL")
    await owner.execute("VACUUM ANALYZE")
    total: int = await owner.fetchval(
        "UPDATE identity_job SET finished_at = NULL, done = 0,"
        " total = (SELECT count(*) FROM identifier) RETURNING total"
    )
    bench.context.cache.clear()
    identity_job = IdentityJob(bench.context, Metrics(CollectorRegistry()))
    started, worked, steps = perf_counter(), process_time(), 1
    while await identity_job.step(chunk or identity_job.chunk):
        steps += 1
        if steps == _ANALYZED_AFTER:
            # As autovacuum does within a minute of a table that grows.
            await owner.execute("ANALYZE identity_statement")
    await owner.close()
    seconds, worked = perf_counter() - started, process_time() - worked
    say(
        f"job: {total} names of {persons} persons with five events each in {steps} transactions:"
        f" {total / seconds:,.0f} names/s, {worked / total * 1e6:.0f} us of Python a name"
    )
    await pool.close()


async def measure(server: str, arguments: argparse.Namespace) -> None:
    parts: dict[str, Callable[[], Awaitable[Any]]] = {
        "share": lambda: share(server, arguments.events),
        "decisions": lambda: decisions(server, arguments.persons, arguments.tries),
        "job": lambda: job(server, arguments.names, arguments.chunk),
    }
    for name in [arguments.only] if arguments.only else parts:
        await parts[name]()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--persons", type=int, default=20_000)
    parser.add_argument("--names", type=int, default=3_000)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--chunk", type=int, default=0, help="names a step; 0: as the job chooses")
    parser.add_argument("--only", choices=("share", "decisions", "job"))
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    tune_collector()
    with (
        suppress(KeyboardInterrupt),
        postgres_folder() as folder,
        EmbeddedPostgres(folder / "pg") as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(measure(server.url, arguments))


if __name__ == "__main__":
    main()
