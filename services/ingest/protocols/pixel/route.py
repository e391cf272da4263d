"""`GET /v1/pixel.gif`: an image of one transparent point whose address is a touchpoint."""

from starlette.routing import Route

from services.ingest.http.query import parameters_and_key
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common import image
from services.ingest.protocols.common.endpoint import plain_route
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.pixel.parse import parse

PATH = "/v1/pixel.gif"


def routes(ingest: Ingest) -> list[Route]:
    """The one path."""
    return [plain_route(ingest, PATH, _receive, image.CONVENTIONS)]


async def _receive(exchange: Exchange) -> RawResponse:
    """Accept one touchpoint."""
    ingest = exchange.ingest
    received_at = ingest.clock.now()
    parameters, key = parameters_and_key(exchange.query)
    sender = await exchange.admit(key)
    decisions = await ingest.store(
        [parse(parameters)], sender=sender, received_at=received_at, route=PATH
    )
    return image.of_decisions(decisions)
