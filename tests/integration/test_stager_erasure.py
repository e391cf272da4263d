"""A person who asked to be forgotten is gone, and stays gone, whatever the log brings again."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from services.cli.client.database import transact
from services.cli.operate.verify import examine
from shared.contracts.envelope import Envelope
from shared.eventlog.factory import ensure_topics
from shared.sources.hashing import hashed
from shared.storage.connect import DatabaseRole, connect
from tests.integration.stager_world import HABIT, SALES, START, World, snapshot, story, wipe, world
from tests.integration.test_stager_identity import _batches
from tests.integration.test_stager_process import append, running, settings_of, wait_for
from tests.support.eventually import eventually


def erase(w: World, day: float = 20, **names: Any) -> Envelope:
    return w.event("Erasure Requested", day, type="erase", **names)


TABLES_WITH_NAMES = (
    "identifier", "member", "subject", "placement", "touchpoint", "transition", "deadline", "alert",
    "outbox", "dead_letter", "source_event", "suppression", "erasure",
)  # fmt: skip


async def holds(w: World, *texts: str) -> list[str]:
    """Tables in which one of the texts still occurs, in whatever column."""
    owner = await connect(w.url, role=DatabaseRole.OWNER, application_name="test")
    found = []
    for table in TABLES_WITH_NAMES:
        rows = await owner.fetch(
            "SELECT 1 FROM (SELECT t::text || coalesce(encode("  # noqa: S608 - our own names
            + ("t.record_value" if table == "dead_letter" else "NULL")
            + f", 'escape'), '') AS all FROM {table} t) x WHERE x.all ILIKE ANY($1::text[])",
            [f"%{text}%" for text in texts],
        )
        if rows:
            found.append(table)
    await owner.close()
    return found


async def erased_records(w: World) -> tuple[int, int]:
    rows = await w.rows("SELECT sum(erased), sum(forgotten) FROM consumer_offset")
    return int(rows[0][0]), int(rows[0][1])


async def is_sound(w: World) -> None:
    report = await transact(
        w.url, lambda connection: examine(connection, deep=True, now=w.clock.now())
    )
    assert report.problems == []


async def test_nothing_is_left_of_a_person_under_any_name(database_url: str) -> None:
    async with world(database_url, SALES, HABIT) as w:
        await w.send(
            w.event("Blog Read", 0, anonymous_id="leahs-phone"),
            w.event("Blog Read", 1, anonymous_id="leahs-phone", email="Leah@x.io"),
            w.event("Signed In", 2, email="leah@x.io", user_id="leah-1", traits={"n": "Leah"}),
            w.event("Demo Requested", 3, user_id="leah-1", account_id="acme", role="buyer"),
            w.event("Blog Read", 4, user_id="omar", account_id="acme"),
            w.event("Broken", 5, user_id="leah-1", account_id="user:x"),
        )
        await w.pass_time(timedelta(days=90))
        await w.pool.execute(
            "INSERT INTO outbox (workspace_id, type, subject_id, payload, created_at)"
            " VALUES (1, 'x', 'user:leah-1', '{}', now())"
        )

        done = await w.send(erase(w, email="leah@x.io"))

        assert (done[0].applied, done[0].erased) == (0, 1)
        assert await holds(w, "leah") == []
        assert await w.rows("SELECT identifier FROM identifier") == [("user:omar",)]
        assert await w.stage("acme") == ("aware", "stalled", 1)
        assert await w.rows("SELECT touchpoints FROM subject WHERE subject_id = 'acme'") == [(1,)]
        assert await w.rows("SELECT message_id FROM touchpoint") == [("m0005",)]
        assert await erased_records(w) == (1, 4)
        assert await w.rows("SELECT touchpoints FROM erasure") == [(4,)]
        assert await w.rows("SELECT reason, lifted_at FROM suppression") == [("erased", None)] * 3
        await is_sound(w)


async def test_what_the_account_has_of_others_reads_as_if_the_person_had_never_been(
    database_url: str,
) -> None:
    async with world(database_url, SALES, HABIT) as w:
        others = [
            w.event("Blog Read", 4, user_id="omar", account_id="acme", value=5.0),
            w.event("Contract Signed", 9, user_id="omar", account_id="acme"),
        ]
        await w.send(*others)
        expected = await snapshot(w)
        await wipe(w)
        await w.send(
            w.event("Demo Requested", 1, user_id="leah", account_id="acme", value=9.0),
            *others,
            w.event("Deal Lost", 11, user_id="leah", account_id="acme"),
        )
        await w.send(erase(w, user_id="leah"))

        assert await snapshot(w) == expected
        assert await w.path("acme") == [(None, "aware"), ("aware", "customer")]
        await is_sound(w)


async def test_an_account_that_only_the_person_had_goes_too(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 1, user_id="leah", account_id="leahs-shop"))
        await w.send(erase(w, user_id="leah"))

        assert await holds(w, "leah") == []
        assert await w.rows("SELECT count(*) FROM subject") == [(0,)]
        await is_sound(w)


@pytest.mark.parametrize("day", [-30, 30])
async def test_what_comes_after_the_request_stays_out_whenever_it_happened(
    database_url: str, day: int
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, email="leah@x.io", anonymous_id="phone"))
        await w.send(erase(w, email="LEAH@x.io "))
        done = await w.send(
            w.event("Demo Requested", day, email="Leah@X.io"),
            w.event("Demo Requested", day, anonymous_id="phone"),
            w.event("Demo Requested", day, email="leah@x.io", account_id="acme"),
            w.event("Demo Requested", day, email="omar@x.io", account_id="acme"),
        )

        assert (done[0].applied, done[0].erased) == (1, 3)
        assert await w.rows("SELECT identifier FROM identifier") == [("email:omar@x.io",)]
        await is_sound(w)


async def test_a_request_that_comes_again_changes_nothing(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, user_id="leah"))
        request = erase(w, user_id="leah")
        await w.send(request, request)
        await w.send(request)
        await w.send(erase(w, user_id="leah"), erase(w, user_id="nobody"))

        assert await w.verdicts() == (1, 2, 0)
        assert await erased_records(w) == (3, 1)
        await is_sound(w)


async def test_a_person_is_let_in_again_when_the_suppression_is_lifted(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        request = erase(w, user_id="leah")
        await w.send(request)
        assert (await w.send(w.event("Blog Read", 1, user_id="leah")))[0].erased == 1

        await w.pool.execute(
            "UPDATE suppression SET lifted_at = now(), change = nextval('suppression_change_seq')"
        )
        await w.send(w.event("Demo Requested", 2, user_id="leah"))
        await w.send(request)

        assert await w.stage("user:leah") == ("evaluation", "active", 1)
        await is_sound(w)


async def test_somebody_who_shares_a_device_is_not_taken_along(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        shared = [
            w.event("Blog Read", 1, user_id="leah", anonymous_id="kiosk"),
            w.event("Blog Read", 2, user_id="omar", anonymous_id="kiosk"),
        ]
        await w.send(*shared)
        await w.send(erase(w, user_id="leah"))
        await w.send(w.event("Demo Requested", 3, user_id="omar", anonymous_id="kiosk"))
        await w.send(w.event("Demo Requested", 4, user_id="zoe", anonymous_id="kiosk"))
        await w.send(*shared)

        assert await w.rows("SELECT identifier FROM identifier ORDER BY 1") == [
            ("user:omar",),
            ("user:zoe",),
        ]
        assert await w.stage("user:omar") == ("evaluation", "active", 1)
        await is_sound(w)


async def test_names_that_turn_out_later_to_be_the_persons_go_as_well(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(
            w.event("Blog Read", 0, anonymous_id="phone"),
            w.event("Blog Read", 0, user_id="leah-1", account_id="acme"),
        )
        await w.send(erase(w, email="leah@x.io"))
        assert await holds(w, "phone", "leah-1") != []

        # On their way in the log when the request was stored.
        await w.send(w.event("Blog Read", 1, email="leah@x.io", anonymous_id="phone"))
        assert await holds(w, "phone") == []
        await w.send(w.event("Blog Read", 2, email="leah@x.io", user_id="leah-1"))

        assert await holds(w, "leah-1") == []
        assert await erased_records(w) == (3, 2)
        assert (await w.send(w.event("Blog Read", 3, user_id="leah-1")))[0].erased == 1
        await is_sound(w)


async def test_a_request_reaches_those_who_are_known_by_a_pseudonym(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        rows = await w.rows("SELECT hash_key FROM workspace WHERE workspace_id = 1")
        pseudonym = hashed("leah@x.io", rows[0][0])
        await w.send(w.event("Blog Read", 0, email=pseudonym, user_id="u1"))
        await w.send(erase(w, email="leah@x.io"))

        assert await w.rows("SELECT count(*) FROM touchpoint") == [(0,)]
        assert (await w.send(w.event("Blog Read", 0, email=pseudonym)))[0].erased == 1
        assert (await w.send(w.event("Blog Read", 0, user_id="u1")))[0].erased == 1


async def test_dead_letters_that_hold_the_person_are_emptied_and_others_are_not(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        mine = w.event("New Ticket", type="unmapped", properties={"from": ["Leah@x.io"]})
        await w.send(
            mine,
            w.event("Broken", 0, user_id="leah", account_id="user:x"),
            b'{"workspace_id": 1, "v": 9, "email": "LEAH@X.IO"}',
            b"leah@x.io, no JSON and nobody's",
            b'{"workspace_id": 2, "v": 9, "email": "leah@x.io"}',
            w.event("Broken", 0, user_id="leah2", account_id="user:x"),
            w.event("New Ticket", type="unmapped", properties={"from": "leah"}),
        )
        await w.send(erase(w, email="leah@x.io", user_id="leah"))

        rows = await w.rows(
            "SELECT record_offset, reason, record_value IS NULL, message_id IS NULL FROM dead_letter"
            " ORDER BY 1"
        )
        assert [row for row in rows if row[2]] == [
            (0, "erased", True, True),
            (1, "erased", True, True),
            (2, "erased", True, True),
        ]
        assert [row[0] for row in rows if not row[2]] == [3, 4, 5, 6]
        await is_sound(w)


async def test_what_the_debugger_of_sources_shows_of_the_person_goes(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, user_id="leah", message_id="of-leah"))
        owner = await connect(w.url, role=DatabaseRole.OWNER, application_name="test")
        for person, message_id in (
            ("user:leah", "x"), (None, "of-leah"), ("user:omar", "y"), (None, None),
        ):  # fmt: skip
            await owner.execute(
                "INSERT INTO source_event (workspace_id, source_id, received_at, route, outcome,"
                " message_id, person) VALUES (1, 's', now(), 'track', 'accepted', $1, $2)",
                message_id, person,
            )  # fmt: skip
        await owner.close()
        await w.send(erase(w, user_id="leah"))

        assert await w.rows("SELECT person, message_id FROM source_event ORDER BY 1") == [
            ("user:omar", "y"),
            (None, None),
        ]


async def test_the_person_of_another_workspace_is_another_person(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.pool.execute("SELECT 1")
        owner = await connect(w.url, role=DatabaseRole.OWNER, application_name="test")
        other: int = await owner.fetchval(
            "INSERT INTO workspace (name) VALUES ('other') RETURNING workspace_id"
        )
        await owner.close()
        await w.send(
            w.event("Blog Read", 0, user_id="leah"),
            w.event("Blog Read", 0, user_id="leah", workspace_id=other),
        )
        await w.send(erase(w, user_id="leah", workspace_id=other))

        assert await w.rows("SELECT workspace_id FROM touchpoint") == [(1,)]
        assert (await w.send(w.event("Blog Read", 1, user_id="leah")))[0].applied == 1


async def test_a_request_of_a_workspace_that_does_not_exist_is_set_aside(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(erase(w, user_id="leah", workspace_id=999), w.event("E", 0, user_id="leah"))

        assert await w.verdicts() == (1, 0, 1)
        assert await w.rows("SELECT reason FROM dead_letter") == [("refused_by_database",)]


async def test_a_merge_outlives_whoever_reported_it(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Demo Requested", 0, account_id="old", user_id="omar"))
        await w.send(
            w.event(
                "Account Merged", 1, type="merge", account_id="new", previous_account_id="old",
                user_id="leah",
            )
        )  # fmt: skip
        await w.send(erase(w, user_id="leah"))

        assert await w.stage("new") == ("evaluation", "active", 1)
        assert await holds(w, "leah") == []


async def test_another_stager_that_remembers_the_person_does_not_bring_them_back(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, user_id="leah", account_id="acme"))
        other = w.another_writer()
        mine, w.writer = w.writer, other
        await w.send(erase(w, user_id="leah"))
        w.writer = mine
        done = await w.send(
            w.event("Blog Read", 1, user_id="leah"),
            w.event("Blog Read", 1, user_id="leah", account_id="acme"),
            w.event("Blog Read", 1, user_id="omar", account_id="acme"),
        )

        assert (done[0].applied, done[0].erased) == (1, 2)
        await is_sound(w)


async def test_requests_and_events_that_meet_leave_nobody_behind(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        stagers = [w.another_writer(f"s{n}") for n in range(3)]

        async def feed(number: int) -> None:
            random = Random(number)  # noqa: S311 - chance that can be repeated
            positions: dict[int, int] = {}
            for _ in range(25):
                events = [
                    w.event(
                        "Blog Read",
                        random.randrange(9),
                        user_id=f"u{random.randrange(6)}",
                        account_id=random.choice(["acme", "beta"]),
                    )
                    for _ in range(3)
                ]
                if random.random() < 0.15:
                    events.insert(1, erase(w, user_id=f"u{random.randrange(3)}"))
                records = w.decoded(events, number, positions)
                for each in await stagers[number].store(records, positions):
                    positions.update(each.next_offsets)

        await asyncio.gather(*(feed(number) for number in range(3)))

        assert (await erased_records(w))[0] > 5
        await is_sound(w)


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_leaves_the_same_people_forgotten(database_url: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    async with world(database_url, SALES, HABIT) as w:
        # Devices of their own, or who is forgotten depends on what was known of a shared one.
        events = [_with_a_device_of_its_own(event) for event in story(w, random, 14)]
        events += [erase(w, random.randrange(12), user_id="u1")]
        if random.random() < 0.5:
            events += [erase(w, random.randrange(12), email="b@x.io")]
        expected: dict[str, list[tuple[Any, ...]]] | None = None
        for attempt in range(5):
            arrival = [*events, *random.sample(events, 3)]
            if attempt:
                random.shuffle(arrival)
            await wipe(w)
            for batch in _batches(arrival, random):
                await w.send(*batch)
            found = await snapshot(w)
            assert await holds(w, "u1") == []
            await is_sound(w)
            expected = expected or found
            for name, rows in expected.items():
                assert found[name] == rows, name


def _with_a_device_of_its_own(event: Envelope) -> Envelope:
    """No name of a person is put beside two stronger ones."""
    if event.type == "merge":
        return event
    user = event.user_id
    email = f"mail-of-{user}" if user and event.email else event.email
    owner = user or email
    device = f"{event.anonymous_id}-of-{owner}" if owner and event.anonymous_id else None
    return msgspec.structs.replace(
        event,
        email=email,
        anonymous_id=device or (None if owner else event.anonymous_id),
        previous_id=None,
    )


async def test_erase_then_replay_the_whole_log_and_the_person_is_still_absent(
    database_url: str,
) -> None:
    settings = settings_of(database_url)
    async with world(database_url, SALES, HABIT) as w:
        await ensure_topics(settings)
        random = Random(7)  # noqa: S311 - chance that can be repeated
        events = [_with_a_device_of_its_own(event) for event in story(w, random, 200)]
        await append(settings, *events)
        total = len(events)
        async with running(settings):
            await wait_for(w, (total, 0, 0))
        await append(settings, erase(w, user_id="u1"))

        async def is_erased() -> bool:
            return (await erased_records(w))[0] == 1

        async with running(settings):
            await eventually(is_erased, within=20)
        assert await holds(w, "u1") == []
        before = await snapshot(w)
        await is_sound(w)

        # As after a restore of nothing but the log and the list of people to leave alone.
        owner = await connect(w.url, role=DatabaseRole.OWNER, application_name="test")
        for table in (
            "identifier", "member", "subject", "placement", "touchpoint", "transition", "deadline",
            "alert", "outbox", "consumer_offset", "erasure",
        ):  # fmt: skip
            await owner.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        await owner.close()

        async def is_read() -> bool:
            rows = await w.rows("SELECT coalesce(sum(next_offset), 0) FROM consumer_offset")
            return int(rows[0][0]) == total + 1

        async with running(settings):
            await eventually(is_read, within=20)

        assert await holds(w, "u1") == []
        assert await snapshot(w) == before
        assert (await erased_records(w))[1] == 0
        await is_sound(w)
        assert w.clock.now() == START
