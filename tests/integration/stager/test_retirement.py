"""A retired journey leaves the subjects, and comes back as it was when it is published again."""

from datetime import timedelta

from shared.ids import DEFAULT_WORKSPACE
from shared.storage import journeys
from tests.integration.stager.world import HABIT, SALES, START, World, world
from tests.support.database import owner_transaction

OPEN = "SELECT subject_id, journey, state, resolution FROM alert ORDER BY subject_id, journey"


async def retire(w: World, journey: str = "sales") -> None:
    async with owner_transaction(w.url) as connection:
        await journeys.retire(connection, DEFAULT_WORKSPACE, journey, "test", w.clock.now())


async def test_placements_deadlines_and_alerts_go_and_transitions_are_superseded(
    database_url: str,
) -> None:
    async with world(database_url, SALES, HABIT) as w:
        await w.finish_jobs()
        await w.send(
            *(w.event("Demo Requested", 0, account_id=f"a{n}", user_id=f"u{n}") for n in range(5)),
            w.event("Deal Lost", 0, account_id="ended"),
        )
        await w.pass_time(timedelta(days=20))
        await retire(w)

        await w.finish_jobs()

        assert await w.rows("SELECT DISTINCT journey FROM placement") == [("habit",)]
        assert await w.rows("SELECT count(*) FROM placement WHERE journey = 'habit'") == [(5,)]
        assert await w.rows("SELECT count(*) FROM deadline WHERE journey = 'sales'") == [(0,)]
        assert await w.rows(OPEN) == [(f"a{n}", "sales", "resolved", "retired") for n in range(5)]
        assert await w.path("a0") == []
        assert await w.rows("SELECT count(*) FROM touchpoint") == [(6,)]
        assert await w.rows("SELECT count(*) FROM refold_job WHERE finished_at IS NULL") == [(0,)]


async def test_no_later_event_or_deadline_moves_a_subject_on_it(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.finish_jobs()
        await w.send(w.event("Demo Requested", 0, account_id="acme"))
        await retire(w)

        # Before the job has come to the account, and after it.
        await w.send(w.event("Contract Signed", 1, account_id="acme"))
        await w.pass_time(timedelta(days=20))
        between = await w.rows("SELECT count(*) FROM alert")
        await w.finish_jobs()
        await w.send(w.event("Contract Signed", 25, account_id="acme"))
        await w.send(w.event("Demo Requested", -1, account_id="acme"))

        assert between == [(0,)]
        assert await w.stage("acme") is None
        assert await w.path("acme") == []
        assert await w.rows("SELECT touchpoints FROM subject") == [(4,)]


async def test_publishing_again_brings_back_placement_alert_and_history(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.finish_jobs()
        await w.send(w.event("Demo Requested", 0, account_id="acme"))
        await w.pass_time(timedelta(days=20))
        await retire(w)
        await w.finish_jobs()

        await w.publish(SALES)
        await w.finish_jobs()

        assert await w.stage("acme") == ("evaluation", "stalled", 3)
        assert await w.path("acme") == [(None, "evaluation")]
        assert await w.rows("SELECT state, opened_at FROM alert") == [
            ("open", START + timedelta(days=14))
        ]


async def test_a_journey_of_persons_leaves_those_with_an_account_too(database_url: str) -> None:
    async with world(database_url, SALES, HABIT) as w:
        await w.finish_jobs()
        await w.send(w.event("Signed In", 0, account_id="acme", user_id="leah"))
        assert await w.stage("user:leah", "habit") == ("visitor", "active", 1)
        await retire(w, "habit")

        await w.finish_jobs()

        assert await w.stage("user:leah", "habit") is None
        assert await w.stage("acme") == ("aware", "active", 1)


async def test_a_job_of_a_retirement_goes_on_where_a_dead_process_left_it(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await w.finish_jobs()
        await w.send(*(w.event("Demo Requested", 0, account_id=f"a{n}") for n in range(7)))
        await retire(w)
        await w.stager.jobs.step(limit=3)
        job = (
            "SELECT cursor, done, total, finished_at IS NOT NULL FROM refold_job WHERE version = 2"
        )
        halfway = await w.rows(job)

        w.restart()
        await w.finish_jobs()

        assert halfway == [("a2", 3, 7, False)]
        assert await w.rows(job) == [("a6", 7, 7, True)]
        assert await w.rows("SELECT count(*) FROM placement") == [(0,)]
