"""Names become persons, persons find their account; whatever order the events come in."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from shared.contracts.envelope import Envelope
from tests.integration.stager.world import HABIT, SALES, START, snapshot, story, wipe, world


async def test_an_anonymous_visitor_becomes_a_user_and_then_an_account(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, anonymous_id="z"))
        assert await w.stage("anonymous:z") == ("aware", "active", 1)

        await w.send(w.event("Demo Requested", 2, anonymous_id="z", user_id="leah"))
        assert await w.stage("anonymous:z") is None
        assert await w.stage("user:leah") == ("evaluation", "active", 1)

        await w.send(w.event("Contract Signed", 9, user_id="leah", account_id="acme"))
        assert await w.stage("user:leah") is None
        assert await w.path("acme") == [
            (None, "aware"),
            ("aware", "evaluation"),
            ("evaluation", "customer"),
        ]
        assert await w.rows(
            "SELECT identifier, person_id, subject_id FROM identifier ORDER BY identifier"
        ) == [("anonymous:z", "user:leah", "acme"), ("user:leah", "user:leah", "acme")]
        assert await w.rows("SELECT subject_id, merged_into FROM subject ORDER BY subject_id") == [
            ("acme", None),
            ("anonymous:z", "acme"),
            ("user:leah", "acme"),
        ]
        assert await w.rows("SELECT DISTINCT subject_id, person_id FROM touchpoint") == [
            ("acme", "user:leah")
        ]
        assert await w.rows("SELECT subject_id, person_id, first_seen_at FROM member") == [
            ("acme", "user:leah", START)
        ]
        assert await w.rows("SELECT subject_id FROM deadline") == []


async def test_an_alias_links_the_former_id(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, anonymous_id="old"))
        await w.send(w.event("alias", 1, user_id="leah", previous_id="old", type="alias"))

        assert await w.stage("user:leah") == ("evaluation", "active", 1)
        assert await w.stage("anonymous:old") is None


async def test_open_alerts_of_a_merged_subject_are_closed(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, anonymous_id="z"))
        await w.pass_time(timedelta(days=20))
        assert await w.rows("SELECT subject_id, state FROM alert") == [("anonymous:z", "open")]

        await w.send(w.event("Contract Signed", 19, anonymous_id="z", account_id="acme"))

        assert await w.rows(
            "SELECT subject_id, state, resolution, resolved_at FROM alert ORDER BY subject_id"
        ) == [
            ("acme", "resolved", "moved", START + timedelta(days=19)),
            ("anonymous:z", "resolved", "merged", w.clock.now()),
        ]


async def test_an_earlier_identification_that_comes_late_takes_events_of_a_device_away_again(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 1, anonymous_id="z", account_id="acme"))
        await w.send(w.event("Demo Requested", 3, anonymous_id="z", user_id="omar"))
        await w.send(w.event("Blog Read", 4, user_id="omar"))
        assert await w.rows("SELECT DISTINCT subject_id, person_id FROM touchpoint") == [
            ("acme", "user:omar")
        ]

        await w.send(w.event("Blog Read", 2, anonymous_id="z", user_id="leah"))

        assert await w.rows(
            "SELECT identifier, person_id, subject_id FROM identifier ORDER BY 1"
        ) == [
            ("anonymous:z", "user:omar", "user:omar"),
            ("user:leah", "user:leah", "acme"),
            ("user:omar", "user:omar", "user:omar"),
        ]
        assert await w.rows(
            "SELECT message_id, subject_id, person_id FROM touchpoint ORDER BY 1"
        ) == [
            ("m0001", "acme", "user:leah"),
            ("m0002", "user:omar", "user:omar"),
            ("m0003", "user:omar", "user:omar"),
            ("m0004", "acme", "user:leah"),
        ]
        assert await w.stage("user:omar") == ("evaluation", "active", 1)
        assert await w.stage("acme") == ("aware", "active", 1)
        assert await w.rows(
            "SELECT subject_id, merged_into, touchpoints FROM subject ORDER BY 1"
        ) == [
            ("acme", None, 2),
            ("anonymous:z", "user:omar", 0),
            ("user:omar", None, 2),
        ]


@pytest.mark.parametrize("seed", [*range(20), 37])
async def test_any_order_and_any_batches_give_the_same_rows(database_url: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    async with world(database_url, SALES, HABIT) as w:
        events = story(w, random, 14)
        expected: dict[str, list[tuple[Any, ...]]] | None = None
        for arrival in (
            sorted(events, key=lambda e: (e.occurred_at, e.message_id)),
            *_shuffles(events, random),
        ):
            await wipe(w)
            for batch in _batches(arrival, random):
                await w.send(*batch)
            rows_now = await snapshot(w)
            if expected is None:
                expected = rows_now
            for name, rows in expected.items():
                assert rows_now[name] == rows, name


def _shuffles(events: Sequence[Envelope], random: Random) -> list[list[Envelope]]:
    orders = []
    for _ in range(4):
        shuffled = [*events, *random.sample(list(events), 3)]
        random.shuffle(shuffled)
        orders.append(shuffled)
    return orders


def _batches(events: Sequence[Envelope], random: Random) -> list[list[Envelope]]:
    cuts = sorted(random.sample(range(1, len(events)), random.randint(0, 6)))
    return [list(events[start:end]) for start, end in itertools.pairwise([0, *cuts, len(events)])]
