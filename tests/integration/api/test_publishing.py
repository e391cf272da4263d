"""The preview of a map by folding, and the way back to the map before."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.keys.principal import Scope
from tests.integration.api.world import MAP, SHOP, World, api_world

EARLY = MAP.replace("enter: {event: Order Completed}", "enter: {event: Demo Requested}")
"""A demo is enough for the last stage."""


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


async def demo(world: World, account: str, stage: str = "evaluation") -> None:
    """An account that has requested a demo, and its stored position."""
    await world.account(account, stage=stage)
    await world.touchpoint(account, f"m-{account}", occurred="03 10:00", event="Demo Requested")


async def preview(world: World, text: str) -> Any:
    answer = await world.post("/v1/journeys:preview", text)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_preview_counts_the_moves_and_writes_nothing(world: World) -> None:
    for number in range(3):
        await demo(world, f"acme-{number}")
    await demo(world, "bought", stage="purchase")

    shown = await preview(world, EARLY)

    assert (shown["version"], shown["total"], shown["folded"], shown["placed"]) == (1, 4, 4, 4)
    assert shown["moving"] == 3
    assert shown["moves"] == [
        {
            "from_stage": "evaluation",
            "from_outcome": None,
            "to_stage": "purchase",
            "to_outcome": None,
            "subjects": 3,
        }
    ]
    assert await world.owner.fetchval("SELECT count(*) FROM journey_version") == 1
    assert await world.owner.fetchval("SELECT count(*) FROM refold_job") == 1


async def test_a_preview_names_what_the_map_adds_removes_and_changes(world: World) -> None:
    text = MAP.replace("key: research", "key: search").replace("Deal Lost", "Deal Gone")
    text += "  - {key: paused, title: Paused, kind: lost, when: {event: Paused}}\n"

    shown = await preview(world, text)

    assert (shown["stages_added"], shown["stages_removed"]) == (["search"], ["research"])
    assert (shown["outcomes_added"], shown["outcomes_removed"]) == (["paused"], [])
    assert shown["outcomes_changed"] == ["lost"]


async def test_a_preview_of_a_new_journey_moves_no_placed_subject(world: World) -> None:
    await demo(world, "acme")

    shown = await preview(world, MAP.replace("journey: sales", "journey: other"))

    assert (shown["version"], shown["placed"], shown["moving"]) == (None, 0, 0)
    assert [(m["from_stage"], m["to_stage"], m["subjects"]) for m in shown["moves"]] == [
        (None, "evaluation", 1)
    ]


async def test_a_preview_folds_persons_for_a_map_of_persons(world: World) -> None:
    await world.name("user:leah", subject_id="acme")
    await world.member("acme", "user:leah")
    await world.touchpoint(
        "acme", "m-1", occurred="03 10:00", event="Product Added", person_id="user:leah"
    )

    shown = await preview(world, SHOP)

    assert (shown["total"], [(m["to_stage"], m["subjects"]) for m in shown["moves"]]) == (
        1,
        [("cart", 1)],
    )


async def test_a_preview_says_how_many_of_how_many_it_has_folded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.queries.preview.MOST_TOUCHPOINTS", 2)
    for number in range(4):
        await demo(world, f"acme-{number}")

    shown = await preview(world, EARLY)

    assert (shown["folded"], shown["total"], shown["moving"]) == (2, 4, 2)


async def test_a_roll_back_publishes_the_map_before_and_a_second_one_undoes_it(
    world: World,
) -> None:
    await world.post("/v1/journeys", EARLY)

    back = await world.post("/v1/journeys/sales:rollback")
    source = (await world.get("/v1/journeys/sales")).json()["source"]
    again = await world.post("/v1/journeys/sales:rollback")

    assert (back.status_code, back.json()) == (200, {"key": "sales", "version": 3, "restored": 1})
    assert source == MAP
    assert again.json() == {"key": "sales", "version": 4, "restored": 2}


async def test_a_retired_journey_is_rolled_back_to_what_it_was(world: World) -> None:
    await world.post("/v1/journeys/sales:retire")

    back = await world.post("/v1/journeys/sales:rollback")

    assert back.json() == {"key": "sales", "version": 3, "restored": 1}
    assert [each["key"] for each in (await world.get("/v1/journeys")).json()["items"]] == ["sales"]


async def test_a_journey_stays_one_of_accounts(world: World) -> None:
    of_persons = MAP.replace("subject: account", "subject: person")
    assert of_persons != MAP

    changed = await world.post("/v1/journeys", of_persons)
    await world.post("/v1/journeys/sales:retire")
    afterwards = await world.post("/v1/journeys", of_persons)
    elsewhere = await world.post(
        "/v1/journeys", of_persons.replace("journey: sales", "journey: people")
    )

    for refused in (changed, afterwards):
        assert (refused.status_code, refused.json()["code"]) == (409, "subject_changed")
        assert "one of accounts" in refused.json()["detail"]
    assert elsewhere.status_code == 201
    assert (await world.get("/v1/journeys/sales?version=1")).json()["source"] == MAP


async def test_a_journey_with_one_map_has_no_way_back(world: World) -> None:
    alone = await world.post("/v1/journeys/sales:rollback")
    unknown = await world.post("/v1/journeys/nowhere:rollback")
    reader = await world.key(Scope.STAGES_READ)
    refused = await world.post("/v1/journeys/sales:rollback", key=reader)

    assert (alone.status_code, alone.json()["code"]) == (409, "no_earlier_map")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "journey_unknown")
    assert refused.status_code == 403
