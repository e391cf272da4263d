"""Between "not ready" and the closing of the port a service sends its kept connections away."""

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from starlette.types import ASGIApp

from services.api.app import build
from services.api.app import create_app as create_api
from services.api.settings import ApiSettings
from services.stager.health import create_app as create_stager
from shared.clock import SystemClock
from shared.http.health import Health
from shared.keys.cache import KeyCache
from shared.keys.principal import StoredKey
from shared.telemetry.metrics import Metrics


async def _no_keys() -> list[StoredKey]:
    return []


def app_of(service: str, health: Health) -> ASGIApp:
    metrics = Metrics(CollectorRegistry())
    if service == "stager":
        return create_stager(health, metrics)
    clock = SystemClock()
    settings = ApiSettings(database_url=SecretStr("postgresql://nowhere.invalid/none"))
    keys = KeyCache(_no_keys, clock)
    return create_api(build(settings, keys=keys, clock=clock, metrics=metrics), health)


@pytest.mark.parametrize("service", ["api", "stager"])
async def test_answers_close_the_connection_once_the_service_stops(service: str) -> None:
    health = Health({})
    transport = httpx.ASGITransport(app_of(service, health))
    async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client:
        before = await client.get("/livez")
        health.stopping = True
        after = await client.get("/livez")

    assert "connection" not in before.headers
    assert after.headers["connection"] == "close"
