"""A21: timers of months, across restarts."""

from datetime import UTC, datetime, timedelta

from tests.acceptance.stories import event, live, path
from tests.support.services import Stack

MAP = """
journey: long-deal
title: A deal of many months
subject: account
stages:
  - {key: talking, title: Talking, job: agree, owner: sales, stall_after: 450d}
  - key: dormant
    title: Dormant
    job: wait
    owner: sales
    enter: {in_stage: {stage: talking, for: 540d}}
outcomes:
  - {key: forgotten, title: Forgotten, kind: lost, when: {idle: 730d}}
"""

FIRST = datetime(2025, 1, 6, 9, tzinfo=UTC)


async def test_a_timer_of_eighteen_months_goes_off_at_its_instant_across_restarts(
    stack: Stack,
) -> None:
    await stack.publish(MAP)
    await live(stack, [event("Call Held", FIRST, "m-1", account_id="slow", user_id="ann")])
    seen = []

    for _ in range(9):
        await stack.advance_clock(timedelta(days=90))
        await stack.restart()
        stage = await stack.stage(account_id="slow")
        seen.append((stage["stage"], stage["status"]))

    assert seen == [
        *[("talking", "active")] * 4,
        ("talking", "stalled"),  # day 450, on the spot
        ("dormant", "active"),  # day 540
        ("dormant", "active"),
        ("dormant", "active"),
        ("dormant", "ended"),  # day 730 has passed
    ]
    history = await stack.history("slow")
    assert path(history) == [(None, "talking"), ("talking", "dormant"), ("dormant", "forgotten")]
    assert [item["occurred_at"] for item in history] == [
        "2025-01-06T09:00:00Z",
        "2026-06-30T09:00:00Z",
        "2027-01-06T09:00:00Z",
    ]
    assert history[1]["cause"]["timer"] == "in_stage"
    assert history[2]["cause"]["timer"] == "idle"
    (alert,) = await stack.alerts()
    assert (alert["stage"], alert["opened_at"]) == ("talking", "2026-04-01T09:00:00Z")
    assert (alert["state"], alert["resolved_at"]) == ("resolved", "2026-06-30T09:00:00Z")
    assert (await stack.verified()).problems == []


async def test_time_that_passed_while_everything_was_down_counts_at_its_own_instants(
    stack: Stack,
) -> None:
    await stack.publish(MAP)
    await live(stack, [event("Call Held", FIRST, "m-1", account_id="slow", user_id="ann")])

    await stack.stop()
    stack.clock.advance(timedelta(days=1000))
    await stack.start()
    await stack.settled()

    assert [item["occurred_at"] for item in await stack.history("slow")] == [
        "2025-01-06T09:00:00Z",
        "2026-06-30T09:00:00Z",
        "2027-01-06T09:00:00Z",
    ]
