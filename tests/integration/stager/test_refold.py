"""A newly published map reaches the history: resumable, with progress, touched subjects first."""

from datetime import timedelta

from tests.integration.stager.world import HABIT, SALES, START, world

STRICTER = SALES.replace("count: 3", "count: 2")
JOB = (
    "SELECT version, cursor, done, total, finished_at IS NOT NULL FROM refold_job ORDER BY version"
)


async def test_a_touched_subject_is_folded_by_the_new_map_at_once(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(
            *(w.event("Pricing Viewed", day, account_id="acme") for day in (0, 1)),
            w.event("Pricing Viewed", 0, account_id="beta"),
        )
        await w.publish(STRICTER)

        await w.send(w.event("Page Viewed", 5, account_id="acme"))

        assert await w.stage("acme") == ("evaluation", "active", 2)
        assert await w.stage("beta") == ("aware", "active", 1)
        assert await w.path("acme") == [(None, "aware"), ("aware", "evaluation")]


async def test_a_job_goes_on_where_a_dead_process_left_it(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.finish_jobs()
        await w.send(
            *(
                w.event("Pricing Viewed", day, account_id=f"a{n}")
                for n in range(10)
                for day in (0, 1)
            )
        )
        await w.publish(STRICTER)
        await w.stager.jobs.step(limit=4)
        assert (await w.rows(JOB))[1] == (2, "a3", 4, 10, False)

        w.restart()
        while await w.stager.jobs.step(limit=4):
            pass

        assert (await w.rows(JOB))[1] == (2, "a9", 10, 10, True)
        assert await w.rows(
            "SELECT count(*) FROM placement WHERE stage = 'evaluation' AND map_version = 2"
        ) == [(10,)]


async def test_what_stays_the_same_stays_untouched(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, account_id="acme"))
        before = await w.rows("SELECT * FROM transition")
        await w.publish(STRICTER)

        await w.finish_jobs()

        assert await w.rows("SELECT * FROM transition") == before
        assert await w.stage("acme") == ("evaluation", "active", 2)
        assert await w.rows("SELECT count(*) FROM outbox WHERE type LIKE '%corrected'") == [(0,)]


async def test_alerts_and_deadlines_follow_the_new_map(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, account_id="acme"))
        await w.pass_time(timedelta(days=20))
        assert await w.rows("SELECT state FROM alert") == [("open",)]

        await w.publish(SALES.replace("14d", "60d"))
        await w.finish_jobs()

        assert await w.rows("SELECT state, resolution FROM alert") == [("resolved", "corrected")]
        assert await w.rows("SELECT due_at FROM deadline") == [(START + timedelta(days=60),)]
        await w.pass_time(timedelta(days=50))
        assert await w.rows("SELECT state, opened_at FROM alert") == [
            ("open", START + timedelta(days=60))
        ]


async def test_a_person_seen_in_two_accounts_has_one_habit(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(
            w.event("Signed In", 0, account_id="acme", user_id="leah"),
            w.event("Signed In", 1, account_id="beta", user_id="leah"),
        )
        await w.publish(HABIT)

        await w.finish_jobs()

        assert await w.stage("user:leah", "habit") == ("regular", "active", 1)
        await w.send(w.event("Signed In", 2, account_id="gamma", user_id="leah"))
        assert await w.rows("SELECT touchpoints FROM subject WHERE subject_id = 'user:leah'") == [
            (3,)
        ]


async def test_an_older_job_ends_when_a_newer_version_overtakes_it(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Pricing Viewed", 0, account_id="acme"))
        await w.publish(STRICTER)

        await w.finish_jobs()

        assert [row[4] for row in await w.rows(JOB)] == [True, True]
        assert await w.stage("acme") == ("aware", "active", 2)
