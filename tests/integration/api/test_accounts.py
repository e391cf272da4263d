from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from shared.journey.compile import compile_journey
from shared.journey.fold import refold
from shared.maps import parse, to_journey
from tests.integration.api.rows import at
from tests.integration.api.world import AWKWARD_IDS, MAP, NOW, SHOP, World, api_world
from tests.support.touchpoints import touchpoint


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


def path(account_id: str, tail: str = "") -> str:
    return f"/v1/accounts/{quote(account_id, safe='')}{tail}"


async def pages(world: World, url: str, **params: str) -> list[list[dict[str, Any]]]:
    """Every page of a list."""
    read: list[list[dict[str, Any]]] = []
    while True:
        answer = await world.get(url, **params)
        assert answer.status_code == 200, answer.text
        read.append(answer.json()["items"])
        if answer.json()["next_cursor"] is None:
            return read
        params["cursor"] = answer.json()["next_cursor"]


async def test_accounts_are_listed_by_id_in_pages_without_gap_or_duplicate(
    world: World,
) -> None:
    for account_id in ("b", "a", "d", "c", "ä"):
        await world.account(account_id)
    await world.subject("gone", merged_into="a")
    await world.subject("user:7")

    listed = await pages(world, "/v1/accounts", limit="2")

    # "C" order of UTF-8: "ä" comes after every ASCII id.
    assert [[item["account_id"] for item in page] for page in listed] == [
        ["a", "b"],
        ["c", "d"],
        ["user:7", "ä"],
    ]
    assert listed[2][0]["kind"] == "person"
    assert listed[2][0]["placements"] == []
    assert listed[0][0]["placements"][0]["owner"] == "sales"


async def test_filters_narrow_each_other(world: World) -> None:
    await world.publish(SHOP)
    await world.account("a", stage="research")
    await world.account("b", stage="evaluation", status="stalled", stalled_at=at("05 00:00"))
    await world.account("c", stage="purchase")
    await world.account("d", stage="evaluation", status="ended", outcome="lost")
    await world.account("user:9", journey="shop", stage="cart")

    async def listed(**params: str) -> list[str]:
        read = await pages(world, "/v1/accounts", limit="1", **params)
        return [item["account_id"] for page in read for item in page]

    assert await listed(journey="sales") == ["a", "b", "c", "d"]
    assert await listed(journey="shop") == ["user:9"]
    assert await listed(stage="evaluation") == ["b", "d"]
    assert await listed(stage="evaluation", status="stalled") == ["b"]
    assert await listed(status="ended") == ["d"]
    assert await listed(owner="sales") == ["b", "c", "d"]
    assert await listed(owner="sales", status="active") == ["c"]
    assert await listed(owner="web") == ["user:9"]
    assert await listed(owner="nobody") == []
    assert await listed(journey="nowhere") == []


async def test_a_cursor_is_valid_only_for_its_own_list_and_filters(world: World) -> None:
    for account_id in ("a", "b", "c"):
        await world.account(account_id)
        await world.touchpoint(account_id, f"m-{account_id}-1", occurred="01 10:00")
        await world.touchpoint(account_id, f"m-{account_id}-2", occurred="01 11:00")
    cursor = (await world.get("/v1/accounts", limit="1")).json()["next_cursor"]
    timeline = (await world.get(path("a", "/timeline"), limit="1")).json()["next_cursor"]

    good = await world.get("/v1/accounts", limit="2", cursor=cursor)
    assert [item["account_id"] for item in good.json()["items"]] == ["b", "c"]

    for url, params in (
        ("/v1/accounts", {"cursor": cursor, "status": "active"}),
        ("/v1/accounts", {"cursor": cursor[:-2]}),
        ("/v1/accounts", {"cursor": "Q" + cursor[1:]}),
        ("/v1/accounts", {"cursor": cursor[:-1] + ("A" if cursor[-1] != "A" else "E")}),
        ("/v1/accounts", {"cursor": "x"}),
        ("/v1/accounts", {"cursor": "é"}),
        ("/v1/accounts", {"cursor": ""}),
        ("/v1/accounts", {"cursor": timeline}),
        (path("b", "/timeline"), {"cursor": timeline}),
        (path("a", "/timeline"), {"cursor": timeline, "order": "oldest"}),
        ("/v1/alerts", {"cursor": cursor}),
        (path("a", "/history"), {"cursor": cursor}),
    ):
        answer = await world.get(url, **params)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor"), params


