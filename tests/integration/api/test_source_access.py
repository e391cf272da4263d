"""Secrets and keys of `/v1/sources/{source_id}`."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.keys.principal import Principal, Scope
from tests.integration.api.source_requests import authenticate, create_source, ingest_registry, send
from tests.integration.api.world import World, api_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


async def test_a_generated_secret_is_shown_once_and_cached_by_ingest(world: World) -> None:
    source_id = await create_source(world, "partner", "standard-webhooks")

    answer = (await send(world, "POST", f"/v1/sources/{source_id}/secrets", {})).json()
    shown = await send(world, "GET", f"/v1/sources/{source_id}")
    cached = (await ingest_registry(world)).cached(source_id)

    assert answer["value"].startswith("whsec_")
    assert len(base64.b64decode(answer["value"].removeprefix("whsec_"))) == 32
    assert [each["secret_id"] for each in shown.json()["secrets"]] == [answer["secret_id"]]
    assert answer["value"] not in shown.text
    assert cached is not None
    assert cached.secrets == (answer["value"].encode(),)


async def test_during_a_rotation_both_secrets_are_valid_until_the_old_one_expires(
    world: World,
) -> None:
    source_id = await create_source(world, "billing", "stripe")
    path = f"/v1/sources/{source_id}/secrets"
    await send(world, "POST", path, {"value": " whsec_first_of_stripe\n"})
    world.clock.advance(timedelta(minutes=1))

    body = {"value": "whsec_second_of_stripe", "others_expire_in_seconds": 3600}
    second = await send(world, "POST", path, body)
    both = (await ingest_registry(world)).cached(source_id)
    world.clock.advance(timedelta(hours=1))
    one = (await ingest_registry(world)).cached(source_id)

    assert second.json()["value"] is None
    assert both is not None
    assert both.secrets == (b"whsec_second_of_stripe", b"whsec_first_of_stripe")
    assert one is not None
    assert one.secrets == (b"whsec_second_of_stripe",)


async def test_a_secret_expires_now_or_after_a_delay_which_is_never_prolonged(
    world: World,
) -> None:
    source_id = await create_source(world, "billing", "stripe")
    path = f"/v1/sources/{source_id}/secrets"
    secret_id = (await send(world, "POST", path, {"value": "of the provider"})).json()["secret_id"]

    soon = await send(world, "DELETE", f"{path}/{secret_id}?in_seconds=60")
    await send(world, "DELETE", f"{path}/{secret_id}?in_seconds=3600")
    shown = (await send(world, "GET", f"/v1/sources/{source_id}")).json()["secrets"]
    await send(world, "DELETE", f"{path}/{secret_id}")
    ended = (await send(world, "GET", f"/v1/sources/{source_id}")).json()["secrets"]

    assert soon.status_code == 204
    assert [each["expires_at"] for each in shown] == ["2026-03-10T12:01:00Z"]
    assert ended == []
    for unknown in ("nonsense", "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11"):
        answer = await send(world, "DELETE", f"{path}/{unknown}")
        assert (answer.status_code, answer.json()["code"]) == (404, "secret_unknown")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("stripe", None),
        ("hubspot", "short"),
        ("standard-webhooks", "whsec_not base64!"),
        ("standard-webhooks", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("generic", "with\x00nul-in-it"),
        ("generic", "x" * 501),
    ],
)
async def test_an_invalid_secret_is_refused_and_not_echoed(
    world: World, kind: str, value: str | None
) -> None:
    source_id = await create_source(world, "provider", kind)

    answer = await send(world, "POST", f"/v1/sources/{source_id}/secrets", {"value": value})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/value")
    assert value is None or value not in answer.text


async def test_a_source_has_at_most_five_valid_secrets(world: World) -> None:
    source_id = await create_source(world, "partner", "generic")
    path = f"/v1/sources/{source_id}/secrets"
    for _ in range(5):
        assert (await send(world, "POST", path, {})).status_code == 201

    refused = await send(world, "POST", path, {})
    instead = await send(world, "POST", path, {"others_expire_in_seconds": 0})

    assert (refused.status_code, refused.json()["code"]) == (409, "limit_reached")
    assert instead.status_code == 201


async def test_a_key_of_a_source_holds_only_the_scope_to_send_its_events(world: World) -> None:
    source_id = await create_source(world)

    answer = await send(world, "POST", f"/v1/sources/{source_id}/keys", {"label": "shop"})
    principal = await authenticate(world, answer.json()["key"])
    shown = (await send(world, "GET", f"/v1/sources/{source_id}")).json()["keys"]

    assert answer.status_code == 201
    assert isinstance(principal, Principal)
    assert (principal.source_id, principal.scopes) == (source_id, frozenset({Scope.EVENTS_WRITE}))
    assert [(each["key_id"], each["label"]) for each in shown] == [
        (answer.json()["key_id"], "shop")
    ]


async def test_a_key_is_revoked_only_through_its_own_source(world: World) -> None:
    source_id, other = await create_source(world), await create_source(world, "app")
    new = (await send(world, "POST", f"/v1/sources/{source_id}/keys", {})).json()

    elsewhere = await send(world, "DELETE", f"/v1/sources/{other}/keys/{new['key_id']}")
    revoked = await send(world, "DELETE", f"/v1/sources/{source_id}/keys/{new['key_id']}")
    again = await send(world, "DELETE", f"/v1/sources/{source_id}/keys/{new['key_id']}")

    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "key_unknown")
    assert (revoked.status_code, again.status_code) == (204, 404)
    assert await authenticate(world, new["key"]) == "revoked"


async def test_a_kind_has_either_keys_or_secrets(world: World) -> None:
    website, billing = await create_source(world), await create_source(world, "billing", "stripe")

    secret = await send(world, "POST", f"/v1/sources/{website}/secrets", {"value": "x" * 20})
    key = await send(world, "POST", f"/v1/sources/{billing}/keys", {})

    for answer in (secret, key):
        assert (answer.status_code, answer.json()["code"]) == (409, "source_kind_mismatch")
