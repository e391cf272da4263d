"""A key cannot let a source do what it may not do itself."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.keys.principal import SCOPES_OF_KIND, Scope
from shared.keys.token import KeyKind
from tests.integration.api.source_requests import create_source, send
from tests.integration.api.world import World, api_world

ERASING = {"rules": [{"event": "E", "type": "erase", "user_id": "id"}]}
MERGING = {
    "rules": [{"event": "M", "type": "merge", "account_id": "a", "previous_account_id": "b"}]
}
HARMLESS = {"rules": [{"event": "Ticket Opened", "user_id": "id"}]}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


def assert_refused(answer: httpx.Response, scope: Scope) -> None:
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert scope in answer.json()["detail"]


@pytest.mark.parametrize(
    ("mapping", "scope"), [(ERASING, Scope.PEOPLE_ERASE), (MERGING, Scope.IDENTITY_WRITE)]
)
async def test_a_mapping_needs_the_right_to_do_what_its_rules_do(
    world: World, mapping: dict[str, Any], scope: Scope
) -> None:
    lacking = await world.key(*(SCOPES_OF_KIND[KeyKind.SECRET] - {scope}))
    holding = await world.key(Scope.SOURCES_WRITE, scope)
    body = {"name": "desk", "kind": "generic", "settings": {"mapping": mapping}}
    change = {"settings": {"mapping": mapping}}
    other = f"/v1/sources/{await create_source(world, 'other', 'generic', mapping=HARMLESS)}"

    assert_refused(await send(world, "POST", "/v1/sources", body, lacking), scope)
    assert_refused(await send(world, "PATCH", other, change, lacking), scope)
    created = await send(world, "POST", "/v1/sources", body, holding)
    changed = await send(world, "PATCH", other, change, holding)

    assert (created.status_code, changed.status_code) == (201, 200)


@pytest.mark.parametrize(
    ("kind", "mapping", "scope"),
    [
        ("generic", ERASING, Scope.PEOPLE_ERASE),
        ("generic", MERGING, Scope.IDENTITY_WRITE),
        ("hubspot", None, Scope.PEOPLE_ERASE),
    ],
)
async def test_a_secret_needs_the_right_to_do_what_its_source_does(
    world: World, kind: str, mapping: dict[str, Any] | None, scope: Scope
) -> None:
    path = f"/v1/sources/{await create_source(world, 'desk', kind, mapping=mapping)}/secrets"
    lacking = await world.key(*(SCOPES_OF_KIND[KeyKind.SECRET] - {scope}))
    holding = await world.key(Scope.SOURCES_WRITE, scope)
    secret = {"value": "a long word that both know"}

    assert_refused(await send(world, "POST", path, secret, lacking), scope)
    added = await send(world, "POST", path, secret, holding)

    assert added.status_code == 201


async def test_settings_of_an_erasing_source_need_its_right_and_its_name_does_not(
    world: World,
) -> None:
    path = f"/v1/sources/{await create_source(world, 'desk', 'generic', mapping=ERASING)}"
    key = await world.key(Scope.SOURCES_WRITE)

    hashed = await send(world, "PATCH", path, {"settings": {"hash_fields": ["user_id"]}}, key)
    renamed = await send(world, "PATCH", path, {"name": "help desk"}, key)
    harmless = await send(world, "PATCH", path, {"settings": {"mapping": None}}, key)

    assert_refused(hashed, Scope.PEOPLE_ERASE)
    assert (renamed.status_code, renamed.json()["name"]) == (200, "help desk")
    assert harmless.status_code == 200


async def test_the_scope_for_sources_alone_suffices_for_a_source_that_only_adds_events(
    world: World,
) -> None:
    key = await world.key(Scope.SOURCES_WRITE)
    body = {"name": "desk", "kind": "generic", "settings": {"mapping": HARMLESS}}

    created = await send(world, "POST", "/v1/sources", body, key)
    path = f"/v1/sources/{created.json()['source_id']}/secrets"
    secret = await send(world, "POST", path, {}, key)

    assert (created.status_code, secret.status_code) == (201, 201)
