"""RudderStack's own paths, beside Segment's: beacon, pixel, and the settings that its SDKs fetch."""

from functools import partial

import msgspec
from starlette.routing import Route

from services.ingest.events.verdicts import BodyRefused
from services.ingest.http import response
from services.ingest.http.query import KEY_NAMES, parameter, parameters_and_key
from services.ingest.http.rejections import RequestRejected, body_rejected
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common import image
from services.ingest.protocols.common.endpoint import GET, Conventions, plain_route
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.rudder.parse import call
from services.ingest.protocols.segment.call import CallKind
from services.ingest.protocols.segment.parse import parse
from services.ingest.protocols.segment.route import TrackingEndpoint
from shared.http.auth import basic_user
from shared.keys import token as tokens
from shared.keys.token import KeyKind

BEACON = "/beacon/v1/batch"
PIXELS: dict[str, CallKind] = {"/pixel/v1/track": "track", "/pixel/v1/page": "page"}
SOURCE_CONFIGS = ("/sourceConfig/", "/sourceConfig")

_CACHE = response.raw({"Cache-Control": "private, max-age=300", "Vary": "Authorization"})


def routes(ingest: Ingest) -> list[Route]:
    """Every path that is RudderStack's alone."""
    return [
        Route(BEACON, BeaconTrackingEndpoint(ingest, BEACON, None)),
        *(
            plain_route(ingest, path, partial(_receive_pixel, kind=kind), image.CONVENTIONS)
            for path, kind in PIXELS.items()
        ),
        *(
            plain_route(ingest, path, _serve_source_config, Conventions(methods=GET))
            for path in SOURCE_CONFIGS
        ),
    ]


class BeaconTrackingEndpoint(TrackingEndpoint):
    """A batch by `navigator.sendBeacon`, which can set no header: the key is in the query."""

    def token(self, exchange: Exchange) -> str | None:
        """The key outside of the body."""
        return parameter(exchange.query, *KEY_NAMES) or super().token(exchange)


async def _receive_pixel(exchange: Exchange, *, kind: CallKind) -> RawResponse:
    """Accept one call in the address of an image."""
    ingest = exchange.ingest
    received_at = ingest.clock.now()
    parameters, key = parameters_and_key(exchange.query)
    sender = await exchange.admit(key)
    parsed = parse(msgspec.json.encode(call(parameters)), kind, exchange.limits)
    if isinstance(parsed, BodyRefused):
        raise body_rejected(parsed)
    decisions = await ingest.store(
        parsed.items, sender=sender, received_at=received_at, route=exchange.route
    )
    return image.of_decisions(decisions)


async def _serve_source_config(exchange: Exchange) -> RawResponse:
    """The settings that @rudderstack/analytics-js fetches from its `configUrl` before it sends anything.

    As for `browser`, the key is not looked up: every write key gets the same response.
    """
    token = basic_user(exchange.authorization) or parameter(exchange.query, *KEY_NAMES)
    key = None if token is None else tokens.parse(token)
    if key is None or key.kind is not KeyKind.WRITE:
        raise no_write_key()
    return response.json(200, source_config(key.key_id), headers=_CACHE)


def source_config(key_id: str) -> dict[str, object]:
    """A source as RudderStack's control plane describes it: without destinations and reports."""
    no_reports = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    return {
        "source": {
            "id": key_id,
            "name": "Stageline",
            "workspaceId": "stageline",
            "enabled": True,
            "config": {"statsCollection": no_reports},
            "connections": [],
            "destinations": [],
            "dataplanes": {},
        }
    }


def no_write_key() -> RequestRejected:
    """The request names no write key."""
    return RequestRejected(
        404,
        "no_write_key",
        "The request names no write key, which begins with `sl_wk_`, as `writeKey` or by Basic.",
    )
