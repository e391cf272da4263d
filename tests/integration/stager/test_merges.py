"""One account absorbs another: the events of both are one history, in any order of arrival."""

from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.queries import accounts
from services.cli.client.database import transact
from services.cli.operate.verify import examine
from shared.contracts.envelope import Envelope
from shared.ids import DEFAULT_WORKSPACE
from tests.integration.stager.world import HABIT, SALES, World, cycles, snapshot, wipe, world


def merge(w: World, survivor: str, loser: str, day: float, **fields: Any) -> Envelope:
    return w.event(
        "Account Merged",
        day,
        type="merge",
        account_id=survivor,
        previous_account_id=loser,
        **fields,
    )


async def absorbed(w: World) -> dict[str, str]:
    """The survivor of each absorbed account."""
    return {
        str(name): str(into)
        for name, into in await w.rows(
            "SELECT subject_id, merged_into FROM subject WHERE merged_into IS NOT NULL"
            " AND subject_id NOT LIKE '%:%'"
        )
    }


async def test_the_survivor_has_what_both_did_and_the_merge_itself(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, account_id="old", user_id="leah"))
        await w.send(w.event("Contract Signed", 5, account_id="new", user_id="omar"))
        await w.send(merge(w, "new", "old", 9))

        assert await w.path("new") == [
            (None, "evaluation"),
            ("evaluation", "customer"),
        ]
        assert await w.path("old") == []
        assert await w.stage("old") is None
        assert await w.rows("SELECT message_id, subject_id FROM touchpoint ORDER BY 1") == [
            ("m0001", "new"),
            ("m0002", "new"),
            ("m0003", "new"),
        ]
        assert await w.rows(
            "SELECT subject_id, merged_into, touchpoints FROM subject ORDER BY 1"
        ) == [
            ("new", None, 3),
            ("old", "new", 0),
            ("user:leah", "new", 0),
        ]
        assert await w.rows(
            "SELECT identifier, person_id, subject_id FROM identifier ORDER BY 1"
        ) == [
            ("old", "new", "new"),
            ("user:leah", "user:leah", "new"),
            ("user:omar", "user:omar", "new"),
        ]
        assert await w.rows("SELECT subject_id, person_id FROM member ORDER BY 2") == [
            ("new", "user:leah"),
            ("new", "user:omar"),
        ]
        assert (
            await w.rows("SELECT subject_id, journey FROM deadline WHERE subject_id = 'old'") == []
        )


async def test_what_comes_later_under_either_id_counts_for_the_survivor(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, account_id="old", user_id="leah"))
        await w.send(merge(w, "new", "old", 1))
        await w.send(w.event("Demo Requested", 2, account_id="old", user_id="omar"))
        await w.send(w.event("Contract Signed", 3, user_id="leah"))

        assert await w.path("new") == [
            (None, "aware"),
            ("aware", "evaluation"),
            ("evaluation", "customer"),
        ]
        assert await w.rows("SELECT DISTINCT subject_id FROM touchpoint") == [("new",)]
        assert await w.rows("SELECT identifier, subject_id FROM identifier ORDER BY 1") == [
            ("old", "new"),
            ("user:leah", "new"),
            ("user:omar", "new"),
        ]


async def test_alerts_of_an_absorbed_account_are_closed(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, account_id="old"))
        await w.pass_time(timedelta(days=20))
        assert await w.rows("SELECT subject_id, state FROM alert") == [("old", "open")]

        await w.send(merge(w, "new", "old", 20))

        assert await w.rows(
            "SELECT subject_id, state, resolution FROM alert WHERE subject_id = 'old'"
        ) == [("old", "resolved", "merged")]
        assert await w.rows(
            "SELECT count(*) FROM transition WHERE subject_id = 'old' AND superseded_at IS NULL"
        ) == [(0,)]


