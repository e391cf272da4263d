"""What was taken back was never there: for stages, for who is who, in any order, and for the sums."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from shared.contracts.envelope import Envelope
from tests.integration.stager.erasure_checks import erase, is_sound
from tests.integration.stager.world import (
    HABIT,
    SALES,
    World,
    cycles,
    snapshot,
    story,
    wipe,
    world,
)


def retract(w: World, event: Envelope | str, **fields: Any) -> Envelope:
    target = event if isinstance(event, str) else event.message_id
    return w.event("Touchpoint Retracted", 20, type="retract", retracts=target, **fields)


def undo(w: World, import_id: str) -> Envelope:
    return w.event("Import Retracted", 20, type="retract", import_id=import_id)


async def counts(w: World) -> tuple[int, ...]:
    """applied, duplicate, retracted, withdrawn"""
    (row,) = await w.rows(
        "SELECT sum(applied), sum(duplicate), sum(retracted), sum(withdrawn) FROM consumer_offset"
    )
    return tuple(map(int, row))


async def notices(w: World) -> list[tuple[Any, ...]]:
    return await w.rows(
        "SELECT type, subject_id, payload->>'reason', payload->>'stage' FROM outbox"
        " ORDER BY outbox_id"
    )


async def test_a_stage_falls_back_and_a_correction_says_so(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        signed = w.event("Contract Signed", 3, account_id="acme", user_id="leah")
        await w.send(w.event("Demo Requested", 1, account_id="acme", user_id="leah"), signed)
        before = len(await notices(w))

        await w.send(retract(w, signed))

        assert await w.stage("acme") == ("evaluation", "active", 1)
        assert (await notices(w))[before:] == [
            ("journey.stage.corrected", "acme", "retract", "evaluation")
        ]
        assert await counts(w) == (2, 0, 1, 1)
        await is_sound(w)


async def test_an_event_that_was_retracted_stays_away_however_often_it_is_sent(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        signed = w.event("Contract Signed", 3, account_id="acme")
        await w.send(signed)
        await w.send(retract(w, signed), retract(w, signed))
        w.restart()
        await w.send(signed, w.event("Demo Requested", 4, account_id="beta"), signed)

        assert await w.stage("acme") is None
        assert await w.rows("SELECT subject_id FROM subject") == [("beta",)]
        assert await w.rows("SELECT subject_id FROM transition") == [("beta",)] * 1
        assert await counts(w) == (2, 0, 4, 1)
        await is_sound(w)


async def test_another_stager_drops_an_event_that_was_retracted_before_it_arrived(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        other = w.another_stager()
        # It has read that nothing was ever taken back.
        await w.send(w.event("Blog Read", 0, user_id="leah", account_id="acme"))
        mine, w.stager = w.stager, other
        signed = w.event("Contract Signed", 3, user_id="leah", account_id="acme")
        await w.send(retract(w, signed))
        w.stager = mine

        done = await w.send(signed, w.event("Blog Read", 4, user_id="leah"))

        assert (done[0].applied, done[0].retracted) == (1, 1)
        assert await w.stage("acme") == ("aware", "active", 1)
        await is_sound(w)


async def test_what_an_event_said_of_who_is_who_goes_with_it(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        wrong = w.event("Signed In", 2, anonymous_id="z", user_id="leah", account_id="acme")
        await w.send(
            w.event("Blog Read", 1, anonymous_id="z"),
            w.event("Demo Requested", 3, anonymous_id="z"),
            w.event("Blog Read", 4, user_id="leah"),
        )
        await w.send(wrong)
        assert await w.stage("acme") == ("evaluation", "active", 1)

        await w.send(retract(w, wrong))

        assert await w.stage("acme") is None
        assert await w.stage("anonymous:z") == ("evaluation", "active", 1)
        assert await w.stage("user:leah") == ("aware", "active", 1)
        assert await w.rows(
            "SELECT identifier, person_id, subject_id FROM identifier ORDER BY 1"
        ) == [
            ("anonymous:z", "anonymous:z", "anonymous:z"),
            ("user:leah", "user:leah", "user:leah"),
        ]
        assert await w.rows("SELECT name FROM identity_statement") == []
        await is_sound(w)


async def test_a_merge_that_was_retracted_parts_the_accounts(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        merge = w.event(
            "Account Merged", 5, type="merge", account_id="new", previous_account_id="old"
        )
        await w.send(
            w.event("Demo Requested", 0, account_id="old", user_id="leah"),
            w.event("Contract Signed", 1, account_id="new", user_id="omar"),
            merge,
        )
        assert await w.stage("old") is None

        await w.send(retract(w, merge))

        assert await w.stage("old") == ("evaluation", "active", 1)
        assert await w.stage("new") == ("customer", "active", 1)
        await is_sound(w)


async def test_an_alert_that_a_retracted_event_has_opened_is_resolved(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        demo = w.event("Demo Requested", 1, account_id="acme")
        await w.send(w.event("Blog Read", 0, account_id="acme"), demo)
        await w.pass_time(timedelta(days=20))
        assert await w.rows("SELECT stage, state FROM alert") == [("evaluation", "open")]

        await w.send(retract(w, demo))

        assert await w.rows("SELECT stage, state, resolution FROM alert") == [
            ("evaluation", "resolved", "corrected")
        ]
        await is_sound(w)


async def test_an_import_is_retracted_in_steps_and_its_rows_can_be_imported_rightly(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        rows = [
            w.event("Contract Signed", day, account_id=f"a{number}", import_id="wrong")
            for number in range(5)
            for day in (1, 2)
        ]
        await w.send(w.event("Blog Read", 0, account_id="a0"), *rows)

        await w.send(undo(w, "wrong"))
        assert await w.stager.retraction_jobs.step(subjects=2, touchpoints=3)
        # A crash between two steps.
        w.restart()
        await w.finish_jobs()

        assert await w.rows("SELECT subject_id FROM subject") == [("a0",)]
        assert await w.stage("a0") == ("aware", "active", 1)
        assert await w.rows("SELECT import_id FROM imported_event") == []
        assert await w.rows(
            "SELECT target, touchpoints, finished_at IS NOT NULL FROM retraction"
        ) == [("wrong", 10, True)]
        assert await counts(w) == (11, 0, 1, 10)
        await is_sound(w)

        # In one batch with what is still to be dropped, as in a replay.
        await w.send(*rows, *(replace(row, import_id="right") for row in rows))

        assert await w.stage("a4") == ("customer", "active", 1)
        assert await counts(w) == (21, 0, 11, 10)
        await is_sound(w)


async def test_only_the_workspace_of_a_retraction_loses_anything(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        signed = w.event("Contract Signed", 3, account_id="acme", import_id="i1")
        await w.send(signed)
        await w.send(
            replace(retract(w, signed), workspace_id=2), replace(undo(w, "i1"), workspace_id=2)
        )
        await w.finish_jobs()

        assert await w.stage("acme") == ("customer", "active", 1)


async def test_of_two_requests_the_earlier_is_named_whichever_arrives_first(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        first = retract(w, "m-x", reason="a test", logged_by="ann")
        second = retract(w, "m-x", reason="a mistake", logged_by="ben")
        for arrival in ([first, second], [second, first]):
            await wipe(w)
            for each in arrival:
                await w.send(each)
            assert await w.rows("SELECT author, reason, message_id FROM retraction") == [
                ("ann", "a test", first.message_id)
            ]


async def test_a_person_who_was_erased_is_not_brought_back_by_a_retraction(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        signed = w.event("Contract Signed", 3, user_id="leah", account_id="acme", import_id="i1")
        await w.send(signed, w.event("Blog Read", 4, user_id="omar", account_id="acme"))
        await w.send(erase(w, user_id="leah"))
        await w.send(retract(w, signed), undo(w, "i1"))
        await w.finish_jobs()

        assert await w.rows("SELECT identifier FROM identifier") == [("user:omar",)]
        assert (await counts(w))[2:] == (2, 0)
        await is_sound(w)


async def test_concurrent_stagers_agree_on_what_was_retracted(database_url: str) -> None:
    async with world(database_url, SALES, HABIT) as w:
        stagers = [w.another_stager(f"s{n}").writer for n in range(3)]
        random = Random(3)  # noqa: S311 - chance that can be repeated
        events = story(w, random, 60)
        gone = random.sample(events, 12)
        records = [*events, *(retract(w, each) for each in gone)]
        random.shuffle(records)

        async def feed(number: int) -> None:
            positions: dict[int, int] = {}
            part = records[number::3]
            for start in range(0, len(part), 3):
                batch = w.decoded(part[start : start + 3], number, positions)
                for each in await stagers[number].store(batch, positions):
                    positions.update(each.next_offsets)

        await asyncio.gather(*(feed(number) for number in range(3)))

        after = await snapshot(w)
        await is_sound(w)
        left = {each.message_id for each in gone}
        await wipe(w)
        await w.send(*(each for each in events if each.message_id not in left))
        assert_same(after, await snapshot(w))


_COMPANIES = ("hubspot:company:1", "hubspot:company:2")
_RECORDS = ("hubspot:contact:1", "hubspot:contact:2", "hubspot:deal:1")
_SHAPES: tuple[dict[str, Sequence[str]], ...] = (
    {"account_external_id": _COMPANIES, "account_id": ["a1", "a2"]},
    {
        "type": ["merge"],
        "account_external_id": _COMPANIES[:1],
        "previous_account_id": _COMPANIES[1:],
    },
    {"type": ["alias", "alias", "unmerge"], "user_id": ["u1", "u2"], "email": [""]},
    {"type": ["leave"], "external_id": _RECORDS, "account_external_id": _COMPANIES},
    {"external_id": _RECORDS},
    {"external_id": _RECORDS, "account_external_id": _COMPANIES},
    {"external_id": _RECORDS[:2], "email": ["e1@x.io", "e2@x.io"]},
    {"user_id": ["u1", "u2"], "email": ["e1@x.io", "e2@x.io"], "account_id": ["a1", "a2"]},
    {"email": ["e1@x.io", "e2@x.io"], "anonymous_id": ["z1", "z2"]},
    {"anonymous_id": ["z1", "z2"]},
)
"""Fields of an event, each with its possible values."""


def crm(w: World, random: Random, number: int) -> list[Envelope]:
    """Records of accounts and people, deals, unmerges, leaves, deletions and addresses on devices."""
    events = []
    for _ in range(number):
        shape = random.choice(_SHAPES)
        fields: dict[str, Any] = {name: random.choice(values) for name, values in shape.items()}
        if fields.get("type") in {"alias", "unmerge"}:
            del fields["email"]
            fields["previous_names"] = [random.choice(["email:e1@x.io", "user:u3"])]
        if set(shape) == {"external_id"}:
            fields["is_about_record"] = True
        name = random.choice(["Blog Read", "Demo Requested", "Contract Signed", "Signed In"])
        events.append(w.event(name, random.choice(range(8)), **fields))
    return events


@pytest.mark.parametrize("seed", range(18))
async def test_any_order_leaves_what_a_stager_has_that_never_saw_the_retracted_events(
    database_url: str, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    # Journeys of people fold a `leave` of a person without account otherwise than a re-fold does.
    maps = (SALES,) if seed % 3 == 2 else (SALES, HABIT)
    async with world(database_url, *maps) as w:
        events = [story, cycles, crm][seed % 3](w, random, 14)
        imported = set(random.sample(range(len(events)), 4))
        events = [
            replace(each, import_id="i1" if number % 2 else "i2") if number in imported else each
            for number, each in enumerate(events)
        ]
        gone = {each.message_id for each in random.sample(events, random.randint(1, 5))}
        gone_imports = random.choice([set(), {"i1"}, {"i1", "i2"}])
        requests = [*(retract(w, each) for each in gone), *(undo(w, each) for each in gone_imports)]
        left = [e for e in events if e.message_id not in gone and e.import_id not in gone_imports]
        if left:
            await w.send(*left)
        expected = await snapshot(w)
        for attempt in range(5):
            arrival = [*events, *random.sample(events, 3), *requests, *random.sample(requests, 1)]
            if attempt:
                random.shuffle(arrival)
            await wipe(w)
            for batch in batches(arrival, random):
                await w.send(*batch)
                if random.random() < 0.3:
                    await w.stager.retraction_jobs.step(subjects=1, touchpoints=2)
            while await w.stager.retraction_jobs.step(subjects=2, touchpoints=3):
                pass
            assert_same(await snapshot(w), expected)
            await is_sound(w)


def batches(events: Sequence[Envelope], random: Random) -> list[list[Envelope]]:
    cuts = sorted(random.sample(range(1, len(events)), random.randint(0, 6)))
    starts = [0, *cuts]
    return [list(events[at:end]) for at, end in zip(starts, [*cuts, len(events)], strict=True)]


def assert_same(
    rows_now: dict[str, list[tuple[Any, ...]]], expected: dict[str, list[tuple[Any, ...]]]
) -> None:
    for name in expected:
        assert _counted(name, rows_now) == _counted(name, expected), name


def _counted(name: str, tables: dict[str, list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """Rows without those that depend on the order without any retraction as well, and stand for nothing.

    These are names that events only mention and that lead nowhere, and subjects that lost every event.
    """
    if name == "identifier":
        people = {person for _, _, person in tables["touchpoint"]}
        return [row for row in tables[name] if len(set(row)) > 1 or row[0] in people]
    if name in {"subject", "states"}:
        empty = {row[0] for row in tables["subject"] if row[1] == 0}
        return [row for row in tables[name] if row[0] not in empty]
    return tables[name]
