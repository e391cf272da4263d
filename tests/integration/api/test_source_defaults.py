"""What a source of a website takes by default, as the api makes it and as it reads old ones."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.api.world import World, api_world

CLOSED = {"max_age_days": 7, "value": "drop", "account_traits": "drop", "joins": "drop"}
OPEN = {"max_age_days": None, "value": "keep", "account_traits": "keep", "joins": "keep"}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


async def create(world: World, kind: str, **settings: object) -> dict[str, Any]:
    body = {"name": f"a {kind}", "kind": kind, "settings": settings}
    answer = await world.post("/v1/sources", json.dumps(body))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def of_public_keys(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in CLOSED}


@pytest.mark.parametrize(("kind", "expected"), [("web", CLOSED), ("server", OPEN)])
async def test_a_new_source_has_the_defaults_of_its_kind_in_the_answer_and_in_the_row(
    world: World, kind: str, expected: dict[str, Any]
) -> None:
    made = await create(world, kind)

    row = await world.owner.fetchval(
        "SELECT settings FROM source WHERE source_id = $1", made["source_id"]
    )
    assert of_public_keys(made["settings"]) == expected
    assert of_public_keys(json.loads(row)) == expected


async def test_a_setting_that_is_given_holds_and_the_others_keep_their_default(
    world: World,
) -> None:
    made = await create(world, "web", value="keep", max_age_days=None)

    assert of_public_keys(made["settings"]) == CLOSED | {"value": "keep"}


@pytest.mark.parametrize(("kind", "expected"), [("web", CLOSED), ("server", OPEN)])
async def test_a_row_from_before_these_settings_reads_as_the_defaults_of_its_kind(
    world: World, kind: str, expected: dict[str, Any]
) -> None:
    await world.owner.execute(
        "INSERT INTO source (workspace_id, source_id, name, kind, settings, created_at)"
        " VALUES (1, 'src_old', 'old', $1, '{\"ip\": \"drop\"}', now())",
        kind,
    )

    settings = (await world.get("/v1/sources/src_old")).json()["settings"]

    assert of_public_keys(settings) == expected
    assert settings["ip"] == "drop"
