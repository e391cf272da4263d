"""Keys, scopes and workspaces: checked for every operation in the document of the api."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from services.api.document import part
from shared.http.openapi import document
from shared.keys.principal import SCOPES_OF_KIND, Scope
from shared.keys.token import KeyKind
from tests.integration.api.world import World, api_world

DESCRIBED: dict[str, Any] = document("Stageline API", [part()])
ALERT = "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11"
EXISTING = {
    "account_id": "acme-of-default",
    "alert_id": ALERT,
    "journey": "sales",
    "source_id": "src_website",
    "secret_id": ALERT,
    "key_id": "0123456789ab",
    "person": "email:ann@other.example",
    "workspace_id": "2",
}
BODIES = {
    "createSource": b"{}",
    "pushKpiValues": b"{}",
    "changeSource": b'{"name": "of acme"}',
    "addSourceSecret": b"{}",
    "createSourceKey": b"{}",
    "getStages": b'{"subjects": [{"account_id": "acme-of-default"}]}',
    "publishJourney": b"journey: [",
    "createWorkspace": b'{"name": "acme works"}',
    "renameWorkspace": b'{"name": "acme limited"}',
}
NO_KEYS = (
    "",
    "Bearer",
    "Bearer nonsense",
    "Bearer sl_sk_000000000000_" + "0" * 48,
    "Bearer sl_sk_é_x",
    "Basic c2xfc2s6",
)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        await world.account("acme-of-default")
        await world.name("user:leah", subject_id="acme-of-default")
        await world.touchpoint("acme-of-default", "m-1", occurred="02 09:30")
        await world.alert(ALERT, subject_id="acme-of-default")
        await world.source(EXISTING["source_id"], kind="web")
        await world.source_secret(EXISTING["source_id"], ALERT)
        await world.bound_key(EXISTING["source_id"], EXISTING["key_id"])
        yield world


def calls() -> Iterator[tuple[str, str, str, Scope]]:
    """Operation id, method, path to a resource of the default workspace, scope."""
    for path, methods in DESCRIBED["paths"].items():
        for method, described in methods.items():
            name = described["operationId"]
            url = path.format(**EXISTING)
            query = "?account_id=acme-of-default" if name == "getStage" else ""
            yield name, method.upper(), url + query, Scope(described["x-scope"])


async def ask(world: World, name: str, method: str, url: str, key: str | None) -> httpx.Response:
    return await world.client.request(
        method,
        url,
        headers={} if key is None else {b"Authorization": key.encode()},
        content=BODIES.get(name),
    )


async def test_no_call_answers_without_a_valid_key(world: World) -> None:
    wrong_secret = "Bearer " + world.secret[:-4] + "0000"

    for name, method, url, _ in calls():
        for key in (None, *NO_KEYS, wrong_secret):
            answer = await ask(world, name, method, url, key)

            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert "acme" not in answer.text


async def test_a_write_key_reads_nothing(world: World) -> None:
    for name, method, url, _ in calls():
        answer = await ask(world, name, method, url, f"Bearer {world.write}")

        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


async def test_an_operation_needs_exactly_its_own_scope(
    world: World,
) -> None:
    only = {scope: await world.key(scope) for scope in Scope}
    without = {
        scope: await world.key(*(SCOPES_OF_KIND[KeyKind.SECRET] - {scope})) for scope in Scope
    }

    for name, method, url, scope in calls():
        refused = await ask(world, name, method, url, f"Bearer {without[scope]}")
        passed = await ask(world, name, method, url, f"Bearer {only[scope]}")

        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
        # 409: this kind of source has no secrets.
        assert passed.status_code in {200, 201, 204, 422} or name == "addSourceSecret", name


async def test_another_workspace_sees_nothing_of_this_one(world: World) -> None:
    for name, method, url, scope in calls():
        answer = await ask(world, name, method, url, f"Bearer {world.foreign}")

        if scope is Scope.WORKSPACES_WRITE:  # which no key of a workspace holds
            assert answer.status_code == 403, name
            continue
        assert answer.status_code in {200, 404, 422}, name
        if answer.status_code == 200:
            # Suppressing a person does not require that they exist, and shows nothing of them.
            items = answer.json().get("items", [])
            assert items == [] or all(each.get("result") is None for each in items), name
        for piece in ("acme", "leah", "Demo", "m-1", "Evaluation"):
            assert piece not in answer.text, name
    state = await world.owner.fetchval("SELECT state FROM alert")
    assert state == "open"


async def test_equal_ids_in_two_workspaces_are_two_accounts(world: World) -> None:
    await world.subject("shared", workspace_id=world.foreign_workspace)
    await world.account("shared")

    ours = await world.get("/v1/stage", account_id="shared")
    theirs = await world.get("/v1/stage", key=world.foreign, account_id="shared")

    assert ours.json()["stage"] == "evaluation"
    assert (theirs.status_code, theirs.json()["status"]) == (200, "not_started")
    assert theirs.json()["journey"] is None


async def test_an_unknown_path_or_method_is_a_problem(world: World) -> None:
    nowhere = await world.get("/v1/nowhere")
    slash = await world.get("/v1/accounts/")
    deleted = await world.client.delete("/v1/stage")
    posted = await world.post("/v1/accounts/acme/history")

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    assert (slash.status_code, slash.json()["code"]) == (404, "not_found")
    assert (deleted.status_code, deleted.headers["allow"]) == (405, "GET, HEAD")
    assert (posted.status_code, posted.json()["code"]) == (405, "method_not_allowed")
    for answer in (nowhere, slash, deleted, posted):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"]


async def test_head_answers_like_get(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.secret}"}
    params = {"account_id": "acme-of-default"}

    head = await world.client.head("/v1/stage", params=params, headers=headers)
    got = await world.client.get("/v1/stage", params=params, headers=headers)

    assert (head.status_code, head.headers["etag"]) == (200, got.headers["etag"])


async def test_any_application_can_mount_the_api(world: World) -> None:
    transport = httpx.ASGITransport(Starlette(routes=[Mount("/read", world.app)]))

    async with httpx.AsyncClient(transport=transport, base_url="http://one.test") as client:
        answer = await client.get(
            "/read/v1/accounts/acme-of-default/history",
            headers={"Authorization": f"Bearer {world.secret}"},
        )
        refused = await client.get("/read/v1/stage")

    assert (answer.status_code, answer.json()["account_id"]) == (200, "acme-of-default")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


async def test_requests_are_counted_by_the_template_of_their_path(world: World) -> None:
    await world.get("/v1/accounts/acme-of-default/history")
    await world.get("/v1/stage", account_id="acme-of-default")

    text = (await world.client.get("/metrics")).text

    for route in ("/v1/accounts/{account_id}/history", "/v1/stage"):
        assert (
            f'stageline_http_requests_total{{method="GET",route="{route}",service="api",status="200"}}'
            " 1.0"
        ) in text
    assert "acme" not in text
