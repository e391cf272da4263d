"""A source that gets webhooks, and deliveries to it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx

from services.ingest.intake import Ingest
from shared.sources.source import Source, SourceKind
from tests.unit.ingest.conftest import NOW, FakeDatabase
from tests.unit.ingest.protocols.webhooks.senders import BASE_URL, as_json, path, signed, source

CREATED = {
    "eventId": 1,
    "subscriptionId": 12,
    "portalId": 33,
    "occurredAt": int((NOW - timedelta(seconds=5)).timestamp() * 1000),
    "subscriptionType": "contact.creation",
    "attemptNumber": 0,
    "objectId": 201,
}
MAPPING = {
    "message_id": "id",
    "rules": [{"when": "kind == 'opened'", "event": "Ticket Opened", "email": "from"}],
}
BODIES: dict[SourceKind, dict[str, Any]] = {
    SourceKind.HUBSPOT: CREATED,
    SourceKind.SALESFORCE: {
        "attributes": {"type": "Contact"},
        "Id": "003000000000001AAA",
        "LastModifiedDate": "2026-03-01T11:00:00.000+0000",
    },
    SourceKind.STRIPE: {
        "id": "evt_1",
        "type": "invoice.paid",
        "created": int(NOW.timestamp()) - 60,
        "data": {"object": {"object": "invoice", "id": "in_1", "customer": "cus_1"}},
    },
    SourceKind.PIPEDRIVE: {
        "meta": {"action": "create", "entity": "person", "entity_id": "5", "id": "d-1"},
        "data": {"name": "Ann"},
        "previous": None,
    },
    SourceKind.STANDARD_WEBHOOKS: {"kind": "opened", "from": "ann@acme.example"},
    SourceKind.GENERIC: {"kind": "opened", "from": "ann@acme.example", "id": 7},
}
NEEDS_MAPPING = (SourceKind.STANDARD_WEBHOOKS, SourceKind.GENERIC)


def with_public_address(ingest: Ingest) -> Ingest:
    """The ingest of a test as webhooks need it, with room for bodies of half a megabyte."""
    ingest.public_base_url = BASE_URL
    ingest.limits = replace(ingest.limits, max_capture_bytes=500_000)
    return ingest


def made(database: FakeDatabase, kind: SourceKind, **settings: Any) -> Source:
    if kind in NEEDS_MAPPING:
        settings.setdefault("mapping", MAPPING)
    of = source(kind, **settings)
    database.sources.append(of)
    return of


async def post(
    client: httpx.AsyncClient, of: Source, payload: object, **headers: str
) -> httpx.Response:
    body = payload if isinstance(payload, bytes) else as_json(payload)
    return await client.post(path(of), content=body, headers={**signed(of, body), **headers})