async def test_a_profile_has_the_people_the_names_and_the_placements(world: World) -> None:
    await world.publish(SHOP)
    await world.subject("acme", traits={"industry": "saas"}, value=12000.0, touchpoints=48)
    await world.placement("acme", stage="evaluation")
    await world.name("user:leah", subject_id="acme")
    await world.name("email:leah@acme.example", subject_id="acme", person_id="user:leah")
    await world.name(
        "anonymous:7f3a",
        subject_id="acme",
        person_id="user:leah",
    )
    await world.name("user:else", subject_id="other")
    await world.member("acme", "user:leah", role="champion")
    await world.member("acme", "user:omar", seen="02 08:00")
    await world.placement("user:leah", journey="shop", stage="cart")

    of_account = (await world.get(path("acme"))).json()
    of_person = (await world.get(path("user:leah"))).json()
    of_address = (await world.get(path("email:Leah@Acme.Example"))).json()

    assert (of_account["account_id"], of_account["kind"]) == ("acme", "account")
    assert of_account["traits"] == {"industry": "saas"}
    assert (of_account["value"], of_account["touchpoints"]) == (12000.0, 48)
    assert of_account["identifiers"] == [
        "anonymous:7f3a",
        "email:leah@acme.example",
        "user:leah",
    ]
    assert [(each["person_id"], each["role"]) for each in of_account["members"]] == [
        ("user:leah", "champion"),
        ("user:omar", None),
    ]
    assert of_account["member_count"] == 2
    (placed,) = of_account["placements"]
    assert (placed["journey"], placed["stage_title"], placed["owner"]) == (
        "sales",
        "Evaluation",
        "sales",
    )
    assert placed["milestones"] == {"demo": "2026-03-02T09:30:00Z"}
    # A person's own journeys are listed beside those of its account.
    assert of_person["account_id"] == of_address["account_id"] == "acme"
    assert [each["journey"] for each in of_person["placements"]] == ["sales", "shop"]


async def test_a_person_without_account_lists_its_own_names(world: World) -> None:
    await world.subject("user:solo")
    await world.name("user:solo", subject_id="user:solo")
    await world.name("anonymous:a1", subject_id="user:solo", person_id="user:solo")

    answer = (await world.get(path("anonymous:a1"))).json()

    assert (answer["account_id"], answer["kind"]) == ("user:solo", "person")
    assert answer["identifiers"] == ["anonymous:a1", "user:solo"]


async def test_an_id_of_any_form_is_found_by_its_path(world: World) -> None:
    for account_id in AWKWARD_IDS:
        await world.account(account_id)
        for tail in ("", "/history", "/timeline"):
            answer = await world.get(path(account_id, tail))

            assert (answer.status_code, answer.json().get("account_id")) == (200, account_id)


async def test_an_id_with_slashes_is_found_unencoded_as_well(world: World) -> None:
    await world.account("eu/north/acme")

    profile = await world.get("/v1/accounts/eu/north/acme")
    history = await world.get("/v1/accounts/eu/north/acme/history")

    assert profile.json()["account_id"] == history.json()["account_id"] == "eu/north/acme"
    assert "items" in history.json()


async def test_a_path_that_is_not_percent_encoded_text_is_refused(world: World) -> None:
    for encoded in ("a%00b", "%ED%A0%80", "%FF"):
        for tail in ("", "/history", "/timeline", "/explain"):
            answer = await world.get(f"/v1/accounts/{encoded}{tail}")

            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_path")


async def test_an_account_that_was_never_seen_is_unknown_everywhere(world: World) -> None:
    for account_id in ("nobody", "user:nobody", "x" * 5000):
        for tail in ("", "/history", "/timeline", "/explain"):
            answer = await world.get(path(account_id, tail))

            assert (answer.status_code, answer.json()["code"]) == (404, "subject_unknown")


async def test_history_lists_each_transition_with_its_cause_and_the_open_visit(
    world: World,
) -> None:
    await world.account("acme", stage="evaluation", entered_at=at("08 10:00"))
    await world.transition(
        "acme",
        1,
        kind="enter",
        occurred="01 10:00",
        from_stage=None,
        to_stage="research",
        dwell_seconds=None,
        message_id="m-1",
        event="Page Viewed",
    )
    await world.transition(
        "acme",
        2,
        occurred="05 10:00",
        from_stage="research",
        to_stage="purchase",
        dwell_seconds=345600.0,
        timer="in_stage",
        superseded="09 10:00",
    )
    await world.transition(
        "acme",
        2,
        occurred="08 10:00",
        from_stage="research",
        to_stage="evaluation",
        dwell_seconds=604800.0,
        message_id="m-2",
        event="Demo Requested",
    )

    current = (await world.get(path("acme", "/history"))).json()
    whole = await pages(world, path("acme", "/history"), include_superseded="true", limit="1")

    assert [
        (each["from_stage"], each["to_stage"], each["dwell_seconds"]) for each in current["items"]
    ] == [(None, "research", None), ("research", "evaluation", 604800.0)]
    assert current["items"][1]["cause"] == {
        "message_id": "m-2",
        "event": "Demo Requested",
        "timer": None,
    }
    assert current["items"][1]["rule"] == "stages.evaluation.enter"
    # 8 March 10:00 to 10 March 12:00.
    assert current["open_visits"] == [
        {
            "journey": "sales",
            "stage": "evaluation",
            "cycle": 1,
            "entered_at": "2026-03-08T10:00:00Z",
            "elapsed_seconds": 180000.0,
        }
    ]
    assert [page[0]["to_stage"] for page in whole] == ["research", "purchase", "evaluation"]
    assert whole[1][0]["superseded_at"] == "2026-03-09T10:00:00Z"
    assert whole[1][0]["cause"] == {"message_id": None, "event": None, "timer": "in_stage"}