async def test_chains_are_followed_to_their_end_however_they_grow(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, account_id="a", user_id="leah"))
        await w.send(merge(w, "c", "b", 3))
        await w.send(merge(w, "b", "a", 2))
        await w.send(merge(w, "d", "c", 1))
        await w.send(w.event("Demo Requested", 9, account_id="a"))

        assert await absorbed(w) == {"a": "d", "b": "d", "c": "d"}
        assert await w.stage("d") == ("evaluation", "active", 1)
        assert await w.rows("SELECT DISTINCT subject_id FROM touchpoint") == [("d",)]
        assert await w.rows("SELECT subject_id FROM identifier WHERE identifier = 'user:leah'") == [
            ("d",)
        ]


@pytest.mark.parametrize("is_late", [False, True])
async def test_two_accounts_that_absorb_one_are_one_and_the_later_survives(
    database_url: str,
    is_late: bool,  # noqa: FBT001 - a table's column
) -> None:
    async with world(database_url, SALES) as w:
        first, second = merge(w, "left", "old", 2), merge(w, "right", "old", 3)
        await w.send(w.event("Demo Requested", 0, account_id="old", user_id="leah"))
        for event in (second, first) if is_late else (first, second):
            await w.send(event)

        assert await absorbed(w) == {"left": "right", "old": "right"}
        assert await w.stage("left") is None
        assert await w.stage("right") == ("evaluation", "active", 1)
        assert await w.rows("SELECT DISTINCT subject_id FROM touchpoint") == [("right",)]


@pytest.mark.parametrize("is_late", [False, True])
async def test_the_newest_merge_of_a_cycle_does_not_count(
    database_url: str,
    is_late: bool,  # noqa: FBT001 - a table's column
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, account_id="a", user_id="leah"))
        await w.send(w.event("Blog Read", 0.5, account_id="b", user_id="omar"))
        there, back = merge(w, "b", "a", 1), merge(w, "a", "b", 2)
        for event in (back, there) if is_late else (there, back):
            await w.send(event)

        assert await absorbed(w) == {"a": "b"}
        assert await w.rows("SELECT DISTINCT subject_id FROM touchpoint") == [("b",)]
        assert await w.rows("SELECT DISTINCT subject_id FROM identifier") == [("b",)]
        assert await w.stage("b") == ("evaluation", "active", 1)


