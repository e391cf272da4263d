"""`/v1/events`, and the hint at a misspelt event in the live view of a source."""

from collections.abc import AsyncIterator

import pytest

from shared.keys.principal import Scope
from tests.integration.api.source_requests import add_event, create_source, send
from tests.integration.api.world import World, api_world

INSERT = "INSERT INTO event_name VALUES (1, $1, $2, '2026-03-01 08:00Z', '2026-03-02 09:00Z')"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """The map `sales` waits for `Demo Requested`, `Order Completed` and `Deal Lost`."""
    async with api_world(database_url) as world:
        yield world


async def test_names_come_with_their_counts_and_the_maps_that_know_them(world: World) -> None:
    for event, accepted in (("Page Viewed", 40), ("Demo Requestd", 14), ("Order Completed", 3)):
        await world.owner.execute(INSERT, event, accepted)

    items = (await world.get("/v1/events")).json()["items"]

    assert [(i["event"], i["accepted"], i["journeys"], i["meant"]) for i in items] == [
        ("Page Viewed", 40, [], None),
        ("Demo Requestd", 14, [], "Demo Requested"),
        ("Order Completed", 3, ["sales"], None),
        ("Deal Lost", 0, ["sales"], None),
        ("Demo Requested", 0, ["sales"], None),
    ]
    assert items[1]["last_seen_at"] == "2026-03-02T09:00:00Z"
    assert items[3]["last_seen_at"] is None


async def test_a_retired_map_knows_no_event(world: World) -> None:
    await world.owner.execute(INSERT, "Demo Requested", 1)
    await world.post("/v1/journeys/sales:retire")

    (item,) = (await world.get("/v1/events")).json()["items"]

    assert (item["event"], item["journeys"]) == ("Demo Requested", [])


async def test_names_are_those_of_the_workspace_and_need_the_scope_of_sources(world: World) -> None:
    await world.owner.execute(INSERT, "Demo Requested", 1)
    reader = await world.key(Scope.STAGES_READ)

    foreign = await world.get("/v1/events", key=world.foreign)
    refused = await world.get("/v1/events", key=reader)

    assert foreign.json()["items"] == []
    assert refused.status_code == 403


async def test_the_live_view_names_the_event_that_was_meant(world: World) -> None:
    source_id = await create_source(world)
    await add_event(world, source_id, "m-1", event="Demo Requested")
    await add_event(world, source_id, "m-2", event="demo requestd")
    await add_event(world, source_id, "m-3", event="Page Viewed")

    items = (await send(world, "GET", f"/v1/sources/{source_id}/events")).json()["items"]

    assert [(item["event"], item["meant"]) for item in items] == [
        ("Page Viewed", None),
        ("demo requestd", "Demo Requested"),
        ("Demo Requested", None),
    ]
