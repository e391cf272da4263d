"""Names of an earlier release are resolved again from the kept events, while batches go on."""

import asyncio
from random import Random
from typing import Any

import pytest

from services.stager.jobs.identity_job import IdentityJob
from services.stager.records.records import decode_all
from shared.contracts.envelope import Envelope
from shared.contracts.identity_limits import DEFAULT_LIMITS, IdentityLimits
from shared.storage.identity import resolving
from tests.integration.stager.world import HABIT, SALES, World, snapshot, story, wipe, world
from tests.support.database import connected, owner_transaction
from tests.support.eventually import eventually

RECORD = "hubspot:contact:8301"


async def mark_as_old_rules(w: World) -> None:
    """Leave of identity what an earlier release knew: whose a name is."""
    async with connected(w.url) as owner:
        await owner.execute("DELETE FROM identity_statement")
        await owner.execute("UPDATE identifier SET version = 0, users = NULL, accounts = NULL")
        await owner.execute(
            "UPDATE identity_job SET finished_at = NULL, done = 0,"
            " total = (SELECT count(*) FROM identifier)"
        )
    w.restart()


async def mark_all(w: World, *, chunk: int = 1000) -> None:
    """Do as `stageline identity resolve-again` does."""
    async with owner_transaction(w.url) as connection:
        await resolving.start(connection)
        position: resolving.Position | None = (0, "")
        while position is not None:
            position = await resolving.mark(connection, position, chunk)


async def finish(w: World, *, limit: int) -> int:
    """Work until the job is over; the number of its transactions."""
    steps = 0
    while await IdentityJob(w.stager.context, w.metrics).step(limit):
        steps += 1
    return steps


async def progress(w: World) -> tuple[Any, ...]:
    return (await w.rows("SELECT done > 0, total > 0, finished_at IS NOT NULL FROM identity_job"))[
        0
    ]