async def test_a_merge_into_itself_is_a_touchpoint_and_no_more(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(merge(w, "acme", "acme", 1))

        assert await w.stage("acme") == ("aware", "active", 1)
        assert await w.rows("SELECT count(*) FROM identifier") == [(0,)]


async def test_a_repeated_merge_is_a_duplicate_even_with_another_body(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(merge(w, "new", "old", 1, message_id="x"))
        await w.send(merge(w, "new", "old", 1, message_id="x"))
        await w.send(merge(w, "evil", "new", 0, message_id="x"))

        assert await w.verdicts() == (1, 2, 0)
        assert await absorbed(w) == {"old": "new"}
        assert await w.rows("SELECT subject_id FROM subject WHERE subject_id = 'evil'") == []


async def test_a_merge_says_nothing_about_the_person_who_reported_it(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(merge(w, "new", "old", 1, user_id="admin", traits={"name": "Ann"}))

        assert await w.rows("SELECT identifier FROM identifier") == [("old",)]
        assert await w.rows("SELECT person_id FROM touchpoint") == [(None,)]
        rows = await w.rows("SELECT envelope::text FROM touchpoint")
        assert "admin" not in rows[0][0]
        assert "Ann" not in rows[0][0]


async def test_persons_keep_their_own_journey_through_a_merge(database_url: str) -> None:
    async with world(database_url, SALES, HABIT) as w:
        await w.send(
            w.event("Signed In", 0, account_id="old", user_id="leah"),
            w.event("Signed In", 1, account_id="new", user_id="leah"),
        )
        await w.send(merge(w, "new", "old", 2))
        await w.send(w.event("Signed In", 3, user_id="leah"))

        assert await w.stage("user:leah", "habit") == ("regular", "active", 1)
        assert await w.rows("SELECT merged_into FROM subject WHERE subject_id = 'user:leah'") == [
            ("new",)
        ]


async def test_another_stager_that_remembers_the_old_account_finds_the_new_one(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, account_id="old", user_id="leah"))
        other = w.another_stager()
        mine, w.stager = w.stager, other
        await w.send(merge(w, "new", "old", 1))
        await w.send(merge(w, "newest", "new", 2))
        w.stager = mine
        await w.send(
            w.event("Demo Requested", 3, account_id="old"), w.event("Blog Read", 4, user_id="leah")
        )
        w.stager = other
        await w.send(merge(w, "first", "old", 0.5))
        w.stager = mine
        await w.send(w.event("Contract Signed", 5, account_id="old"))

        assert await absorbed(w) == {"old": "newest", "first": "newest", "new": "newest"}
        assert await w.rows("SELECT DISTINCT subject_id FROM touchpoint") == [("newest",)]
        assert await w.stage("newest") == ("customer", "active", 1)
        report = await transact(
            database_url, lambda connection: examine(connection, deep=True, now=w.clock.now())
        )
        assert report.problems == []


async def test_the_api_knows_both_accounts_and_all_names_below_them(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(
            w.event("Blog Read", 0, account_id="a", email="leah@x.io"),
            w.event("Blog Read", 1, email="leah@x.io", anonymous_id="new"),
            w.event(
                "Aliased", 1.5, type="alias", email="leah@x.io", previous_names=["anonymous:old"]
            ),
            w.event(
                "Aliased", 2, type="alias", email="leah@x.io", previous_names=["anonymous:older"]
            ),
            merge(w, "b", "a", 3),
            merge(w, "c", "b", 4),
            merge(w, "a", "c", 5),
        )

        for account in ("a", "b", "c"):
            resolved = await transact(database_url, partial(_resolved, account))
            assert resolved == accounts.Resolved(subject_id="c")
        names = await transact(
            database_url, lambda c: accounts.identifiers(c, DEFAULT_WORKSPACE, "c")
        )
        assert names == [
            "a", "anonymous:new", "anonymous:old", "anonymous:older", "b", "email:leah@x.io",
        ]  # fmt: skip


async def _resolved(account: str, connection: AsyncConnection) -> accounts.Resolved | None:
    return await accounts.resolve(connection, DEFAULT_WORKSPACE, account)


@pytest.mark.parametrize("seed", range(8))
async def test_cycles_are_broken_at_the_same_place_in_any_order(
    database_url: str, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    async with world(database_url, SALES, HABIT) as w:
        events = cycles(w, random, 16)
        expected: dict[str, list[tuple[Any, ...]]] | None = None
        for _ in range(4):
            await wipe(w)
            for start in range(0, len(events), 3):
                await w.send(*events[start : start + 3])
            rows_now = await snapshot(w)
            expected = expected or rows_now
            for name, rows in expected.items():
                assert rows_now[name] == rows, name
            report = await transact(
                database_url, lambda connection: examine(connection, deep=True, now=w.clock.now())
            )
            assert report.problems == []
            random.shuffle(events)


async def test_a_published_map_does_not_fold_absorbed_accounts(
    database_url: str,
) -> None:
    async with world(database_url) as w:
        await w.send(w.event("Demo Requested", 0, account_id="old", user_id="leah"))
        await w.send(merge(w, "new", "old", 1))
        await w.publish(SALES)
        await w.publish(HABIT)
        await w.finish_jobs()

        assert await w.rows("SELECT subject_id, journey FROM placement ORDER BY 1") == [
            ("new", "sales"),
            ("user:leah", "habit"),
        ]
        assert (await snapshot(w))["subject"] == [("new", 2, "m0002", "{}", None)]
