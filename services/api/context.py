"""The parts of one api process, which every request reaches through the application's state."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from services.api.maps.cache import MapCache
from services.api.queries.connections import StageConnections
from services.api.stage_gauges import StageGauges
from shared.clock import Clock
from shared.contracts.identity_limits import IdentityLimits
from shared.keys.cache import KeyCache
from shared.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    """Shared by all requests. Nothing is connected before the first of them.

    `connections` answer the stage query, `engine` every other call; both in the api's role.
    """

    connections: StageConnections
    engine: AsyncEngine
    keys: KeyCache
    clock: Clock
    metrics: Metrics
    maps: MapCache
    stage_gauges: StageGauges
    max_map_bytes: int
    identity_limits: IdentityLimits

    async def close(self) -> None:
        """Close every connection."""
        self.connections.close()
        await self.engine.dispose()


def context_of(request: Request) -> ApiContext:
    """Context of the application that serves `request`."""
    context: ApiContext = request.app.state.context
    return context
