"""Moves back, loops, repeats and disorder: the history is a function of what happened alone."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.maps import templates
from tests.acceptance.stories import event, live, path
from tests.support.services import Stack

START = datetime(2025, 1, 6, 9, tzinfo=UTC)

STEPS = [
    (0, "Blog Post Read"),
    (2, "Guide Downloaded"),
    (9, "Webinar Attended"),
    (15, "Demo Requested"),
    (20, "Comparison Viewed"),
    (22, "Case Study Read"),
    (25, "Demo Attended"),
    (40, "Contract Signed"),
    (45, "Kickoff Held"),
    (200, "Account Review Held"),
    (210, "Usage Limit Reached"),
    (220, "Contract Signed"),
]


def story(account: str) -> list[dict[str, Any]]:
    return [
        event(name, START + timedelta(days=day), f"{account}-{number}", account_id=account,
              user_id=f"ann@{account}")
        for number, (day, name) in enumerate(STEPS)
    ]  # fmt: skip


WANTED = [
    ("enter", None, "trigger", 1),
    ("advance", "trigger", "research", 1),
    ("advance", "research", "consideration", 1),
    ("advance", "consideration", "evaluation", 1),
    ("regress", "evaluation", "consideration", 1),
    ("advance", "consideration", "evaluation", 1),
    ("advance", "evaluation", "purchase", 1),
    ("advance", "purchase", "onboarding", 1),
    ("advance", "onboarding", "expansion_or_renewal", 1),
    ("loop", "expansion_or_renewal", "evaluation", 2),
    ("advance", "evaluation", "purchase", 2),
]


def moves(history: list[dict[str, Any]]) -> list[tuple[str, str | None, str | None, int]]:
    return [(item["kind"], item["from_stage"], item["to_stage"], item["cycle"]) for item in history]


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All but what must differ between two accounts: when it was processed, and message ids."""
    kept = ("sequence", "kind", "from_stage", "to_stage", "outcome", "cycle", "occurred_at",
            "dwell_seconds", "rule", "map_version")  # fmt: skip
    return [
        {name: item[name] for name in kept} | {"cause": item["cause"].get("event")}
        for item in history
    ]


async def test_a_move_back_and_a_loop_are_recorded_as_what_they_are(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-jtbd-7"))

    await live(stack, story("acme"))

    assert moves(await stack.history("acme")) == WANTED
    stage = await stack.stage(account_id="acme")
    assert (stage["stage"], stage["cycle"]) == ("purchase", 2)


async def test_a_storm_of_duplicates_counts_each_event_once(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-jtbd-7"))
    await live(stack, story("acme"))
    before = await stack.history("acme")

    chance = random.Random(7)  # noqa: S311 - a fixed disorder
    storm = [chance.sample(story("acme"), len(STEPS)) for _ in range(40)]
    await asyncio.gather(*(stack.post(events, settle=False) for events in storm))
    await stack.settled()

    assert await stack.history("acme") == before
    assert len(await stack.timeline("acme")) == len(STEPS)
    report = await stack.verified()
    assert report.problems == []
    assert sum(partition.applied for partition in report.partitions) == len(STEPS)
    assert sum(partition.duplicate for partition in report.partitions) == 40 * len(STEPS)


async def test_shuffled_and_late_events_give_the_history_of_the_ordered_ones(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-jtbd-7"))
    await live(stack, story("ordered"))

    chance = random.Random(11)  # noqa: S311 - a fixed disorder
    for each in chance.sample(story("shuffled"), len(STEPS)):
        await stack.post([each])
    await stack.post(list(reversed(story("reversed"))))

    ordered = timeless(await stack.history("ordered"))
    assert [item["to_stage"] for item in ordered] == [to for _, _, to, _ in WANTED]
    assert timeless(await stack.history("shuffled")) == ordered
    assert timeless(await stack.history("reversed")) == ordered
    assert (await stack.verified()).problems == []


async def test_what_a_late_event_has_replaced_stays_visible_as_such(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-jtbd-7"))
    first, late, third, *_ = story("acme")
    await live(stack, [first, third])

    await stack.post([late])

    everything = await stack.history_with_superseded("acme")
    current = [item for item in everything if item["superseded_at"] is None]
    gone = [item for item in everything if item["superseded_at"] is not None]
    assert path(current) == [
        (None, "trigger"),
        ("trigger", "research"),
        ("research", "consideration"),
    ]
    assert path(gone) == [("trigger", "consideration")]


async def test_the_same_history_comes_out_after_a_restart_in_the_middle(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-jtbd-7"))
    events = story("acme")

    await live(stack, events[:6])
    await stack.restart()
    await live(stack, events[6:])

    assert moves(await stack.history("acme")) == WANTED
