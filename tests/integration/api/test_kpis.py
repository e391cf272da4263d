"""`/v1/kpis/values`: push and read."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.keys.principal import Scope
from tests.integration.api.world import World, api_world

PATH = "/v1/kpis/values"
MAP = """
journey: growth
title: Growth
subject: account
stages:
  - key: awareness
    title: Awareness
    owner: marketing
    kpis: [{name: Brand search volume, unit: count}, {name: Organic traffic}]
  - key: trial
    title: Trial
    owner: product
    enter: {event: Trial Started}
    kpis: [{name: Trial activation rate, target: 80, unit: percent}]
"""
VALUE = {
    "journey": "growth",
    "stage": "trial",
    "kpi": "Trial activation rate",
    "value": 64,
    "at": "2026-03-01T00:00:00Z",
}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        await world.publish(MAP)
        yield world


async def push(world: World, *items: dict[str, Any], key: str | None = None) -> httpx.Response:
    return await world.post(
        PATH, json.dumps({"items": items}), key=key, content_type="application/json"
    )


async def test_a_value_is_stored_under_the_spelling_of_the_map(world: World) -> None:
    answer = await push(
        world, {**VALUE, "kpi": "trial activation RATE", "segment": "smb", "origin": "warehouse"}
    )
    listed = (await world.get(PATH)).json()

    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "rejected": []})
    assert listed == {
        "items": [
            {
                **VALUE,
                "value": 64.0,
                "segment": "smb",
                "origin": "warehouse",
                "received_at": world.clock.now().isoformat().replace("+00:00", "Z"),
            }
        ],
        "next_cursor": None,
    }


async def test_a_value_pushed_again_replaces_the_first(world: World) -> None:
    await push(world, VALUE)
    await push(
        world, {**VALUE, "value": 65}, {**VALUE, "value": 66, "at": "2026-03-01T01:00:00+01:00"}
    )

    assert [item["value"] for item in (await world.get(PATH)).json()["items"]] == [66.0]


async def test_each_value_is_accepted_or_rejected_by_itself(world: World) -> None:
    answer = await push(
        world,
        {**VALUE, "journey": "grwth"},
        {**VALUE, "stage": "trail"},
        {**VALUE, "kpi": "Trial activation rat"},
        {**VALUE, "stage": "awareness"},
        VALUE,
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 1,
        "rejected": [
            {
                "index": 0,
                "code": "journey_unknown",
                "detail": "No such journey is published. Did you mean `growth`?",
            },
            {
                "index": 1,
                "code": "stage_unknown",
                "detail": "The map has no such stage. Did you mean `trial`?",
            },
            {
                "index": 2,
                "code": "kpi_unknown",
                "detail": "The stage declares no such indicator. Did you mean `trial activation rate`?",
            },
            {
                "index": 3,
                "code": "kpi_unknown",
                "detail": "The stage declares no such indicator.",
            },
        ],
    }
    assert len((await world.get(PATH)).json()["items"]) == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"value": "64"}, None),
        ({"value": "many"}, "/items/0/value"),
        ({"at": "2026-03-01T00:00:00"}, "/items/0/at"),
        ({"at": "soon"}, "/items/0/at"),
        ({"journey": "A B"}, "/items/0/journey"),
        ({"kpi": ""}, "/items/0/kpi"),
        ({"segment": "x" * 256}, "/items/0/segment"),
        ({"valu": 1}, "/items/0"),
    ],
)
async def test_an_invalid_value_is_refused_with_its_pointer(
    world: World, change: dict[str, Any], pointer: str | None
) -> None:
    answer = await push(world, {**VALUE, **change})

    if pointer is None:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e999"])
async def test_a_value_that_is_not_a_number_is_refused(world: World, literal: str) -> None:
    body = json.dumps({"items": [VALUE]}).replace("64", literal)

    answer = await world.post(PATH, body, content_type="application/json")

    assert answer.status_code in {400, 422}
    assert (await world.get(PATH)).json()["items"] == []


async def test_values_are_listed_newest_first_in_pages_and_filtered(world: World) -> None:
    await push(
        world,
        *({**VALUE, "at": f"2026-03-0{day}T00:00:00Z", "value": day} for day in (1, 3, 2)),
        {**VALUE, "stage": "awareness", "kpi": "Organic traffic", "value": 9},
    )

    first = (await world.get(PATH, limit="2")).json()
    second = (await world.get(PATH, limit="2", cursor=first["next_cursor"])).json()
    recent = (await world.get(PATH, since="2026-03-02T00:00:00Z")).json()
    traffic = (await world.get(PATH, kpi="Organic traffic")).json()

    assert [item["value"] for item in (*first["items"], *second["items"])] == [3, 2, 1, 9]
    assert second["next_cursor"] is None
    assert [item["value"] for item in recent["items"]] == [3, 2]
    assert [item["stage"] for item in traffic["items"]] == ["awareness"]


async def test_a_workspace_neither_reads_nor_writes_values_of_another(world: World) -> None:
    await push(world, VALUE)

    pushed = await push(world, VALUE, key=world.foreign)
    seen = await world.get(PATH, key=world.foreign)

    assert [each["code"] for each in pushed.json()["rejected"]] == ["journey_unknown"]
    assert seen.json()["items"] == []


async def test_pushing_needs_its_own_scope(world: World) -> None:
    reader = await world.key(Scope.STAGES_READ)

    assert (await push(world, VALUE, key=reader)).status_code == 403
    assert (await push(world, VALUE, key=world.write)).status_code == 403
    assert (await world.get(PATH, key=reader)).status_code == 200
