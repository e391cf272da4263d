"""`/v1/workspaces` for the key of an operator, and that such a key opens nothing else."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import Scope
from shared.keys.token import KeyKind, parse
from shared.storage import keys
from tests.integration.api.world import NOW, World, api_world
from tests.support.database import owner_transaction


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """With a workspace `other` beside the default one, and an account in the latter."""
    async with api_world(database_url) as world:
        await world.account("acme")
        yield world


@pytest.fixture
async def operator(world: World) -> str:
    return await world.key(Scope.WORKSPACES_WRITE)


async def create(world: World, key: str, name: str) -> httpx.Response:
    return await world.client.post(
        "/v1/workspaces", json={"name": name}, headers={"Authorization": f"Bearer {key}"}
    )


async def rename(world: World, key: str, workspace_id: object, name: str) -> httpx.Response:
    return await world.client.patch(
        f"/v1/workspaces/{workspace_id}",
        json={"name": name},
        headers={"Authorization": f"Bearer {key}"},
    )


async def test_a_workspace_comes_with_a_key_that_leads_to_it_alone(
    world: World, operator: str
) -> None:
    made = await create(world, operator, "Brand A")

    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    body = made.json()
    assert (body["workspace_id"], body["name"], body["created_at"]) == (
        world.foreign_workspace + 1,
        "Brand A",
        "2026-03-10T12:00:00Z",
    )
    listed = await world.get("/v1/journeys", key=body["key"])
    foreign = await world.get("/v1/accounts/acme", key=body["key"])
    assert (listed.status_code, listed.json()["items"]) == (200, [])
    assert foreign.status_code == 404
    assert (await create(world, body["key"], "more")).status_code == 403


async def test_the_first_key_holds_what_a_secret_key_may_and_only_its_hash_is_kept(
    world: World, operator: str
) -> None:
    key = (await create(world, operator, "brand-a")).json()["key"]

    parsed = parse(key)
    assert parsed is not None
    row = await world.owner.fetchrow("SELECT * FROM api_key WHERE key_id = $1", parsed.key_id)
    assert row is not None
    assert (row["kind"], row["label"]) == ("secret", "first key")
    assert set(row["scopes"]) == set(Scope) - {Scope.WORKSPACES_WRITE}
    assert parsed.secret not in str(dict(row))


async def test_workspaces_are_listed_by_pages_without_a_key(world: World, operator: str) -> None:
    await create(world, operator, "brand-a")

    first = (await world.get("/v1/workspaces", key=operator, limit="2")).json()
    second = (
        await world.get("/v1/workspaces", key=operator, limit="2", cursor=first["next_cursor"])
    ).json()

    pages = [[each["name"] for each in page["items"]] for page in (first, second)]
    assert pages == [["default", "other"], ["brand-a"]]
    assert second["next_cursor"] is None
    assert set(first["items"][0]) == {"workspace_id", "name", "created_at"}


async def test_a_renamed_workspace_keeps_its_id_keys_and_data(world: World, operator: str) -> None:
    renamed = await rename(world, operator, DEFAULT_WORKSPACE, "main")

    again = await rename(world, operator, DEFAULT_WORKSPACE, "main")
    assert (renamed.status_code, renamed.json()["name"]) == (200, "main")
    assert again.json() == renamed.json()
    assert (await world.get("/v1/accounts/acme")).status_code == 200


@pytest.mark.parametrize("name", ["", "17", " a", "x" * 64, "a\x00b", "a\nb", "../x", "a\u202eb"])
async def test_a_name_that_no_workspace_can_have_is_refused_at_its_place(
    world: World, operator: str, name: str
) -> None:
    made = await create(world, operator, name)
    renamed = await rename(world, operator, DEFAULT_WORKSPACE, name)

    for answer in (made, renamed):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
        assert answer.json()["errors"][0]["pointer"] == "/name"
    names = await world.owner.fetch("SELECT name FROM workspace ORDER BY workspace_id")
    assert [row["name"] for row in names] == ["default", "other"]


async def test_a_name_in_use_makes_neither_workspace_nor_key(world: World, operator: str) -> None:
    before = await world.owner.fetchval("SELECT count(*) FROM api_key")

    made = await create(world, operator, "other")
    renamed = await rename(world, operator, DEFAULT_WORKSPACE, "other")

    for answer in (made, renamed):
        assert (answer.status_code, answer.json()["code"]) == (409, "workspace_name_taken")
    assert await world.owner.fetchval("SELECT count(*) FROM api_key") == before
    assert await world.owner.fetchval("SELECT count(*) FROM workspace") == 2


@pytest.mark.parametrize("workspace_id", ["999", "0", "-1", "x", "1" * 30, "%D9%A1"])
async def test_an_unknown_workspace_is_not_renamed(
    world: World, operator: str, workspace_id: str
) -> None:
    answer = await rename(world, operator, workspace_id, "mine")

    assert (answer.status_code, answer.json()["code"]) == (404, "workspace_unknown")


async def test_a_revoked_key_stops_at_once_though_it_is_cached(world: World, operator: str) -> None:
    assert (await world.get("/v1/workspaces", key=operator)).status_code == 200
    parsed = parse(operator)
    assert parsed is not None
    async with owner_transaction(world.database_url) as connection:
        await keys.revoke(connection, DEFAULT_WORKSPACE, parsed.key_id, NOW)

    answers = [
        await create(world, operator, "brand-a"),
        await rename(world, operator, DEFAULT_WORKSPACE, "mine"),
        await world.get("/v1/workspaces", key=operator),
    ]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert await world.owner.fetchval("SELECT count(*) FROM workspace") == 2


async def test_an_operator_key_that_expired_is_none(world: World) -> None:
    async with owner_transaction(world.database_url) as connection:
        made = await keys.create(
            connection,
            workspace_id=DEFAULT_WORKSPACE,
            kind=KeyKind.OPERATOR,
            now=NOW,
            expires_at=NOW - timedelta(seconds=1),
        )

    assert (await create(world, made.token, "brand-a")).status_code == 401
