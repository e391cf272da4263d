"""Requests to `/v1/sources`, and their effect as ingest reads it."""

from typing import Any

import httpx

from shared.contracts.envelope import encode
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.cache import KeyCache
from shared.sources.registry import SourceRegistry
from shared.storage import keys, sources
from shared.storage.connect import DatabaseRole
from tests.integration.api.rows import at
from tests.integration.api.world import World
from tests.support.database import engine_of
from tests.support.touchpoints import event


async def send(
    world: World, method: str, path: str, body: Any = None, key: str | None = None
) -> httpx.Response:
    """Response to a request with a JSON body, by default with the secret key."""
    return await world.client.request(
        method, path, json=body, headers={"Authorization": f"Bearer {key or world.secret}"}
    )


async def create_source(
    world: World, name: str = "website", kind: str = "web", **settings: Any
) -> str:
    """Id of a new source."""
    body = {"name": name, "kind": kind, "settings": settings}
    response = await send(world, "POST", "/v1/sources", body)
    assert response.status_code == 201, response.text
    source_id: str = response.json()["source_id"]
    assert response.headers["location"] == f"/v1/sources/{source_id}"
    return source_id


async def ingest_registry(world: World) -> SourceRegistry:
    """The sources as ingest reads them, in its own role."""
    async with engine_of(world.database_url, role=DatabaseRole.INGEST) as engine:
        registry = SourceRegistry(sources.loader(engine, world.clock))
        assert await registry.refresh()
    return registry


async def authenticate(world: World, token: str) -> object:
    """Principal of a key as ingest reads it, or the reason for refusing it."""
    async with engine_of(world.database_url, role=DatabaseRole.INGEST) as engine:
        return await KeyCache(keys.loader(engine), world.clock).authenticate(token)


async def add_event(
    world: World, source_id: str, message_id: str | None, received: str = "10 11:00", **more: Any
) -> None:
    """Row of an event as ingest's recorder writes it."""
    await world.insert(
        "source_event",
        **{
            "workspace_id": DEFAULT_WORKSPACE,
            "source_id": source_id,
            "received_at": at(received),
            "route": "/v1/touchpoints",
            "outcome": "accepted",
            "message_id": message_id,
            "event": "Demo Requested",
        }
        | more,
    )


async def add_touchpoint(world: World, message_id: str, received: str) -> None:
    """Row of a touchpoint as the stager writes it."""
    envelope = event(
        "Demo Requested",
        at("09 10:00"),
        message_id=message_id,
        received_at=at(received),
        account_id="acme",
    )
    await world.insert(
        "touchpoint",
        workspace_id=DEFAULT_WORKSPACE,
        message_id=message_id,
        subject_id="acme",
        person_id="user:leah",
        occurred_at=at("09 10:00"),
        processed_at=at("10 11:01"),
        envelope=encode(envelope).decode(),
    )
