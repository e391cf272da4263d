"""An erasure by an address deletes the person under every spelling, wherever the address is a name."""

from typing import Any

import pytest

from tests.integration.stager.erasure_checks import erase, holds, is_sound
from tests.integration.stager.world import HABIT, SALES, World, world
from tests.support.database import execute


async def send_every_spelling(w: World) -> None:
    await w.send(
        w.event("Blog Read", 0, user_id="ANN@X.EXAMPLE"),
        w.event("Blog Read", 1, user_id="ann@x.example", anonymous_id="phone-of-ann"),
        w.event("Demo Requested", 2, user_id="Ann@x.example", account_id="acme"),
        w.event("Blog Read", 3, anonymous_id="ANN@x.example"),
        w.event("Blog Read", 4, email=" Ann@X.Example"),
        w.event("Blog Read", 5, user_id="omar@x.example", account_id="acme"),
        # Dead letters: refused for their account, of an older format, with escapes, no JSON.
        w.event("Broken", 6, user_id="aNN@x.example", account_id="user:x"),
        w.event("Broken", 6, previous_id="ANN@x.example", account_id="user:x"),
        b'{"workspace_id": 1, "v": 9, "user_id": "Ann@X.example"}',
        b'{"workspace_id": 1, "v": 9, "to": ["\\u0041nn@x\\u002eexample "]}',
        b'{"workspace_id": 1, "v": 9, "user_id": "omar@x.example"}',
    )
    await execute(
        w.url,
        "INSERT INTO source_event (workspace_id, source_id, received_at, route, outcome, person)"
        " VALUES (1, 's', now(), 'track', 'accepted', 'user:aNn@x.example')",
    )


@pytest.mark.parametrize(
    "request_names",
    [{"user_id": "ANN@X.EXAMPLE"}, {"user_id": "ann@x.example"}, {"email": "ann@x.example"}],
)
async def test_nothing_is_left_of_an_address_in_any_case(
    database_url: str, request_names: dict[str, Any]
) -> None:
    async with world(database_url, SALES, HABIT) as w:
        await send_every_spelling(w)

        await w.send(erase(w, **request_names))

        assert await holds(w, "ann@x.example", "phone-of-ann", "u0041nn") == []
        assert await w.rows("SELECT identifier FROM identifier") == [("email:omar@x.example",)]
        assert await w.rows("SELECT message_id FROM touchpoint") == [("m0006",)]
        left = await w.rows("SELECT count(*) FROM dead_letter WHERE record_value IS NOT NULL")
        assert left == [(1,)]
        await is_sound(w)


@pytest.mark.parametrize(
    "later",
    [
        {"user_id": "aNN@x.example"},
        {"anonymous_id": "Ann@x.example"},
        {"email": "ann@x.example"},
    ],
)
async def test_no_spelling_brings_the_person_back(database_url: str, later: dict[str, Any]) -> None:
    async with world(database_url, SALES) as w:
        await w.send(erase(w, user_id="ANN@X.EXAMPLE"))

        done = await w.send(w.event("Blog Read", 30, **later))

        assert (done[0].applied, done[0].erased) == (0, 1)


async def test_an_id_that_is_no_address_keeps_its_case(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, user_id="ann"), w.event("Blog Read", 0, user_id="ANN"))

        await w.send(erase(w, user_id="ANN"))

        assert await w.rows("SELECT identifier FROM identifier") == [("user:ann",)]


@pytest.mark.parametrize("name", ['qu"ote@x.example', "back\\slash@x.example", "änn/é@x.example"])
async def test_characters_that_json_escapes_hide_no_dead_letter(
    database_url: str, name: str
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Broken", 0, user_id=name, account_id="user:x"))

        await w.send(erase(w, user_id=name))

        left = await w.rows("SELECT count(*) FROM dead_letter WHERE record_value IS NOT NULL")
        assert left == [(0,)]
