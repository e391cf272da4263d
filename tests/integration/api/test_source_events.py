"""`/v1/sources/{source_id}/events` and `/usage`."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.ids import DEFAULT_WORKSPACE
from tests.integration.api.rows import at
from tests.integration.api.source_requests import add_event, add_touchpoint, create_source, send
from tests.integration.api.world import World, api_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


async def states(world: World, source_id: str) -> list[tuple[Any, ...]]:
    items = (await send(world, "GET", f"/v1/sources/{source_id}/events")).json()["items"]
    return [
        (item["message_id"], item["outcome"], item["became"] and item["became"]["state"])
        for item in items
    ]


async def test_events_are_listed_newest_first_with_their_state(world: World) -> None:
    source_id = await create_source(world)
    for message_id in ("m-applied", "m-pending", "m-dead"):
        await add_event(world, source_id, message_id)
    await add_event(world, source_id, "m-applied", "10 11:30")
    await add_event(world, source_id, None, outcome="refused", code="missing_identity", event=None)
    await add_event(world, source_id, "m-applied", outcome="dropped", code="no_consent")
    await add_touchpoint(world, "m-applied", "10 11:00")
    await world.owner.execute(
        "INSERT INTO dead_letter (workspace_id, topic, partition, record_offset, reason, detail,"
        " created_at, message_id) VALUES (1, 't', 0, 0, 'unmapped', 'no rule', now(), 'm-dead')"
    )

    assert await states(world, source_id) == [
        ("m-applied", "dropped", None),
        (None, "refused", None),
        ("m-applied", "accepted", "duplicate"),
        ("m-dead", "accepted", "dead_letter"),
        ("m-pending", "accepted", "pending"),
        ("m-applied", "accepted", "applied"),
    ]


async def test_a_message_twice_in_one_request_counts_once(world: World) -> None:
    source_id = await create_source(world)
    await add_event(world, source_id, "m-1")
    await add_event(world, source_id, "m-1")
    await add_touchpoint(world, "m-1", "10 11:00")

    assert await states(world, source_id) == [
        ("m-1", "accepted", "duplicate"),
        ("m-1", "accepted", "applied"),
    ]


async def test_a_duplicate_that_says_something_else_has_a_reason(world: World) -> None:
    source_id = await create_source(world)
    stored = "~w.9f/m-1"
    for received in ("10 11:00", "10 11:30", "10 11:40"):
        await add_event(world, source_id, stored, received)
    await add_touchpoint(world, stored, "10 11:00")
    for message_id, received in ((stored, "10 11:40"), ("~w.9f/m-2", "10 11:30")):
        await world.owner.execute(
            "INSERT INTO conflicting_event (workspace_id, message_id, received_at)"
            " VALUES (1, $1, $2)",
            message_id,
            at(received),
        )

    items = (await send(world, "GET", f"/v1/sources/{source_id}/events")).json()["items"]
    assert [(i["message_id"], i["became"]["state"], i["became"]["reason"]) for i in items] == [
        ("m-1", "duplicate", "other_content"),
        ("m-1", "duplicate", None),
        ("m-1", "applied", None),
    ]


async def test_an_applied_event_lists_the_transitions_that_it_caused(world: World) -> None:
    source_id = await create_source(world)
    await add_event(world, source_id, "m-1", person="user:leah", account_id="acme")
    await add_touchpoint(world, "m-1", "10 11:00")
    for sequence, superseded, to_stage in ((1, "10 11:02", "purchase"), (1, None, "evaluation")):
        await world.transition(
            "acme",
            sequence,
            occurred="09 10:00",
            from_stage="research",
            to_stage=to_stage,
            dwell_seconds=60,
            message_id="m-1",
            superseded=superseded,
        )
    await world.transition(
        "user:leah",
        1,
        journey="shop",
        occurred="09 10:00",
        from_stage=None,
        to_stage="cart",
        dwell_seconds=None,
        message_id="m-1",
    )

    (item,) = (await send(world, "GET", f"/v1/sources/{source_id}/events")).json()["items"]

    assert (item["person"], item["account_id"]) == ("user:leah", "acme")
    assert item["became"]["subject_id"] == "acme"
    moves = item["became"]["transitions"]
    assert [(move["journey"], move["from_stage"], move["to_stage"]) for move in moves] == [
        ("sales", "research", "evaluation"),
        ("shop", None, "cart"),
    ]


async def test_the_list_is_paged_by_cursor_and_polled_by_after(world: World) -> None:
    source_id = await create_source(world)
    for number in range(1, 6):
        await add_event(world, source_id, f"m-{number}")
    path = f"/v1/sources/{source_id}/events"

    first = (await world.get(path, limit="2")).json()
    second = (await world.get(path, limit="2", cursor=first["next_cursor"])).json()
    newest = first["items"][0]["id"]
    nothing = (await world.get(path, after=str(newest))).json()
    await add_event(world, source_id, "m-6")
    fresh = (await world.get(path, after=str(newest))).json()

    assert [item["message_id"] for item in first["items"]] == ["m-5", "m-4"]
    assert [item["message_id"] for item in second["items"]] == ["m-3", "m-2"]
    assert nothing["items"] == []
    assert [item["message_id"] for item in fresh["items"]] == ["m-6"]


async def test_a_cursor_is_valid_only_for_its_source_and_filter_by_outcome(
    world: World,
) -> None:
    source_id, other = await create_source(world), await create_source(world, "app")
    for number in range(4):
        outcome = "refused" if number % 2 else "accepted"
        await add_event(world, source_id, f"m-{number}", outcome=outcome)
    path = f"/v1/sources/{source_id}/events"

    refused = (await world.get(path, outcome="refused", limit="1")).json()
    cursor = refused["next_cursor"]
    elsewhere = await world.get(f"/v1/sources/{other}/events", outcome="refused", cursor=cursor)
    otherwise = await world.get(path, cursor=cursor)

    assert [item["message_id"] for item in refused["items"]] == ["m-3"]
    for answer in (elsewhere, otherwise):
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_usage_is_listed_by_day_newest_first(world: World) -> None:
    source_id = await create_source(world)
    for day, accepted in ((8, 7), (9, 5), (10, 3)):
        await world.insert(
            "source_usage",
            workspace_id=DEFAULT_WORKSPACE,
            source_id=source_id,
            day=at(f"{day:02} 00:00").date(),
            accepted=accepted,
            refused=1,
        )

    usage = (await world.get(f"/v1/sources/{source_id}/usage", days="2")).json()

    assert usage["items"] == [
        {"day": "2026-03-10", "accepted": 3, "refused": 1, "dropped": 0},
        {"day": "2026-03-09", "accepted": 5, "refused": 1, "dropped": 0},
    ]


async def test_events_of_keys_without_a_source_are_under_the_id_none_of_each_workspace(
    world: World,
) -> None:
    await add_event(world, "none", "m-1")

    foreign = await world.get("/v1/sources/none/events", key=world.foreign)
    usage = await world.get("/v1/sources/none/usage")
    as_source = await world.get("/v1/sources/none")

    assert await states(world, "none") == [("m-1", "accepted", "pending")]
    assert (foreign.status_code, foreign.json()["items"]) == (200, [])
    assert (usage.status_code, as_source.status_code) == (200, 404)
