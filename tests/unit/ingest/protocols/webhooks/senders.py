"""Providers as their servers act: a request with the headers that each of them signs it by."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import stripe
from standardwebhooks import Webhook

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_item
from shared.ids import DEFAULT_WORKSPACE
from shared.sources.source import Source, SourceKind, SourceSettings
from tests.unit.ingest.conftest import NOW

BASE_URL = "https://events.shop.example"
HUBSPOT_SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
STRIPE_SECRET = "whsec_of_stripe"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHARED_SECRET = "a long word that both know"

SECRETS = {
    SourceKind.HUBSPOT: HUBSPOT_SECRET,
    SourceKind.STRIPE: STRIPE_SECRET,
    SourceKind.STANDARD_WEBHOOKS: STANDARD_SECRET,
}


def source(
    kind: SourceKind,
    *,
    source_id: str | None = None,
    secrets: tuple[str, ...] = (),
    **settings: Any,
) -> Source:
    """A source of the default workspace with the usual secret."""
    return Source(
        workspace_id=DEFAULT_WORKSPACE,
        source_id=source_id or f"src-{kind}",
        name=kind.value,
        kind=kind,
        settings=SourceSettings(**settings),
        created_at=NOW,
        secrets=tuple(each.encode() for each in secrets or (SECRETS.get(kind, SHARED_SECRET),)),
    )


def path(of: Source) -> str:
    return f"/v1/webhooks/{of.kind}/{of.source_id}"


def as_json(payload: object) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()


def hubspot(
    of: Source, body: bytes, *, at: datetime = NOW, secret: str = HUBSPOT_SECRET, query: str = ""
) -> dict[str, str]:
    """Headers of a request by signature v3."""
    timestamp = str(round(at.timestamp() * 1000))
    content = b"POST" + f"{BASE_URL}{path(of)}{query}".encode() + body + timestamp.encode()
    signature = base64.b64encode(hmac.digest(secret.encode(), content, "sha256")).decode()
    return {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": timestamp}


def hubspot_v1(body: bytes, *, secret: str = HUBSPOT_SECRET) -> dict[str, str]:
    signature = hashlib.sha256(secret.encode() + body).hexdigest()
    return {"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": "v1"}


def by_stripe(body: bytes, *, at: datetime = NOW, secret: str = STRIPE_SECRET) -> dict[str, str]:
    """Signed by Stripe's own library."""
    signature = stripe.WebhookSignature._compute_signature(
        f"{int(at.timestamp())}.{body.decode()}", secret
    )
    return {"Stripe-Signature": f"t={int(at.timestamp())},v1={signature},v0=ignored"}


def standard(
    body: bytes, *, at: datetime = NOW, message_id: str = "msg_1", secret: str = STANDARD_SECRET
) -> dict[str, str]:
    """Signed by the library of the specification's authors."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body.decode()),
    }


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def signed(of: Source, body: bytes, *, at: datetime = NOW) -> Mapping[str, str]:
    """Headers by which the provider of a source makes itself known."""
    match of.kind:
        case SourceKind.HUBSPOT:
            return hubspot(of, body, at=at)
        case SourceKind.STRIPE:
            return by_stripe(body, at=at)
        case SourceKind.STANDARD_WEBHOOKS:
            return standard(body, at=at)
        case SourceKind.PIPEDRIVE:
            return basic("stageline", SHARED_SECRET)
        case _:
            return {"X-Stageline-Secret": SHARED_SECRET}


AT = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
"""Instant of the events that the providers send."""
MILLISECONDS = int(AT.timestamp() * 1000)


def parsed(kind: SourceKind, item: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    """Fields of each touchpoint that are not at their default, without id and time."""
    way = DeliveryContext(kind=kind, source_id="src-1", settings=SourceSettings(**settings))
    items = parse_item(item, way)
    candidates = [each for each in items if isinstance(each, ForeignCandidate)]
    assert len(candidates) == len(items), items
    return [
        {
            name: value
            for name in each.__struct_fields__
            if (value := getattr(each, name)) is not None
            and name not in ("message_id", "occurred_at")
            and (name, value) != ("type", "track")
        }
        for each in candidates
    ]
