"""The parts of one api process, which every request reaches through the application's state."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from services.api.maps.cache import MapCache
from services.api.queries.connections import StageConnections
from shared.clock import Clock
from shared.keys.cache import KeyCache


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    """Shared by all requests. `connections` answer the stage query, `engine` every other call."""

    connections: StageConnections
    engine: AsyncEngine
    keys: KeyCache
    clock: Clock
    maps: MapCache
    max_map_bytes: int


def context_of(request: Request) -> ApiContext:
    """Context of the application that serves `request`."""
    context: ApiContext = request.app.state.context
    return context