async def test_an_ended_journey_has_no_open_visit(world: World) -> None:
    await world.account("acme", status="ended", outcome="lost")

    assert (await world.get(path("acme", "/history"))).json()["open_visits"] == []


async def test_the_timeline_is_paged_in_either_order(world: World) -> None:
    await world.account("acme")
    for number, occurred in enumerate(("01 10:00", "02 10:00", "02 10:00", "03 10:00")):
        await world.touchpoint(
            "acme",
            f"m-{number}",
            occurred=occurred,
            event=f"Step {number}",
            person_id="user:leah",
            channel="email",
            properties={"plan": "pro", "seats": 5},
            value=10.5,
            sentiment=4,
        )

    newest = await pages(world, path("acme", "/timeline"), limit="1")
    oldest = await pages(world, path("acme", "/timeline"), limit="3", order="oldest")

    assert [page[0]["message_id"] for page in newest] == ["m-3", "m-2", "m-1", "m-0"]
    assert [[each["message_id"] for each in page] for page in oldest] == [
        ["m-0", "m-1", "m-2"],
        ["m-3"],
    ]
    silences = [page[0]["silence_seconds"] for page in newest]
    assert silences == [86400.0, 0.0, 86400.0, None]
    assert [each["silence_seconds"] for page in oldest for each in page] == silences[::-1]
    first = oldest[0][0]
    assert (first["event"], first["channel"], first["person_id"]) == (
        "Step 0",
        "email",
        "user:leah",
    )
    assert first["properties"] == {"plan": "pro", "seats": 5}
    assert (first["value"], first["sentiment"], first["type"]) == (10.5, 4, "track")
    assert first["occurred_at"] == "2026-03-01T10:00:00Z"


def _states(events: list[tuple[str, str]]) -> bytes:
    """`subject.states` as the engine folds these events on the map `sales`."""
    compiled = compile_journey(to_journey(parse(MAP), 1))
    touchpoints = [
        touchpoint(event, at(occurred), message_id=f"m-{number}")
        for number, (occurred, event) in enumerate(events)
    ]
    state, _ = refold(compiled, touchpoints, NOW)
    return msgspec.json.encode({"sales": {"v": 1, "s": state}})


async def test_explain_lists_what_is_missing_for_each_reachable_stage(world: World) -> None:
    await world.subject(
        "acme", states=_states([("01 10:00", "Page Viewed"), ("02 10:00", "Demo Requested")])
    )
    await world.placement("acme")

    answer = (await world.get(path("acme", "/explain"))).json()

    assert (answer["account_id"], answer["journey"], answer["map_version"]) == ("acme", "sales", 1)
    assert (answer["status"], answer["stage"], answer["cycle"]) == ("active", "evaluation", 1)
    rules = {each["rule"]: each for each in answer["reachable"]}
    assert set(rules) == {"stages.purchase.enter", "outcomes.lost.when"}
    purchase = rules["stages.purchase.enter"]
    assert (purchase["to_stage"], purchase["holds"]) == ("purchase", False)
    assert purchase["condition"]["events"] == ["Order Completed"]
    assert (purchase["condition"]["have"], purchase["condition"]["need"]) == (0, 1)


async def test_explain_reads_a_state_by_the_map_version_that_folded_it(world: World) -> None:
    await world.subject("acme", states=_states([("01 10:00", "Demo Requested")]))
    await world.publish(MAP.replace("Order Completed", "Contract Signed"))

    answer = (await world.get(path("acme", "/explain"))).json()

    assert answer["map_version"] == 1
    assert answer["reachable"][1]["condition"]["events"] == ["Order Completed"]


async def test_explain_without_a_journey_takes_the_first_that_the_account_is_on(
    world: World,
) -> None:
    await world.publish(SHOP)
    await world.subject("acme", states=_states([("01 10:00", "Demo Requested")]))
    await world.subject("fresh")

    assert (await world.get(path("acme", "/explain"))).json()["journey"] == "sales"
    named = (await world.get(path("acme", "/explain"), journey="shop")).json()
    assert (named["journey"], named["status"]) == ("shop", "not_started")
    on_none = (await world.get(path("fresh", "/explain"))).json()
    assert (on_none["journey"], on_none["status"]) == ("sales", "not_started")
    unknown = await world.get(path("acme", "/explain"), journey="nowhere")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "journey_unknown")


async def test_a_state_of_another_format_is_not_explained_before_its_refold(
    world: World,
) -> None:
    await world.subject("acme", states=b'{"sales": {"v": 1, "f": 99, "s": {"status": "active"}}}')

    answer = await world.get(path("acme", "/explain"))

    assert (answer.status_code, answer.json()["code"]) == (503, "explanation_pending")
    assert answer.headers["retry-after"] == "2"
