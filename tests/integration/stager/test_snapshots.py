"""Late events of long histories fold from a snapshot; the rows are those of a stager without snapshots."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from shared.contracts.envelope import Envelope
from tests.integration.stager.erasure_checks import erase
from tests.integration.stager.world import (
    HABIT,
    SALES,
    World,
    snapshot,
    story,
    world,
)
from tests.support.database import connected, fresh_database
from tests.support.services import stager_parts

NEVER = 10**9
"""Touchpoints between two snapshots of a stager that makes none."""

LIFE = """
journey: life
title: Life
subject: account
policy: {skips: allow}
stages:
  - {key: new, title: New, owner: success, stall_after: 2d}
  - key: active
    title: Active
    owner: success
    stall_after: 30h
    enter: {event: Signed In, count: 2, within: 3d}
  - key: quiet
    title: Quiet
    owner: success
    enter: {idle: 4d}
    back: [{to: active, when: {event: Signed In}}]
  - {key: customer, title: Customer, owner: success, enter: {event: Contract Signed}}
milestones:
  - {key: read, title: Read, when: {event: Blog Read, count: 3}}
loops:
  - {from: [customer], to: new, when: {event: Demo Requested}}
"""
LIFE_2 = LIFE.replace("30h", "54h").replace("count: 3", "count: 2")

_MORE_ROWS = {
    "notices": "SELECT type, subject_id, payload::text FROM outbox ORDER BY subject_id, outbox_id",
    "alerts": "SELECT subject_id, journey, stage, cycle, visit_entered_at, state, opened_at, resolved_at,"
    " resolution, last_touchpoint::text, value_at_risk, evidence::text FROM alert ORDER BY 1, 2, 3, 4, 5",
    "deadlines": "SELECT subject_id, journey, due_at FROM deadline ORDER BY 1, 2",
    "superseded": "SELECT subject_id, journey, sequence, to_stage, occurred_at, cause_message_id"
    " FROM transition WHERE superseded_at IS NOT NULL ORDER BY subject_id, journey, transition_id",
    "bytes": "SELECT subject_id, version, states, account_traits::text FROM subject ORDER BY 1",
}
SNAPSHOTS = (
    "SELECT subject_id, at, states, account_traits::text, value FROM subject_snapshot ORDER BY 1, 2"
)


@dataclass(frozen=True)
class Batch:
    """Events of one batch, the time that passes before it, and whether a map is published before it."""

    events: list[Envelope]
    wait: timedelta
    publishes: bool


def batches(w: World, random: Random, *, erases: bool) -> list[Batch]:
    """Events out of order, some twice, in batches of any size; with a map and time between."""
    events = [*habits(w, random, 50), *story(w, random, 12)]
    events += random.sample(events, 8)
    random.shuffle(events)
    dealt = []
    while events:
        size = random.choice([1, 1, 2, 5, 12])
        chosen, events = events[:size], events[size:]
        wait = timedelta(hours=random.choice([0, 0, 0, 5, 30]))
        dealt.append(Batch(chosen, wait, publishes=False))
    middle = len(dealt) // 2
    dealt[middle] = Batch(dealt[middle].events, timedelta(0), publishes=True)
    if erases:
        dealt.insert(
            random.randrange(len(dealt)),
            Batch([erase(w, user_id="u2")], timedelta(0), publishes=False),
        )
    return dealt


def habits(w: World, random: Random, number: int) -> list[Envelope]:
    """Events of few people of two accounts, with traits and values, often at one instant."""
    names = [
        "Signed In",
        "Signed In",
        "Blog Read",
        "Contract Signed",
        "Demo Requested",
        "Deal Lost",
    ]
    events = []
    for _ in range(number):
        fields: dict[str, Any] = {"user_id": random.choice(["u1", "u2", "u3"])}
        if random.random() < 0.8:
            fields["account_id"] = random.choice(["acme", "acme", "beta"])
        if random.random() < 0.3:
            fields["traits"] = {random.choice("abc"): random.choice([1, 1.0, True, "x"])}
        if random.random() < 0.3:
            fields["account_traits"] = {random.choice("abc"): random.choice([1, 1.0, True, "x"])}
        if random.random() < 0.3:
            fields["role"] = random.choice(["buyer", "user"])
        if random.random() < 0.3:
            fields["value"] = float(random.randint(1, 3))
        at = timedelta(hours=random.choice(range(0, 240, 6)))
        events.append(w.event(random.choice(names), at, **fields))
    return events


async def rows_of(w: World) -> dict[str, list[tuple[Any, ...]]]:
    rows = await snapshot(w)
    for name, query in _MORE_ROWS.items():
        rows[name] = await w.rows(query)
    return rows


async def play(w: World, dealt: Sequence[Batch], every: int) -> tuple[list[dict[str, Any]], int]:
    """Store the batches by a stager with snapshots `every` touchpoints.

    The rows after each batch, and the number of touchpoints that re-folds folded.
    """
    folded = 0
    w.stager = stager_parts(w.pool, w.clock, w.metrics, owner="test", snapshot_every=every)
    after = []
    for batch in dealt:
        await w.pass_time(batch.wait)
        if batch.publishes:
            await w.publish(LIFE_2)
            if len(dealt) % 2:
                await w.finish_jobs()
        done = await w.send(*batch.events)
        folded += sum(each.tally.refolded_touchpoints for each in done)
        after.append(await rows_of(w))
    await w.finish_jobs()
    after.append(await rows_of(w))
    return after, folded


@pytest.mark.parametrize("seed", range(6))
async def test_a_stager_with_snapshots_writes_the_rows_of_one_without(
    postgres_url: str, template_database: str, seed: int
) -> None:
    maps, random = (SALES, HABIT, LIFE), Random(seed)  # noqa: S311 - chance that can be repeated
    async with AsyncExitStack() as stack:
        worlds = []
        for _ in range(2):
            url = await stack.enter_async_context(
                fresh_database(postgres_url, template=template_database)
            )
            worlds.append(await stack.enter_async_context(world(url, *maps)))
        without, having = worlds
        dealt = batches(without, random, erases=seed % 3 == 0)

        expected, folded_without = await play(without, dealt, NEVER)
        actual, folded = await play(having, dealt, 3)

        for number, (one, other) in enumerate(zip(expected, actual, strict=True)):
            for name, rows in one.items():
                assert other[name] == rows, (number, name)
        assert folded < folded_without


async def test_a_late_event_reads_what_it_can_change(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        w.stager = stager_parts(w.pool, w.clock, w.metrics, owner="test", snapshot_every=10)
        for day in range(200):
            await w.send(w.event("Page Viewed", day, account_id="acme"))

        near = await w.send(w.event("Page Viewed", 199 - 1 / 24, account_id="acme"))
        far = await w.send(w.event("Page Viewed", 0.5, account_id="acme"))
        telling = await w.send(w.event("Demo Requested", 190.5, account_id="acme"))

        assert near[0].tally.refolded_touchpoints <= 20
        assert far[0].tally.refolded_touchpoints <= 20
        assert telling[0].tally.refolded_touchpoints <= 30
        assert await w.path("acme") == [(None, "aware"), ("aware", "evaluation")]
        assert await w.rows("SELECT touchpoints FROM subject") == [(203,)]


async def test_a_snapshot_that_cannot_be_read_is_replaced(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        w.stager = stager_parts(w.pool, w.clock, w.metrics, owner="test", snapshot_every=3)
        await w.send(*(w.event("Page Viewed", day, account_id="acme") for day in range(9)))
        await w.send(w.event("Page Viewed", 0.5, account_id="acme"))
        before = await w.rows(SNAPSHOTS)
        async with connected(w.url) as owner:
            await owner.execute("UPDATE subject_snapshot SET states = 'of another release'")

        await w.send(w.event("Pricing Viewed", 7.5, account_id="acme"))

        assert len(before) > 1
        assert [row[1] for row in await w.rows(SNAPSHOTS)] == [row[1] for row in before]
        assert b"another release" not in b"".join(row[2] for row in await w.rows(SNAPSHOTS))
        assert await w.rows("SELECT touchpoints FROM subject") == [(11,)]


async def test_an_absorbed_account_leaves_no_snapshot(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        w.stager = stager_parts(w.pool, w.clock, w.metrics, owner="test", snapshot_every=3)
        for day in range(9):
            await w.send(w.event("Page Viewed", day, account_id="acme"))
        assert {row[0] for row in await w.rows(SNAPSHOTS)} == {"acme"}

        await w.send(
            w.event(
                "Account Merged", 20, type="merge", account_id="beta", previous_account_id="acme"
            )
        )

        assert {row[0] for row in await w.rows(SNAPSHOTS)} == {"beta"}


async def test_snapshots_that_an_older_release_did_not_keep_are_not_used(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        w.stager = stager_parts(w.pool, w.clock, w.metrics, owner="test", snapshot_every=3)
        await w.send(*(w.event("Page Viewed", day, account_id="acme") for day in range(9)))
        await w.send(w.event("Demo Requested", 0.5, account_id="acme"))
        async with connected(w.url) as owner:
            # What it leaves: states as it knows them, and snapshots of a former history.
            await owner.execute(
                "UPDATE subject SET states = convert_to("
                "replace(convert_from(states, 'UTF8'), ',\"k\":true', ''), 'UTF8')"
            )
            await owner.execute(
                "UPDATE subject_snapshot SET states = convert_to("
                "replace(convert_from(states, 'UTF8'), 'evaluation', 'aware'), 'UTF8')"
            )
        w.stager = stager_parts(w.pool, w.clock, w.metrics, owner="test", snapshot_every=3)
        await w.send(w.event("Page Viewed", 12, account_id="acme"))

        await w.send(w.event("Page Viewed", 7.5, account_id="acme"))

        assert await w.stage("acme") == ("evaluation", "active", 1)
        assert await w.path("acme") == [(None, "aware"), ("aware", "evaluation")]
        stored = [row[2] for row in await w.rows(SNAPSHOTS)]
        assert all(b"evaluation" in states for states in stored)
