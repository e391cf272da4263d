"""`POST /v1/cloudevents`: CloudEvents 1.0, with the handshake of its webhook specification.

The key is a bearer token, or `access_token` in the query, as that specification has it. Responses are
those of the native protocol.
"""

import re
from collections.abc import Sequence

from starlette.routing import Route

from services.ingest.events.candidate import Item
from services.ingest.events.verdicts import BodyRefused
from services.ingest.http import response
from services.ingest.http.query import parameter
from services.ingest.http.rejections import RequestRejected, body_rejected
from services.ingest.http.response import PREFLIGHT, RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.cloudevents.parse import (
    BATCHED,
    STRUCTURED,
    parse_batch,
    parse_binary,
    parse_structured,
)
from services.ingest.protocols.common.endpoint import Conventions, plain_route
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.touchpoints.route import verdicts
from shared.http.auth import bearer_token

PATH = "/v1/cloudevents"

_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
"""A DNS expression, as the handshake's origin is one; nothing else is repeated in a header."""


def routes(ingest: Ingest) -> list[Route]:
    """The one path."""
    return [plain_route(ingest, PATH, _receive, Conventions(preflight=_handshake))]


async def _receive(exchange: Exchange) -> RawResponse:
    """Accept one event, or a batch of them."""
    ingest = exchange.ingest
    received_at = ingest.clock.now()
    token = bearer_token(exchange.authorization) or parameter(exchange.query, "access_token")
    sender = await exchange.admit(token)
    items = _parse(exchange, await exchange.read())
    if isinstance(items, BodyRefused):
        raise body_rejected(items)
    decisions = await ingest.store(items, sender=sender, received_at=received_at, route=PATH)
    return verdicts(decisions.accepted, decisions.refused)


def _parse(exchange: Exchange, body: bytes) -> Sequence[Item] | BodyRefused:
    media_type = exchange.content_type.partition(b";")[0].strip()
    if media_type == BATCHED:
        return parse_batch(body, exchange.limits)
    if media_type == STRUCTURED:
        one = parse_structured(body, exchange.limits)
        return one if isinstance(one, BodyRefused) else [one]
    if exchange.header(b"ce-specversion") is None:
        raise no_cloudevent()
    return [parse_binary(exchange.headers, exchange.content_type, body, exchange.limits)]


def _handshake(exchange: Exchange) -> RawResponse:
    """Consent to deliveries; each of them still has to carry a key."""
    origin = exchange.header(b"webhook-request-origin")
    if origin is None:
        return PREFLIGHT
    if _HOST.fullmatch(origin) is None:
        return response.empty(400, [])
    granted = [(b"allow", b"POST"), (b"webhook-allowed-origin", origin)]
    if exchange.header(b"webhook-request-rate") is not None:
        granted.append((b"webhook-allowed-rate", b"*"))
    return response.empty(200, granted)


def no_cloudevent() -> RequestRejected:
    """Neither the headers nor the content type are those of a CloudEvent."""
    return RequestRejected(
        415,
        "no_cloudevent",
        "Send a CloudEvent: headers `ce-specversion` and so on, or a body of"
        " application/cloudevents+json or application/cloudevents-batch+json.",
    )