@pytest.mark.parametrize("seed", range(6))
async def test_the_job_comes_to_what_the_events_say(database_url: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    async with world(database_url, SALES, HABIT) as w:
        await w.send(*story(w, random, 30))
        expected = await snapshot(w)
        await mark_as_old_rules(w)

        assert await finish(w, limit=random.randint(1, 4)) > 0

        assert await snapshot(w) == expected
        assert await progress(w) == (True, True, True)
        assert await w.rows("SELECT count(*) FROM identifier WHERE version = 0") == [(0,)]


@pytest.mark.parametrize("seed", range(6))
async def test_all_names_resolved_once_more_are_what_they_were(
    database_url: str, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    async with world(database_url, SALES, HABIT) as w:
        before, after = story(w, random, 20), story(w, random, 10)
        await w.send(*before, *after)
        expected = await snapshot(w)
        await wipe(w)
        await w.send(*before)
        await mark_all(w, chunk=3)
        assert await w.rows("SELECT count(*) FROM identifier WHERE version > 0") == [(0,)]

        for event in after:
            await w.send(event)
            await IdentityJob(w.stager.context, w.metrics).step(1)
        await finish(w, limit=random.randint(1, 50))

        assert await snapshot(w) == expected
        assert await w.rows("SELECT count(*) FROM identifier WHERE version = 0") == [(0,)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(DEFAULT_LIMITS, IdentityLimits(user_ids=2), id="raised"),
        pytest.param(IdentityLimits(user_ids=2), DEFAULT_LIMITS, id="lowered"),
        pytest.param(DEFAULT_LIMITS, IdentityLimits(addresses=1, names=3), id="others lowered"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
async def test_a_changed_limit_counts_for_all_names_once_they_are_resolved_again(
    database_url: str, seed: int, before: IdentityLimits, after: IdentityLimits
) -> None:
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    async with world(database_url, SALES, HABIT) as w:
        events = story(w, random, 30)
        w.restart(after)
        await w.send(*events)
        expected = await snapshot(w)
        await wipe(w)
        w.restart(before)
        await w.send(*events)

        w.restart(after)
        await mark_all(w)
        await finish(w, limit=random.randint(1, 50))

        assert await snapshot(w) == expected


async def test_a_limit_of_two_user_ids_joins_two_and_refuses_the_third(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        w.restart(IdentityLimits(user_ids=2))
        await w.send(
            *(w.event("Blog Read", n, user_id=f"leah-{n}", email="l@x.io") for n in range(3))
        )

        persons = await w.rows("SELECT DISTINCT person_id FROM identifier ORDER BY 1")

        assert persons == [("user:leah-0",), ("user:leah-2",)]


async def test_a_stager_that_read_a_name_before_it_was_resolved_again_does_not_write_over_it(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        other = w.another_stager()

        async def send_to_other(*events: Envelope) -> None:
            records = decode_all(w.records(events), max_bytes=100_000)
            for done in await other.writer.store(records, w.positions):
                w.positions.update(done.next_offsets)

        def signed_in(user: str, day: int) -> Envelope:
            return w.event("Signed In", day, user_id=user, anonymous_id="laptop")

        await send_to_other(signed_in("amy", 0))
        w.restart()
        await w.send(signed_in("ben", 2))
        await mark_all(w)
        await finish(w, limit=50)
        # It knows the device as it was after its own event, and that was the first version.
        await send_to_other(signed_in("carl", 4))

        w.restart()
        await w.send(w.event("Demo Requested", 3, anonymous_id="laptop"))
        assert await w.stage("user:ben") == ("evaluation", "active", 1)


async def test_the_gauge_has_the_names_that_wait_and_zero_after_the_last(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(
            *(w.event("Blog Read", 0, user_id=f"u{n}", email=f"{n}@x.io") for n in range(3))
        )
        await mark_all(w)
        w.restart()
        seen: list[float | None] = []

        def left() -> float | None:
            return w.metrics.registry.get_sample_value("stageline_stager_identity_names_left")

        job = IdentityJob(w.stager.context, w.metrics)
        await job.step(1)
        await job._count(0.0)
        seen.append(left())
        stop = asyncio.Event()
        running = asyncio.ensure_future(IdentityJob(w.stager.context, w.metrics).run(stop))

        async def is_done() -> bool:
            return left() == 0 and await progress(w) == (True, True, True)

        await eventually(is_done)
        stop.set()
        await running
        assert seen == [4]
        assert await w.rows("SELECT done, total FROM identity_job") == [(6, 6)]


async def test_the_job_begins_again_when_names_are_marked_after_its_end(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, user_id="leah", account_id="acme"))
        job = IdentityJob(w.stager.context, w.metrics)
        await job.step()
        assert await progress(w) == (False, False, True)

        await mark_all(w)
        while await job.step():
            pass

        assert await w.rows("SELECT done, total FROM identity_job") == [(1, 1)]
        assert await w.rows("SELECT count(*) FROM identifier WHERE version = 0") == [(0,)]


@pytest.mark.parametrize("seed", range(6))
async def test_batches_resolve_old_names_that_they_meet(database_url: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    async with world(database_url, SALES, HABIT) as w:
        before, after = story(w, random, 15), story(w, random, 15)
        await w.send(*before, *after)
        expected = await snapshot(w)
        await wipe(w)
        await w.send(*before)
        await mark_as_old_rules(w)

        for event in after:
            await w.send(event)
            await IdentityJob(w.stager.context, w.metrics).step(1)
        await finish(w, limit=50)

        assert await snapshot(w) == expected


async def test_a_stale_cache_costs_the_job_one_more_try(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, user_id="leah", account_id="acme"))
        job = IdentityJob(w.stager.context, w.metrics)
        async with connected(w.url) as owner:
            # Another process changed what this one has cached.
            await owner.execute("UPDATE identifier SET version = 0, users = NULL, accounts = NULL")
            await owner.execute("UPDATE identity_job SET finished_at = NULL, total = 1")

        steps = [await job.step(1) for _ in range(4)]

        assert steps[-1] is False
        assert await w.rows("SELECT count(*) FROM identifier WHERE version = 0") == [(0,)]


async def test_a_record_that_posed_as_a_device_and_an_address_as_an_id_get_their_kinds(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(
            w.event("Blog Read", 0, anonymous_id=RECORD, account_id="acme"),
            w.event("Demo Requested", 1, user_id="Ann@X.example"),
        )
        expected = await snapshot(w)
        await _as_an_earlier_release_wrote(w, f"external:{RECORD}", f"anonymous:{RECORD}")
        await _as_an_earlier_release_wrote(w, "email:ann@x.example", "user:Ann@X.example")
        await mark_as_old_rules(w)
        # Answers meanwhile.
        assert await w.stage("user:Ann@X.example") == ("evaluation", "active", 1)

        await finish(w, limit=1)

        now = await snapshot(w)
        for table in ("identifier", "touchpoint", "member", "placement", "transition"):
            assert now[table] == expected[table], table
        assert await w.stage("email:ann@x.example") == ("evaluation", "active", 1)


async def _as_an_earlier_release_wrote(w: World, name: str, old: str) -> None:
    async with connected(w.url) as owner:
        for table, columns in {
            "identifier": ("identifier", "person_id", "subject_id"),
            "touchpoint": ("person_id", "subject_id"),
            "member": ("person_id", "subject_id"),
            "subject": ("subject_id",),
            "placement": ("subject_id",),
            "transition": ("subject_id",),
            "deadline": ("subject_id",),
        }.items():
            for column in columns:
                await owner.execute(
                    f"UPDATE {table} SET {column} = $2 WHERE {column} = $1",  # noqa: S608
                    name,
                    old,
                )
