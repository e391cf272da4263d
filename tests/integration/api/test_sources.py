"""`/v1/sources`: create, read, change, pause, resume, delete."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.api.source_requests import (
    add_event,
    authenticate,
    create_source,
    ingest_registry,
    send,
)
from tests.integration.api.world import NOW, World, api_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


async def test_a_created_source_is_returned_with_all_settings_and_cached_by_ingest(
    world: World,
) -> None:
    source_id = await create_source(world, ip="drop", consent={"required": ["analytics"]})

    shown = (await send(world, "GET", f"/v1/sources/{source_id}")).json()
    listed = (await send(world, "GET", "/v1/sources")).json()["items"]
    registry = await ingest_registry(world)

    assert (shown["name"], shown["kind"], shown["paused_at"]) == ("website", "web", None)
    assert shown["settings"]["ip"] == "drop"
    assert shown["settings"]["consent"] == {"required": ["analytics"], "when_missing": "drop"}
    assert shown["settings"]["allowed_origins"] == []
    assert (shown["secrets"], shown["keys"], shown["webhook_path"]) == ([], [], None)
    assert [each["source_id"] for each in listed] == [source_id]
    cached = registry.cached(source_id)
    assert cached is not None
    assert cached.settings.ip == "drop"


async def test_a_provider_gets_the_path_of_its_webhook(world: World) -> None:
    source_id = await create_source(world, "billing", "stripe")

    shown = (await send(world, "GET", f"/v1/sources/{source_id}")).json()

    assert shown["webhook_path"] == f"/v1/webhooks/stripe/{source_id}"


async def test_named_settings_are_replaced_and_null_restores_a_default(world: World) -> None:
    source_id = await create_source(world, ip="drop", events_per_second=5, hash_fields=["email"])

    body = {"name": "shop", "settings": {"ip": None, "hash_fields": ["user_id"]}}
    answer = await send(world, "PATCH", f"/v1/sources/{source_id}", body)

    settings = answer.json()["settings"]
    assert (answer.status_code, answer.json()["name"]) == (200, "shop")
    assert settings["ip"] == "truncate"
    assert settings["hash_fields"] == ["user_id"]
    assert settings["events_per_second"] == 5


@pytest.mark.parametrize(
    ("settings", "pointer", "detail"),
    [
        ({"alowed_origins": []}, "/settings", "did you mean `allowed_origins`?"),
        ({"ip": "hide"}, "/settings/ip", "keep, truncate or drop"),
        ({"allowed_origins": ["https://a.example/path"]}, "/settings/allowed_origins", "origins"),
        ({"allowed_origins": "https://a.example"}, "/settings/allowed_origins", "a list"),
        ({"events_per_second": 0}, "/settings/events_per_second", "above 0"),
        ({"events_per_second": -1e400}, "/settings/events_per_second", "cannot be stored"),
        ({"consent": {"required": "analytics"}}, "/settings/consent/required", "an object"),
        ({"consent": {"requird": ["a"]}}, "/settings/consent", "did you mean `required`?"),
        ({"consent": {"required": ["a\x00"]}}, "/settings/consent", "cannot be stored"),
        ({"hash_fields": ["e-mail"]}, "/settings/hash_fields", "email"),
        ({"mapping": {"rules": [{"event": "A", "when": "]["}]}}, "/settings/mapping", "JMESPath"),
    ],
)
async def test_an_invalid_setting_is_refused_with_its_pointer_and_the_rule(
    world: World, settings: dict[str, Any], pointer: str, detail: str
) -> None:
    import json  # noqa: PLC0415 - writes infinity, which the client refuses to

    body = json.dumps({"name": "website", "kind": "web", "settings": settings})
    answer = await world.post("/v1/sources", body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert detail in error["detail"]
    assert (await send(world, "GET", "/v1/sources")).json()["items"] == []


async def test_every_invalid_setting_is_reported_at_once_and_nothing_is_echoed(
    world: World,
) -> None:
    settings = {"ip": "sl_sk_leak", "sl_sk_leak": 1, "burst": "sl_sk_leak"}
    body = {"name": "website", "kind": "web", "settings": settings}

    answer = await send(world, "POST", "/v1/sources", body)

    assert len(answer.json()["errors"]) == 3
    assert "leak" not in answer.text


async def test_a_name_is_unique_within_a_workspace(world: World) -> None:
    await create_source(world)
    other = await create_source(world, "app")
    body = {"name": "website", "kind": "server"}

    again = await send(world, "POST", "/v1/sources", body)
    renamed = await send(world, "PATCH", f"/v1/sources/{other}", {"name": "website"})
    abroad = await send(world, "POST", "/v1/sources", body, key=world.foreign)

    assert (again.status_code, again.json()["code"]) == (409, "source_name_taken")
    assert (renamed.status_code, renamed.json()["code"]) == (409, "source_name_taken")
    assert abroad.status_code == 201


@pytest.mark.parametrize("name", ["", "   ", "src_1", "a\nb", "x" * 101, "a\x00b"])
async def test_an_unusable_name_is_refused(world: World, name: str) -> None:
    answer = await send(world, "POST", "/v1/sources", {"name": name, "kind": "web"})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/name")


async def test_pausing_again_keeps_the_first_instant_and_resuming_clears_it(world: World) -> None:
    source_id = await create_source(world)

    first = await send(world, "POST", f"/v1/sources/{source_id}:pause")
    world.clock.advance(timedelta(hours=1))
    again = await send(world, "POST", f"/v1/sources/{source_id}:pause")
    cached = (await ingest_registry(world)).cached(source_id)
    resumed = await send(world, "POST", f"/v1/sources/{source_id}:resume")

    assert first.json()["paused_at"] == again.json()["paused_at"] == "2026-03-10T12:00:00Z"
    assert cached is not None
    assert cached.paused_at == NOW
    assert resumed.json()["paused_at"] is None


async def test_deleting_a_source_revokes_its_keys_and_deletes_its_newest_events(
    world: World,
) -> None:
    source_id = await create_source(world)
    key = (await send(world, "POST", f"/v1/sources/{source_id}/keys", {})).json()["key"]
    await add_event(world, source_id, "m-1")

    removed = await send(world, "DELETE", f"/v1/sources/{source_id}")
    again = await send(world, "DELETE", f"/v1/sources/{source_id}")

    assert (removed.status_code, removed.content) == (204, b"")
    assert "content-type" not in removed.headers
    assert (again.status_code, again.json()["code"]) == (404, "source_unknown")
    assert await authenticate(world, key) == "revoked"
    assert await world.owner.fetchval("SELECT count(*) FROM source_event") == 0


async def test_no_route_reaches_a_source_of_another_workspace(world: World) -> None:
    source_id = await create_source(world)
    at_source = f"/v1/sources/{source_id}"
    calls = [
        ("GET", at_source, None),
        ("PATCH", at_source, {"name": "mine"}),
        ("DELETE", at_source, None),
        ("POST", f"{at_source}:pause", None),
        ("POST", f"{at_source}/keys", {}),
        ("POST", f"{at_source}/secrets", {}),
        ("GET", f"{at_source}/events", None),
        ("GET", f"{at_source}/usage", None),
    ]

    answers = [await send(world, *each, key=world.foreign) for each in calls]

    assert {(a.status_code, a.json()["code"]) for a in answers} == {(404, "source_unknown")}
    assert (await send(world, "GET", at_source)).json()["name"] == "website"


@pytest.mark.parametrize(
    ("method", "below", "allow"),
    [
        ("PUT", "", "DELETE, GET, HEAD, PATCH"),
        ("PUT", ":pause", "POST"),
        ("POST", "/events", "GET, HEAD"),
        ("PUT", "/keys", "POST"),
        ("POST", "/secrets/0123456789ab", "DELETE"),
    ],
)
async def test_another_method_is_refused_with_the_allowed_ones(
    world: World, method: str, below: str, allow: str
) -> None:
    response = await send(world, method, f"/v1/sources/src_website{below}")

    assert (response.status_code, response.headers["allow"]) == (405, allow)
