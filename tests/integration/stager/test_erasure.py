"""An erased person is gone, and stays gone: tables, names, accounts, dead letters."""

from datetime import timedelta

import pytest

from shared.sources.hashing import hashed
from tests.integration.stager.erasure_checks import erase, erased_records, holds, is_sound
from tests.integration.stager.world import HABIT, SALES, START, snapshot, wipe, world
from tests.support.database import connected


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


async def test_a_second_person_on_a_shared_device_is_not_erased(database_url: str) -> None:
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

        assert await w.rows("SELECT identifier, person_id FROM identifier ORDER BY 1") == [
            ("anonymous:kiosk", "user:zoe"),
            ("user:omar", "user:omar"),
            ("user:zoe", "user:zoe"),
        ]
        assert await w.rows("SELECT users::text FROM identifier WHERE users::text ~ 'leah'") == []
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
            b"leah@x.io, no JSON and no workspace",
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
        async with connected(w.url) as owner:
            for person, message_id in (
                ("user:leah", "x"), (None, "of-leah"), ("user:omar", "y"), (None, None),
            ):  # fmt: skip
                await owner.execute(
                    "INSERT INTO source_event (workspace_id, source_id, received_at, route, outcome,"
                    " message_id, person) VALUES (1, 's', now(), 'track', 'accepted', $1, $2)",
                    message_id, person,
                )  # fmt: skip
        await w.send(erase(w, user_id="leah"))

        assert await w.rows("SELECT person, message_id FROM source_event ORDER BY 1") == [
            ("user:omar", "y"),
            (None, None),
        ]


async def test_the_person_of_another_workspace_is_another_person(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.pool.execute("SELECT 1")
        async with connected(w.url) as owner:
            other: int = await owner.fetchval(
                "INSERT INTO workspace (name) VALUES ('other') RETURNING workspace_id"
            )
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


async def test_a_merge_outlives_the_person_who_reported_it(database_url: str) -> None:
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


async def test_what_a_device_did_for_another_user_leaves_that_users_own_journey(
    database_url: str,
) -> None:
    async with world(database_url, SALES, HABIT) as w:
        await w.send(
            w.event("Blog Read", 1, anonymous_id="d"),
            w.event("Signed Up", 2, user_id="u1", anonymous_id="d", account_id="acme"),
        )
        # Only now is it known whose the device was by then, and that person is to be erased.
        await w.send(
            w.event("Signed Up", 0, user_id="u2", anonymous_id="d", account_id="acme"),
            erase(w, 3, user_id="u2"),
        )

        assert await w.rows("SELECT count(*) FROM touchpoint") == [(1,)]
        assert await w.rows("SELECT subject_id, entered_at FROM placement ORDER BY 1") == [
            ("acme", START + timedelta(days=2)),
            ("user:u1", START + timedelta(days=2)),
        ]
        await is_sound(w)
