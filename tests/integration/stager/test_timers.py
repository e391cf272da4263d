"""Time alone: deadlines survive restarts, fire once a visit, and clear themselves."""

import asyncio
from datetime import timedelta

import msgspec

from tests.integration.stager.world import SALES, START, world

PATIENT = """
journey: sales
title: Sales
subject: account
stages:
  - {key: aware, title: Aware, owner: marketing, stall_after: 30d}
  - {key: customer, title: Customer, owner: success, stall_after: 18mo, enter: {event: Contract Signed}}
  - {key: quiet, title: Quiet, owner: success, enter: {idle: 20mo}}
"""

ALERTS = """SELECT subject_id, stage, state, opened_at, resolved_at, resolution, owner
            FROM alert ORDER BY opened_at, subject_id"""


async def test_a_stall_opens_one_alert_that_says_who_and_what_last(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(
            w.event("Demo Requested", 0, account_id="acme", channel="website", value=1200.0)
        )
        await w.pass_time(timedelta(days=13))
        assert await w.rows(ALERTS) == []

        await w.pass_time(timedelta(days=2))
        await w.pass_time(timedelta(days=30))

        due = START + timedelta(days=14)
        assert await w.rows(ALERTS) == [("acme", "evaluation", "open", due, None, None, "sales")]
        rows = await w.rows(
            "SELECT kind, severity, cycle, visit_entered_at, value_at_risk, summary,"
            " last_touchpoint::text, evidence::text FROM alert"
        )
        assert rows[0][:6] == (
            "stall",
            "warning",
            1,
            START,
            1200.0,
            (
                "acme has been in Evaluation for 14 days without moving on; the last touchpoint was"
                " Demo Requested (website) on 2026-01-05."
            ),
        )
        assert msgspec.json.decode(rows[0][6]) == {
            "message_id": "m0001",
            "event": "Demo Requested",
            "occurred_at": "2026-01-05T09:00:00Z",
            "channel": "website",
        }
        assert msgspec.json.decode(rows[0][7]) == {
            "entered_at": "2026-01-05T09:00:00Z",
            "stalled_at": "2026-01-19T09:00:00Z",
            "stall_after_seconds": 14 * 86_400,
            "map_version": 1,
        }
        assert await w.stage("acme") == ("evaluation", "stalled", 1)
        assert await w.rows("SELECT type FROM outbox WHERE type LIKE '%stalled'") == [
            ("journey.stage.stalled",)
        ]


async def test_a_move_resolves_the_alert_at_its_own_instant(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, account_id="acme"))
        await w.pass_time(timedelta(days=20))

        await w.send(w.event("Contract Signed", 18, account_id="acme"))

        stalled, moved = START + timedelta(days=14), START + timedelta(days=18)
        assert await w.rows(ALERTS) == [
            ("acme", "evaluation", "resolved", stalled, moved, "moved", "sales")
        ]
        assert await w.stage("acme") == ("customer", "active", 1)


async def test_a_late_event_takes_back_a_stall_that_never_was(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, account_id="acme"))
        await w.pass_time(timedelta(days=20))

        await w.send(w.event("Contract Signed", 10, account_id="acme"))

        due = START + timedelta(days=14)
        assert await w.rows(ALERTS) == [
            ("acme", "evaluation", "resolved", due, w.clock.now(), "corrected", "sales")
        ]


async def test_timers_of_eighteen_months_survive_restarts(database_url: str) -> None:
    async with world(database_url, PATIENT) as w:
        await w.send(w.event("Contract Signed", 0, account_id="acme"))
        for _ in range(19):
            await w.pass_time(timedelta(days=28))
            w.restart()
        assert await w.rows(ALERTS) == []
        assert await w.rows("SELECT due_at FROM deadline") == [(START + timedelta(days=540),)]

        await w.pass_time(timedelta(days=8))
        w.restart()
        await w.pass_time(timedelta(days=1))

        assert await w.rows("SELECT stage, state, opened_at FROM alert") == [
            ("customer", "open", START + timedelta(days=540))
        ]
        await w.pass_time(timedelta(days=70))
        assert await w.path("acme") == [(None, "customer"), ("customer", "quiet")]
        assert await w.rows(
            "SELECT cause_timer, occurred_at FROM transition WHERE to_stage = 'quiet'"
        ) == [("idle", START + timedelta(days=600))]
        assert await w.rows("SELECT state, resolution FROM alert") == [("resolved", "moved")]
        assert await w.rows("SELECT count(*) FROM deadline") == [(0,)]


async def test_a_deadline_that_proves_early_is_armed_again_and_not_by_each_touchpoint(
    database_url: str,
) -> None:
    async with world(database_url, PATIENT) as w:
        await w.send(w.event("Page Viewed", 0, account_id="acme"))
        await w.send(w.event("Contract Signed", 20, account_id="acme"))
        assert await w.rows("SELECT due_at FROM deadline") == [(START + timedelta(days=30),)]

        await w.pass_time(timedelta(days=31))

        assert await w.rows("SELECT due_at FROM deadline") == [(START + timedelta(days=560),)]
        assert await w.rows(ALERTS) == []


async def test_many_deadlines_at_once_are_worked_off_in_chunks(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(*(w.event("Page Viewed", 0, account_id=f"a{n:03}") for n in range(450)))

        await w.pass_time(timedelta(days=40))

        assert await w.rows("SELECT count(*), count(DISTINCT subject_id) FROM alert") == [
            (450, 450)
        ]


async def test_a_batch_and_a_sweep_of_two_stagers_do_not_overwrite_each_other(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, account_id="acme"))
        sweeping = w.another_stager().timers
        w.clock.advance(timedelta(days=20))
        await sweeping.sweep()

        # The cache of the first stager still holds the account as it was before the stall.
        await w.send(w.event("Contract Signed", 20, account_id="acme"))

        assert await w.stage("acme") == ("customer", "active", 1)
        assert await w.rows("SELECT state, resolution FROM alert") == [("resolved", "moved")]
        assert await w.verdicts() == (2, 0, 0)


async def test_a_batch_that_waits_while_a_timer_fires_takes_no_stall_back(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(
            w.event("Blog Read", 0, account_id="acme"),
            w.event("Demo Requested", 1, account_id="acme"),
        )
        late = w.event("Blog Read", 0.5, account_id="acme")
        async with asyncio.TaskGroup() as group, w.stager.context.locks.acquire_all():
            # Granted in order: the timers first, then the batch, which has begun before they fire.
            for waiting in (w.stager.timers.sweep(), w.send(late)):
                group.create_task(waiting)
                await asyncio.sleep(0)
            w.clock.advance(timedelta(days=20))
        await w.pass_time(timedelta(days=1))

        assert await w.stage("acme") == ("evaluation", "stalled", 1)
        assert await w.rows("SELECT count(*) FROM outbox WHERE type LIKE '%stalled'") == [(1,)]
        assert await w.rows("SELECT state FROM alert") == [("open",)]
