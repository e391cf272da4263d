"""How many events a second one stager stores, beside the same rows written by bare asyncpg.

    python -m tests.benchmarks.bench_stager [--events 100000] [--preload 0] [--profile]

Both sides run in this process, one after the other, against one fresh embedded PostgreSQL with
durable commits. Ours is the real path from record bytes to commit: decode, dedup, identity, fold,
history, states, placements, notices, offsets. The bare side is what no stager can go below: the same
touchpoint rows with dedup, one state row per subject and batch, the offset, nothing decided.
"""

import argparse
import asyncio
import cProfile
import pstats
import resource
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import perf_counter, process_time

import structlog
import uvloop
from alembic import command
from alembic.config import Config

from services.stager.batch.batch_writer import BatchWriter
from services.stager.batch.context import StagerContext
from services.stager.records.records import decode_all
from services.stager.settings import StagerSettings
from services.stager.store import write
from services.stager.store.session import Pool
from services.stager.subjects.cache import RowCache
from services.standalone.postgres import EmbeddedPostgres
from shared.clock import SystemClock
from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.eventlog.port import Record
from shared.ids import DEFAULT_WORKSPACE, new_message_id
from shared.maps import parse, templates
from shared.process.collector import tune_collector
from shared.storage import journeys
from shared.storage.connect import DatabaseRole, connect, create_engine, open_pool
from tests.support.folders import postgres_folder

ROOT = Path(__file__).parent.parent.parent
BATCH = 2000
ACCOUNTS = 25_000
USERS = 2
FIRST_SIGHTS = ACCOUNTS * USERS
"""Events of the first pass: each account meets each of its users."""
PARTITIONS = 4
EVENTS = (
    "Product Page Viewed", "Blog Post Read", "Search Result Clicked", "Pricing Page Viewed",
    "Guide Downloaded", "Case Study Read", "Webinar Attended", "Feature Used",
)  # fmt: skip


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def make_records(number: int, random: Random, start: datetime) -> list[Record]:
    """First one event of each user of each account, then `number` uniform over all of them.

    Uniform is the worst case: nearly every event of a batch is another subject's.
    """
    records = []
    offsets = [0] * PARTITIONS
    for at in range(FIRST_SIGHTS + number):
        account = at % ACCOUNTS if at < FIRST_SIGHTS else random.randrange(ACCOUNTS)
        user = at // ACCOUNTS if at < FIRST_SIGHTS else random.randrange(USERS)
        when = start + timedelta(milliseconds=at)
        envelope = Envelope(
            workspace_id=1,
            message_id=new_message_id(),
            event=random.choice(EVENTS),
            occurred_at=when,
            received_at=when,
            account_id=f"account-{account}",
            user_id=f"user-{account}-{user}",
            channel="website",
            properties={
                "path": f"/pages/{random.randrange(1000)}",
                "referrer": "https://search.example/results",
                "plan": random.choice(("free", "pro", "scale")),
                "seats": random.randrange(100),
            },
            context={
                "library": {"name": "analytics.js", "version": "4.1.0"},
                "ip": "192.0.2.7",
                "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
            },
        )
        partition = account % PARTITIONS
        records.append(Record(partition, offsets[partition], b"key", wire.encode(envelope)))
        offsets[partition] += 1
    return records


