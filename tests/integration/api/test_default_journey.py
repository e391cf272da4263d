"""The default journey, and journeys that are retired, as the calls that name no journey answer."""

from collections.abc import AsyncIterator

import pytest

from shared.keys.principal import Scope
from tests.integration.api.world import MAP, World, api_world

CARE = """\
journey: care
title: Care
subject: account
stages:
  - {key: new, title: New}
  - {key: loyal, title: Loyal, enter: {event: Order Completed}}
"""


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """An account on both of two journeys, `sales` published before `care`."""
    async with api_world(database_url) as world:
        await world.publish(CARE)
        await world.account("acme")
        await world.placement("acme", journey="care", stage="new")
        yield world


async def journeys_of_answers(world: World) -> tuple[str, str, str]:
    """The journey of which the stage, the batch and the explanation are without a named one."""
    stage = await world.get("/v1/stage", account_id="acme")
    batch = await world.post(
        "/v1/stage:batch",
        '{"subjects": [{"account_id": "acme"}]}',
        content_type="application/json",
    )
    explained = await world.get("/v1/accounts/acme/explain")
    return (
        stage.json()["journey"],
        batch.json()["items"][0]["result"]["journey"],
        explained.json()["journey"],
    )


async def test_a_second_map_leaves_the_answers_without_a_journey_as_they_were(
    world: World,
) -> None:
    assert await journeys_of_answers(world) == ("sales", "sales", "sales")


async def test_every_call_without_a_journey_answers_for_the_default(world: World) -> None:
    answer = await world.post("/v1/journeys/care:make_default")

    assert (answer.status_code, answer.json()) == (200, {"key": "care"})
    assert await journeys_of_answers(world) == ("care", "care", "care")
    listed = (await world.get("/v1/journeys")).json()["items"]
    assert [(each["key"], each["is_default"]) for each in listed] == [
        ("care", True),
        ("sales", False),
    ]


async def test_a_subject_on_no_journey_has_not_started_the_default(world: World) -> None:
    await world.subject("fresh")
    await world.post("/v1/journeys/care:make_default")

    answer = (await world.get("/v1/stage", account_id="fresh")).json()

    assert (answer["journey"], answer["status"]) == ("care", "not_started")


async def test_a_retired_journey_is_neither_listed_nor_answered_for(world: World) -> None:
    await world.subject("fresh")

    answer = await world.post("/v1/journeys/sales:retire")
    again = await world.post("/v1/journeys/sales:retire")

    assert (answer.status_code, answer.json()) == (
        200,
        {"key": "sales", "version": 2, "changed": True},
    )
    assert again.json()["changed"] is False
    # At once, although the stager has not removed the placements yet.
    assert await journeys_of_answers(world) == ("care", "care", "care")
    assert [each["key"] for each in (await world.get("/v1/journeys")).json()["items"]] == ["care"]
    named = await world.get("/v1/stage", account_id="fresh", journey="sales")
    assert (named.status_code, named.json()["code"]) == (404, "journey_unknown")
    shown = (await world.get("/v1/journeys/sales")).json()
    assert (shown["version"], shown["is_retired"]) == (2, True)


async def test_publishing_a_retired_journey_again_undoes_it(world: World) -> None:
    await world.post("/v1/journeys/sales:retire")

    back = await world.post("/v1/journeys", MAP)

    assert (back.status_code, back.json()) == (201, {"key": "sales", "version": 3, "changed": True})
    assert await journeys_of_answers(world) == ("sales", "sales", "sales")


async def test_only_a_key_for_maps_chooses_the_default_and_retires(world: World) -> None:
    reader = await world.key(Scope.STAGES_READ)

    for call in ("make_default", "retire"):
        refused = await world.post(f"/v1/journeys/care:{call}", key=reader)
        unknown = await world.post(f"/v1/journeys/nowhere:{call}")
        foreign = await world.post(f"/v1/journeys/care:{call}", key=world.foreign)

        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "journey_unknown")
        assert (foreign.status_code, foreign.json()["code"]) == (404, "journey_unknown")


async def test_a_workspace_without_any_journey_still_knows_its_subjects(world: World) -> None:
    await world.subject("fresh")
    for key in ("sales", "care"):
        await world.post(f"/v1/journeys/{key}:retire")

    stage = (await world.get("/v1/stage", account_id="fresh")).json()
    explained = await world.get("/v1/accounts/fresh/explain")

    assert (stage["journey"], stage["status"]) == (None, "not_started")
    assert (explained.status_code, explained.json()["code"]) == (404, "journey_unknown")
