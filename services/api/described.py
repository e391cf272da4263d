"""The api's part of the OpenAPI document without a running api."""

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.api.app import build
from services.api.document import part
from services.api.settings import ApiSettings
from shared.clock import SystemClock
from shared.http.openapi import Part
from shared.keys.cache import KeyCache
from shared.keys.principal import StoredKey
from shared.telemetry.metrics import Metrics


async def _no_keys() -> list[StoredKey]:
    return []


def default() -> Part:
    """The part with default settings. Connects to nothing."""
    clock = SystemClock()
    api = build(
        ApiSettings(database_url=SecretStr("postgresql://nowhere.invalid/none")),
        keys=KeyCache(_no_keys, clock),
        clock=clock,
        metrics=Metrics(CollectorRegistry()),
    )
    return part(api.operations)
