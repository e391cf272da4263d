"""The whole stager on the Postgres event log: faults, poison, stop, and the process itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.stager.app import Stager
from services.stager.jobs.dead_letter_relay import DeadLetterRelay
from services.stager.settings import StagerSettings
from shared.clock import ManualClock
from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.contracts.topics import DEAD_LETTERS
from shared.errors import FatalError
from shared.eventlog.factory import ensure_topics, open_reader, open_writer
from shared.eventlog.port import NewRecord
from shared.settings import load
from shared.storage.connect import DatabaseRole
from shared.telemetry.metrics import Metrics
from tests.integration.stager.world import SALES, START, World, world
from tests.support.database import connected
from tests.support.eventually import eventually
from tests.support.processes import ServiceProcess


def settings_of(url: str, **more: str) -> StagerSettings:
    """Of a stager in this process; a slow machine may need long for the batches of a stop."""
    fixed = {"stager_timer_seconds": "0.05", "shutdown_seconds": "60"}
    return load(StagerSettings, database_url=url, **fixed, **more)


async def append(settings: StagerSettings, *values: Envelope | bytes) -> None:
    """Append to the log, with the keys that ingest gives."""
    writer = open_writer(settings)
    await writer.start()
    records = [
        NewRecord(key=v.partition_key(), value=wire.encode(v))
        if isinstance(v, Envelope)
        else NewRecord(key=b"?", value=v)
        for v in values
    ]
    try:
        for start in range(0, len(records), 500):
            await writer.append(records[start : start + 500])
    finally:
        await writer.stop()


@asynccontextmanager
async def running(settings: StagerSettings) -> AsyncIterator[Stager]:
    """A stager at work, stopped at the end."""
    stop = asyncio.Event()
    metrics = Metrics(CollectorRegistry())
    stager = Stager(settings, clock=ManualClock(START), metrics=metrics)
    async with asyncio.TaskGroup() as group:
        group.create_task(stager.run(stop), name="stager")
        try:
            yield stager
        finally:
            stop.set()


def events(w: World, number: int) -> list[Envelope]:
    return [
        w.event("Demo Requested", n / 1000, account_id=f"a{n % 97}", user_id=f"u{n % 211}")
        for n in range(number)
    ]


async def wait_for(w: World, expected: tuple[int, int, int], within: float = 60.0) -> None:
    async def is_there() -> bool:
        rows = await w.rows(
            "SELECT coalesce(sum(applied), 0), coalesce(sum(duplicate), 0), coalesce(sum(dead), 0)"
            " FROM consumer_offset"
        )
        return tuple(int(value) for value in rows[0]) == expected

    await eventually(is_there, within=within)


async def test_events_of_the_log_are_stored_until_the_stop(database_url: str) -> None:
    settings = settings_of(database_url)
    async with world(database_url, SALES) as w:
        await ensure_topics(settings)
        await append(settings, *events(w, 3000))
        async with running(settings) as stager:
            await wait_for(w, (3000, 0, 0))
            assert stager.is_alive()
            assert all([await check() for check in stager.checks().values()])

        assert await w.rows("SELECT count(*) FROM placement") == [(97,)]


async def test_a_cut_connection_costs_nothing_but_time(database_url: str) -> None:
    settings = settings_of(database_url, stager_batch_records="50")
    async with world(database_url, SALES) as w:
        await ensure_topics(settings)
        sent = events(w, 3000)
        await append(settings, *sent)
        async with connected(database_url) as killer, running(settings):
            for _ in range(8):
                await killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database()"
                    " AND application_name IN ('stageline-stager')"
                )
                await asyncio.sleep(0.05)
            await wait_for(w, (3000, 0, 0))

        rows = await w.rows("SELECT count(*) FROM touchpoint")
        assert rows == [(3000,)]
        assert await w.rows("SELECT count(*) FROM dead_letter") == [(0,)]
        rows = await w.rows("SELECT sum(touchpoints) FROM subject WHERE merged_into IS NULL")
        assert int(rows[0][0]) == 3000


async def test_dead_letters_reach_their_topic(database_url: str) -> None:
    settings = settings_of(database_url)
    async with world(database_url, SALES) as w:
        await ensure_topics(settings)
        await append(settings, b"broken", w.event("Demo Requested", 0, account_id="acme"))
        async with running(settings):
            await wait_for(w, (1, 0, 1))

            async def is_published() -> bool:
                rows = await w.rows("SELECT published_at FROM dead_letter")
                return rows == [(START,)]

            await eventually(is_published, within=60)

        reader = open_reader(settings, DEAD_LETTERS, "test")
        await reader.start(_from_the_start)
        records = await eventually(lambda: reader.poll(10, 0.2), within=60)
        await reader.stop()
        assert [(r.value, dict(r.headers)["reason"]) for r in records] == [(b"broken", b"not_json")]


@pytest.mark.parametrize("size", [950_000, 3_000_000])
async def test_a_record_that_is_larger_than_the_log_takes_stops_no_relay(
    database_url: str, size: int
) -> None:
    settings = settings_of(database_url)
    async with world(database_url, SALES) as w:
        await ensure_topics(settings)
        await w.send(b"x" * size, b"broken", w.event("Demo Requested", 0, account_id="acme"))
        writer = open_writer(settings, DEAD_LETTERS, role=DatabaseRole.STAGER)
        await writer.start()
        await DeadLetterRelay(pool=w.pool, clock=w.clock, dead=writer).publish()
        await writer.stop()

        assert await w.rows("SELECT count(published_at) FROM dead_letter") == [(2,)]
        reader = open_reader(settings, DEAD_LETTERS, "test")
        await reader.start(_from_the_start)
        large, small = await eventually(lambda: reader.poll(10, 0.2), within=60)
        await reader.stop()
        assert dict(large.headers)["size"] == b"%d" % size
        assert len(large.key or b"") + len(large.value or b"") == 900_000
        assert small.value == b"broken"
        assert await w.rows("SELECT max(octet_length(record_value)) FROM dead_letter") == [(size,)]


async def _from_the_start(_: Sequence[int]) -> dict[int, int]:
    return {}


async def test_a_log_that_is_nearly_all_poison_stops_the_stager(database_url: str) -> None:
    settings = settings_of(database_url, stager_poison_window="100")
    async with world(database_url, SALES) as w:
        await ensure_topics(settings)
        await append(settings, *([b"broken"] * 5000))

        with pytest.raises(ExceptionGroup) as caught:
            async with running(settings):
                await asyncio.sleep(60)

        assert caught.group_contains(FatalError, match="poison")
        rows = await w.rows("SELECT count(*) FROM dead_letter")
        assert int(rows[0][0]) <= 100


async def test_poison_of_one_source_does_not_stop_the_stager(database_url: str) -> None:
    settings = settings_of(database_url, stager_poison_window="20")
    async with world(database_url, SALES) as w:
        await ensure_topics(settings)
        poison = [w.event("", 0, account_id="acme", source="web") for _ in range(100)]
        await append(settings, *poison)
        await append(settings, w.event("Demo Requested", 0, account_id="acme", source="crm"))
        async with running(settings):
            await wait_for(w, (1, 0, 100))

        assert await w.stage("acme") == ("evaluation", "active", 1)


async def test_two_stagers_share_the_log_and_hand_over(database_url: str) -> None:
    settings = settings_of(database_url, stager_batch_records="20")
    async with world(database_url, SALES) as w:
        await ensure_topics(settings)
        sent = events(w, 2000)
        async with running(settings):
            await append(settings, *sent[:1000])
            async with running(settings):
                await append(settings, *sent[1000:], *sent[:100])
                await wait_for(w, (2000, 100, 0))

        rows = await w.rows("SELECT sum(touchpoints) FROM subject WHERE merged_into IS NULL")
        assert int(rows[0][0]) == 2000


async def test_the_process_stores_and_ends_cleanly_on_a_signal(
    database_url: str, tmp_path: Path
) -> None:
    environment = {"STAGELINE_DATABASE_URL": database_url}
    settings = settings_of(database_url)
    async with world(database_url, SALES) as w:
        await ensure_topics(settings)
        await append(settings, *events(w, 500))
        async with ServiceProcess("stager", environment, tmp_path) as stager:
            await wait_for(w, (500, 0, 0))
            code = await stager.stop()

        assert code == 0
        assert "Traceback" not in stager.output()


async def test_a_process_without_a_database_address_says_what_is_missing(tmp_path: Path) -> None:
    async with ServiceProcess("stager", {}, tmp_path) as stager:
        code = await stager.ended()

    assert code == 1
    assert "STAGELINE_DATABASE_URL" in stager.output()
    assert "Traceback" not in stager.output()