def migrate(url: str) -> None:
    config = Config(str(ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["database_url"] = url
    command.upgrade(config, "head")


async def fresh_database(server: str, name: str) -> str:
    connection = await connect(server, role=DatabaseRole.OWNER, application_name="benchmark")
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    url = server.replace("/postgres?", f"/{name}?")
    await asyncio.to_thread(migrate, url)
    return url


async def publish(url: str) -> None:
    engine = create_engine(url, role=DatabaseRole.OWNER, application_name="benchmark")
    text = templates.read("b2b-jtbd-7")
    async with engine.begin() as connection:
        await journeys.publish(
            connection,
            DEFAULT_WORKSPACE,
            parse(text),
            text,
            "benchmark",
            datetime.now(UTC),  # noqa: TID251 - a script
        )
    await engine.dispose()


async def ours(url: str, records: Sequence[Record], profile: cProfile.Profile | None) -> float:
    settings = StagerSettings.model_construct()
    pool = await open_pool(url, role=DatabaseRole.STAGER, application_name="benchmark", max_size=8)
    context = StagerContext(
        pool=pool, clock=SystemClock(), cache=RowCache(settings.stager_cache_subjects)
    )
    writer = BatchWriter(context, owner="bench")
    positions: dict[int, int] = {}
    rate = 0.0

    async def worker(number: int, part: Sequence[Record]) -> None:
        share = [r for r in part if r.partition % settings.stager_partition_workers == number]
        for at in range(0, len(share), BATCH):
            batch = decode_all(share[at : at + BATCH], max_bytes=1_000_000)
            for done in await writer.store(batch, positions):
                positions.update(done.next_offsets)

    for what, part in (("first sight", records[:FIRST_SIGHTS]), ("steady", records[FIRST_SIGHTS:])):
        started, worked = perf_counter(), process_time()
        if profile and what == "steady":
            profile.enable()
        async with asyncio.TaskGroup() as group:
            for number in range(settings.stager_partition_workers):
                group.create_task(worker(number, part))
        if profile:
            profile.disable()
        rate = len(part) / (perf_counter() - started)
        worked = (process_time() - worked) / len(part) * 1e6
        say(f"    {what}: {rate:,.0f} events/s, {worked:.1f} us of Python an event")
    await pool.close()
    return rate


_STATE = (
    b'{"b2b-jtbd-7":{"v":1,"s":{"status":"active","stage":"consideration","entered_at":"'
    + b"x" * 260
)
_SUBJECT = """
    INSERT INTO subject (workspace_id, subject_id, version, touchpoints, processed_at, states)
    SELECT w, s, 1, 1, $4, st FROM unnest($1::int[], $2::text[], $3::bytea[]) AS t (w, s, st)
    ON CONFLICT (workspace_id, subject_id) DO UPDATE
    SET version = subject.version + 1, states = excluded.states, processed_at = excluded.processed_at
"""
_OFFSET = """
    INSERT INTO consumer_offset (topic, partition, first_offset, next_offset, updated_at)
    VALUES ('bench', 0, 0, $1, now()) ON CONFLICT (topic, partition)
    DO UPDATE SET next_offset = excluded.next_offset
"""


async def bare(url: str, records: Sequence[Record]) -> float:
    """The same rows, made beforehand: only the writing is timed."""
    batches = []
    for at in range(0, len(records), BATCH):
        chosen = records[at : at + BATCH]
        envelopes = [wire.decode(r.value or b"") for r in chosen]
        rows = [
            (
                1,
                e.message_id,
                e.account_id,
                f"user:{e.user_id}",
                e.occurred_at,
                (r.value or b"").decode(),
            )
            for r, e in zip(chosen, envelopes, strict=True)
        ]
        subjects = sorted({e.account_id for e in envelopes if e.account_id})
        batches.append((rows, [1] * len(subjects), subjects, [_STATE] * len(subjects)))
    pool: Pool = await open_pool(
        url, role=DatabaseRole.STAGER, application_name="benchmark", max_size=1
    )
    now = batches[0][0][0][4]
    started, skipped = perf_counter(), FIRST_SIGHTS // BATCH
    for number, (rows, workspaces, subjects, states) in enumerate(batches):
        if number == skipped:
            started = perf_counter()
        async with pool.acquire() as connection, connection.transaction():
            await write.touchpoints(connection, rows, now)
            await connection.execute(_SUBJECT, workspaces, subjects, states, now)
            await connection.execute(_OFFSET, number)
    seconds = perf_counter() - started
    await pool.close()
    return (len(records) - FIRST_SIGHTS) / seconds


async def preload(url: str, number: int) -> None:
    """History that is there already, made inside Postgres."""
    connection = await connect(url, role=DatabaseRole.OWNER, application_name="benchmark")
    await connection.execute("SET statement_timeout = 0")
    await connection.execute(
        """
        INSERT INTO touchpoint (workspace_id, message_id, subject_id, person_id, occurred_at,
                                processed_at, envelope)
        SELECT 1, 'old-' || n, 'account-' || (n % 1000000 + 1000000), 'user:u' || n,
               now() - interval '1 year', now(),
               json_build_object('workspace_id', 1, 'message_id', 'old-' || n, 'pad', repeat('x', 350))
        FROM generate_series(1, $1::int) AS n
        """,
        number,
        timeout=3600,
    )
    await connection.execute("CHECKPOINT")
    await connection.execute("ANALYZE touchpoint")
    await connection.close()


async def measure(server: str, arguments: argparse.Namespace) -> None:
    random = Random(7)  # noqa: S311 - the same each time
    start = datetime(2026, 1, 1, tzinfo=UTC)
    records = make_records(arguments.events, random, start)
    size = sum(len(r.value or b"") for r in records) / len(records)
    say(f"{arguments.events} events of {size:.0f} bytes, {ACCOUNTS} accounts, batches of {BATCH}")
    figures: dict[str, list[float]] = {"ours": [], "bare": []}
    profile = cProfile.Profile(builtins=False) if arguments.profile else None
    for turn in range(arguments.rounds):
        for side in ("bare", "ours"):
            url = await fresh_database(server, f"{side}_{turn}")
            await publish(url)
            if arguments.preload:
                await preload(url, arguments.preload)
            rate = await (bare(url, records) if side == "bare" else ours(url, records, profile))
            figures[side].append(rate)
            say(f"  {side} {turn}: {rate:,.0f} events/s")
    ours_rate, bare_rate = max(figures["ours"]), max(figures["bare"])
    say(
        f"stager {ours_rate:,.0f} events/s, bare rows {bare_rate:,.0f} events/s,"
        f" ratio {ours_rate / bare_rate:.2f}"
    )
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--preload", type=int, default=0, help="history rows there before: 5000000")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    tune_collector()
    with (
        postgres_folder() as folder,
        EmbeddedPostgres(folder / "pg") as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(measure(server.url, arguments))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(f"most memory of this process, both sides and the events in it: {most:.0f} MB")


if __name__ == "__main__":
    main()
