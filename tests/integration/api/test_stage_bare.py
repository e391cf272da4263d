"""The stage query is served without FastAPI, and answers as the route that is declared in FastAPI."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.api.app import create_app
from tests.integration.api.world import AWKWARD_IDS, SHOP, World, api_world

QUERIES = (
    "account_id=acme", "account_id=ACME", "user_id=leah", "user_id=+leah%20", "email=Leah@ACME.example",
    "anonymous_id=nobody", "account_id=fresh", "account_id=both", "account_id=both&journey=shop",
    "account_id=acme&journey=nowhere", "account_id=acme&journey=No%20Key", "", "journey=sales", "&&",
    "account_id=acme&user_id=leah", "account_id=acme&account_id=acme", "account_id", "account_id=",
    "account_id=%00", "account_id=%FF", "account_id=%ED%A0%80", "acount_id=acme", "a=1&a=2",
    "external_id=hubspot:contact:8301", "anonymous_id=hubspot:contact:8301", "external_id=",
    "external_id=hubspot:company:701", "account_id=acme&external_id=hubspot:contact:8301",
    "account_id=100%", "account_id=" + "x" * 523, "user_id=" + "x" * 513, "%61ccount_id=acme",
)  # fmt: skip


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        await world.publish(SHOP)
        await world.account("acme")
        await world.name("user:leah", subject_id="acme")
        await world.name("email:leah@acme.example", subject_id="acme")
        await world.name("external:hubspot:contact:8301", subject_id="acme", person_id="user:leah")
        await world.name("hubspot:company:701", subject_id="acme", person_id="acme")
        await world.subject("fresh")
        await world.account("both")
        await world.placement("both", journey="shop", stage="cart", version=1)
        yield world


@pytest.fixture
async def declared(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(world.api, is_stage_bare=False))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        yield client


def comparable(answer: httpx.Response) -> tuple[Any, ...]:
    """Status, headers and body without the id of the request."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    if answer.status_code >= 400 and answer.content:
        body = {name: value for name, value in answer.json().items() if name != "request_id"}
        return answer.status_code, {**headers, "content-length": ""}, body
    return answer.status_code, headers, answer.content


async def test_both_answer_every_query_alike(world: World, declared: httpx.AsyncClient) -> None:
    statuses = set()

    for query in (*QUERIES, *(str(httpx.QueryParams(account_id=each)) for each in AWKWARD_IDS)):
        for method in ("GET", "HEAD"):
            bare, through_fastapi = [
                await client.request(
                    method,
                    f"/v1/stage?{query}",
                    headers={"Authorization": f"Bearer {world.secret}"},
                )
                for client in (world.client, declared)
            ]

            assert comparable(bare) == comparable(through_fastapi), (method, query)
            statuses.add(bare.status_code)

    assert statuses == {200, 400, 404}


async def test_both_check_the_key_before_the_query(
    world: World, declared: httpx.AsyncClient
) -> None:
    for authorization in (
        "",
        "Bearer",
        "Basic x",
        f"bearer  {world.secret} ",
        f"Bearer {world.write}",
    ):
        bare, through_fastapi = [
            await client.get("/v1/stage?nonsense=1", headers={"Authorization": authorization})
            for client in (world.client, declared)
        ]

        assert comparable(bare) == comparable(through_fastapi), authorization


async def test_both_answer_304_to_a_current_etag(world: World, declared: httpx.AsyncClient) -> None:
    etag = (await world.get("/v1/stage", account_id="acme")).headers["etag"]

    for tag in (etag, f"W/{etag}", f'"other", {etag}', "*", '"other"'):
        bare, through_fastapi = [
            await client.get(
                "/v1/stage?account_id=acme",
                headers={"Authorization": f"Bearer {world.secret}", "If-None-Match": tag},
            )
            for client in (world.client, declared)
        ]

        assert comparable(bare) == comparable(through_fastapi), tag
