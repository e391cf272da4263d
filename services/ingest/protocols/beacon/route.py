"""`POST /v1/beacon`: for `navigator.sendBeacon`, which can set no header.

The body is that of `POST /v1/touchpoints`, or an object `{"write_key", "touchpoints": [...]}`. The key is
in the query (`?key=`), a bearer token, or in that object; the first of them counts. Responses are those of
the native protocol.
"""

from starlette.routing import Route

from services.ingest.events.verdicts import BodyRefused
from services.ingest.http.query import KEY_NAMES, parameter
from services.ingest.http.rejections import body_rejected
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.beacon.parse import unwrapped
from services.ingest.protocols.common.endpoint import plain_route
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.touchpoints.parse import parse
from services.ingest.protocols.touchpoints.route import verdicts
from shared.http.auth import bearer_token
from shared.keys import token as tokens

PATH = "/v1/beacon"


def routes(ingest: Ingest) -> list[Route]:
    """The one path."""
    return [plain_route(ingest, PATH, _receive)]


async def _receive(exchange: Exchange) -> RawResponse:
    """Accept what a page sends while it is left."""
    ingest = exchange.ingest
    received_at = ingest.clock.now()
    token = parameter(exchange.query, *KEY_NAMES)
    if token is None:
        bearer = bearer_token(exchange.authorization)
        token = bearer if bearer is not None and tokens.looks_like_ours(bearer) else None
    if token is not None:
        await exchange.admit(token)
    content = await exchange.read()
    await exchange.admit_by_text(content)
    write_key, body = unwrapped(content)
    items = parse(body, is_ndjson=False, limits=exchange.limits)
    if isinstance(items, BodyRefused):
        raise body_rejected(items)
    sender = await exchange.confirm(write_key)
    decisions = await ingest.store(items, sender=sender, received_at=received_at, route=PATH)
    return verdicts(decisions.accepted, decisions.refused, decisions.ignored)
