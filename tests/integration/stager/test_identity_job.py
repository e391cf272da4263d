"""Names of an earlier release are resolved again from the kept events, while batches go on."""

from random import Random
from typing import Any

import pytest

from services.stager.jobs.identity_job import IdentityJob
from tests.integration.stager.world import HABIT, SALES, World, snapshot, story, wipe, world
from tests.support.database import connected

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
