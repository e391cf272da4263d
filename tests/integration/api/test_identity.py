"""Who a person is, and why, through the api."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.keys.principal import Scope
from tests.integration.api.world import World, api_world

USER, RECORD, EMAIL = "user:u-17", "external:hubspot:contact:8301", "email:leah@acme.example"
DEVICE = "anonymous:7f3a"
CALL = "/v1/people"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """Leah of acme, formerly of altwerk, and Omar, whom a form once gave her address."""
    async with api_world(database_url) as world:
        await world.account("acme")
        await world.subject("acme-gmbh", merged_into="acme")
        await world.name("acme-gmbh", subject_id="acme", person_id="acme")
        await world.name(
            USER,
            subject_id="acme",
            accounts=(("02 09:30", "m-1", "altwerk"), ("05 08:00", "m-5", "acme-gmbh")),
        )
        for name in (RECORD, EMAIL):
            await world.name(name, subject_id="acme", person_id=USER)
        uses = (("02 09:30", "m-1", EMAIL), ("09 10:00", "m-9", "user:omar"))
        await world.name("user:omar", subject_id="user:omar")
        await world.name(DEVICE, subject_id="user:omar", person_id="user:omar", users=uses)
        await world.statement("together", USER, EMAIL, occurred="02 09:30", message_id="~w.0a/m-1")
        await world.statement("device", USER, DEVICE, occurred="02 09:30", message_id="~w.0a/m-1")
        await world.statement(
            "explicit", USER, RECORD, occurred="04 16:12", message_id="~s/merge-1"
        )
        await world.statement("together", "user:omar", EMAIL, occurred="06 08:00", message_id="m-6")
        await world.touchpoint(
            "acme",
            "~s/merge-1",
            occurred="04 16:12",
            event="Person Merged",
            type="alias",
            person_id=USER,
            user_id="u-17",
            previous_names=[RECORD],
            logged_by="crm team (key 0123456789ab)",
            reason="same person, by phone",
        )
        await world.touchpoint(
            "acme",
            "~w.0a/m-7",
            occurred="07 08:00",
            person_id=USER,
            user_id="u-17",
            ignored_ids={"anonymous_id": "undefined"},
        )
        await world.touchpoint(
            "acme", "m-8", occurred="08 08:00", person_id="user:x", ignored_ids={"email": "null"}
        )
        yield world


def statement(
    kind: str, name: str, other: str, day: str, message_id: str, **more: str | None
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "other": other,
        "occurred_at": f"2026-03-{day}:00Z",
        "message_id": message_id,
        "logged_by": None,
        "reason": None,
        **more,
    }


CONFLICT = {
    "statement": statement("together", "user:omar", EMAIL, "06T08:00", "m-6"),
    "person_id": "user:omar",
    "other_person_id": USER,
    "why": "limit",
}


async def test_a_person_has_names_accounts_and_devices_with_what_brought_them(world: World) -> None:
    answer = await world.get(f"{CALL}/{EMAIL}")

    assert answer.status_code == 200
    assert answer.json() == {
        "name": EMAIL,
        "person_id": USER,
        "account_id": "acme",
        "names": [
            {
                "name": EMAIL,
                "kind": "email",
                "statement": statement("together", USER, EMAIL, "02T09:30", "m-1"),
            },
            {
                "name": RECORD,
                "kind": "external",
                "statement": statement(
                    "explicit",
                    USER,
                    RECORD,
                    "04T16:12",
                    "merge-1",
                    logged_by="crm team (key 0123456789ab)",
                    reason="same person, by phone",
                ),
            },
            {"name": USER, "kind": "user", "statement": None},
        ],
        "devices": [
            {"name": DEVICE, "from": "2026-03-02T09:30:00Z", "until": "2026-03-09T10:00:00Z"}
        ],
        "memberships": [
            {
                "account_id": "altwerk",
                "from": "2026-03-02T09:30:00Z",
                "until": "2026-03-05T08:00:00Z",
            },
            {"account_id": "acme", "from": "2026-03-05T08:00:00Z", "until": None},
        ],
        "conflicts": [CONFLICT],
        "ignored": [
            {
                "field": "anonymous_id",
                "value": "undefined",
                "occurred_at": "2026-03-07T08:00:00Z",
                "message_id": "m-7",
            }
        ],
        "is_shared": False,
    }


@pytest.mark.parametrize(
    ("name", "person_id"),
    [
        (USER, USER),
        ("email:%20Leah@ACME.example", USER),
        ("user:Leah@acme.example", USER),
        ("anonymous:leah@acme.example", USER),
        (RECORD, USER),
        ("anonymous:hubspot:contact:8301", USER),
        (DEVICE, "user:omar"),
    ],
)
async def test_every_name_leads_to_its_person(world: World, name: str, person_id: str) -> None:
    answer = await world.get(f"{CALL}/{name}")

    assert answer.json()["person_id"] == person_id


async def test_a_device_is_the_present_users_from_then_on(world: World) -> None:
    omar = (await world.get(f"{CALL}/{DEVICE}")).json()

    assert omar["devices"] == [{"name": DEVICE, "from": "2026-03-09T10:00:00Z", "until": None}]
    assert [each["name"] for each in omar["names"]] == ["user:omar"]
    assert omar["account_id"] is None
    assert omar["memberships"] == []
    assert omar["conflicts"] == [CONFLICT]


async def test_a_device_that_is_nobodys_is_a_person_of_its_own(world: World) -> None:
    await world.name("anonymous:new", subject_id="anonymous:new")

    alone = (await world.get(f"{CALL}/anonymous:new")).json()

    assert alone["person_id"] == "anonymous:new"
    assert alone["names"] == [{"name": "anonymous:new", "kind": "anonymous", "statement": None}]
    assert alone["devices"] == []


async def test_an_unmerge_is_the_reason_of_what_it_keeps_apart(world: World) -> None:
    await world.name("external:stripe:customer:c", subject_id="external:stripe:customer:c")
    pair = (USER, "external:stripe:customer:c")
    await world.statement("explicit", *pair, occurred="07 08:00", message_id="~s/merge-2")
    await world.statement("unmerge", *pair, occurred="08 08:00", message_id="~s/unmerge-1")
    await world.statement(
        "together", "external:stripe:customer:c", EMAIL, occurred="09 08:00", message_id="m-9"
    )

    reasons = {
        each["statement"]["message_id"]: each["why"]
        for each in (await world.get(f"{CALL}/{USER}")).json()["conflicts"]
    }

    assert reasons == {"m-6": "limit", "merge-2": "unmerged", "m-9": "unmerged"}


async def test_a_name_of_many_people_is_shared(world: World) -> None:
    await world.name("email:info@acme.example", subject_id="email:info@acme.example")
    for number in range(201):
        await world.name(f"user:s-{number}", subject_id=f"user:s-{number}")
        await world.statement(
            "together",
            f"user:s-{number}",
            "email:info@acme.example",
            occurred="07 08:00",
            message_id=f"s-{number:03}",
        )

    info = (await world.get(f"{CALL}/email:info@acme.example")).json()
    one = (await world.get(f"{CALL}/user:s-7")).json()

    assert (info["is_shared"], one["is_shared"]) == (True, False)
    assert len(info["conflicts"]) == 100
    assert {each["why"] for each in info["conflicts"]} == {"shared"}


async def test_a_deal_is_whole_in_its_last_account(world: World) -> None:
    await world.name(
        "external:hubspot:deal:501",
        subject_id="hubspot:company:712",
        accounts=(
            ("02 08:00", "m-1", "hubspot:company:711"),
            ("02 08:05", "m-2", "hubspot:company:712"),
        ),
    )

    deal = (await world.get(f"{CALL}/external:hubspot:deal:501")).json()

    assert [(each["account_id"], each["until"]) for each in deal["memberships"]] == [
        ("hubspot:company:712", None)
    ]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("user:nobody", (404, "subject_unknown")),
        ("acme", (400, "invalid_person")),
        ("user:", (400, "invalid_person")),
        ("user:%E2%80%8B", (400, "invalid_person")),
        ("user:" + "x" * 513, (400, "invalid_person")),
        ("user:%00", (400, "invalid_path")),
        ("user:%ff", (400, "invalid_path")),
        ("user:a%2Fb", (404, "subject_unknown")),
    ],
)
async def test_a_name_without_a_person_is_refused(
    world: World, name: str, wanted: tuple[int, str]
) -> None:
    answer = await world.get(f"{CALL}/{name}")

    assert (answer.status_code, answer.json()["code"]) == wanted


async def test_an_erased_person_is_unknown_and_in_no_conflict(world: World) -> None:
    # Of a person who was erased nothing is left but what others said.
    await world.owner.execute("DELETE FROM identifier WHERE person_id = 'user:omar'")

    erased = await world.get(f"{CALL}/user:omar")
    leah = (await world.get(f"{CALL}/{USER}")).json()
    listed = (await world.get("/v1/identity/conflicts")).json()

    assert (erased.status_code, erased.json()["code"]) == (404, "subject_unknown")
    assert leah["conflicts"] == []
    assert listed == {"items": [], "next_cursor": None}


async def test_another_workspace_sees_nothing_of_it(world: World) -> None:
    await world.name(
        EMAIL,
        subject_id="user:theirs",
        person_id="user:theirs",
        workspace_id=world.foreign_workspace,
    )
    await world.name("user:theirs", subject_id="user:theirs", workspace_id=world.foreign_workspace)

    theirs = (await world.get(f"{CALL}/{EMAIL}", key=world.foreign)).json()
    unknown = await world.get(f"{CALL}/{USER}", key=world.foreign)
    conflicts = await world.get("/v1/identity/conflicts", key=world.foreign)

    assert [each["name"] for each in theirs["names"]] == [EMAIL, "user:theirs"]
    assert (theirs["conflicts"], theirs["ignored"], theirs["devices"]) == ([], [], [])
    assert unknown.status_code == 404
    assert conflicts.json() == {"items": [], "next_cursor": None}


async def test_reading_people_needs_the_scope_of_reading(world: World) -> None:
    key = await world.key(Scope.PEOPLE_WRITE)

    for path in (f"{CALL}/{USER}", "/v1/identity/conflicts"):
        assert (await world.get(path, key=key)).json()["code"] == "missing_scope"


async def test_conflicts_are_listed_page_by_page(world: World) -> None:
    for number in range(4):
        await world.name(f"user:s-{number}", subject_id=f"user:s-{number}")
        await world.statement(
            "together", f"user:s-{number}", EMAIL, occurred="07 08:00", message_id=f"s-{number}"
        )
    # Accounts have a row only where another one stands for them.
    await world.statement("explicit", "acme", "birke", occurred="07 08:00", message_id="~s/a-1")
    await world.statement("unmerge", "acme", "birke", occurred="08 08:00", message_id="~s/a-2")
    await world.statement("explicit", "acme", "acme-gmbh", occurred="07 08:00", message_id="~s/a-3")

    items: list[dict[str, Any]] = []
    cursor, pages = "", 0
    while pages < 9:
        more = {"cursor": cursor} if cursor else {}
        page = (await world.get("/v1/identity/conflicts", limit="2", **more)).json()
        items, cursor, pages = items + page["items"], page["next_cursor"], pages + 1
        if cursor is None:
            break

    assert pages == 3
    assert [(each["statement"]["name"], each["why"]) for each in items] == [
        ("acme", "unmerged"),
        ("user:omar", "limit"),
        *((f"user:s-{number}", "limit") for number in range(4)),
    ]
    assert (items[0]["person_id"], items[0]["other_person_id"]) == ("acme", "birke")
    assert items[1] == CONFLICT


async def test_a_page_that_ends_at_its_bound_goes_on_behind_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.queries.identity.conflicts.STATEMENTS_SEARCHED", 2)

    first = (await world.get("/v1/identity/conflicts")).json()
    second = (await world.get("/v1/identity/conflicts", cursor=first["next_cursor"])).json()
    third = (await world.get("/v1/identity/conflicts", cursor=second["next_cursor"])).json()

    assert first["items"] == [CONFLICT]
    # Two statements that are no conflicts fill the second page's search.
    assert second["items"] == []
    assert third == {"items": [], "next_cursor": None}


async def test_a_cursor_of_another_list_is_refused(world: World) -> None:
    for number in range(2):
        await world.account(f"more-{number}")
    cursor = (await world.get("/v1/accounts", limit="1")).json()["next_cursor"]

    answer = await world.get("/v1/identity/conflicts", cursor=cursor)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
