"""The published OpenAPI document: `python -m services.api.document > docs/openapi.json`."""

import sys

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.api.app import build
from services.api.openapi import document, text
from services.api.settings import ApiSettings
from shared.clock import SystemClock
from shared.keys.principal import StoredKey
from shared.keys.ring import KeyRing
from shared.telemetry.metrics import Metrics


async def _no_keys() -> list[StoredKey]:
    return []


def published() -> str:
    """The document with default settings, as text. Connects to nothing."""
    clock = SystemClock()
    api = build(
        ApiSettings(database_url=SecretStr("postgresql://nowhere.invalid/none")),
        keys=KeyRing(_no_keys, clock),
        clock=clock,
        metrics=Metrics(CollectorRegistry()),
    )
    return text(document(api.operations))


if __name__ == "__main__":
    sys.stdout.write(published())
