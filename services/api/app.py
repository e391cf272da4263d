"""The api put together: parts in, an ASGI application out.

__main__ | document > app > openapi | population | routes > operation | map_cache
> queries | wire | schemas > cursors > errors | settings
"""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from services.api import openapi, operation
from services.api.errors import Code, Refused
from services.api.map_cache import MapCache
from services.api.operation import Operation
from services.api.population import Population
from services.api.queries.connections import StageConnections, opener
from services.api.queries.stage import ping
from services.api.routes.accounts import AccountRoutes
from services.api.routes.alerts import AlertRoutes
from services.api.routes.explain import ExplainRoutes
from services.api.routes.history import HistoryRoutes
from services.api.routes.journeys import JourneyRoutes
from services.api.routes.stage import StageRoutes
from services.api.settings import ApiSettings
from shared.clock import Clock
from shared.http.health import Health
from shared.http.health import routes as health_routes
from shared.http.observe import Observe
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.ring import KeyRing
from shared.storage.connect import Role, create_engine
from shared.telemetry.metrics import Metrics


class Api:
    """The parts of one api process. Nothing is opened before the first request."""

    def __init__(
        self,
        *,
        connections: StageConnections,
        engine: AsyncEngine,
        keys: KeyRing,
        clock: Clock,
        metrics: Metrics,
        max_map_bytes: int = 524_288,
        gauge_seconds: float = 5.0,
    ) -> None:
        """`connections` answer the stage query, `engine` everything else; both in the api's role."""
        self.connections = connections
        self.engine = engine
        self.keys = keys
        self.clock = clock
        self.metrics = metrics
        self.maps = MapCache(engine)
        self.population = Population(engine, metrics, period_seconds=gauge_seconds)
        self.operations: Sequence[Operation] = [
            *StageRoutes(connections, self.maps).operations(),
            *AccountRoutes(engine, self.maps).operations(),
            *HistoryRoutes(engine, clock).operations(),
            *ExplainRoutes(engine, self.maps, clock).operations(),
            *AlertRoutes(engine, clock).operations(),
            *JourneyRoutes(engine, self.maps, clock, max_map_bytes=max_map_bytes).operations(),
        ]

    async def close(self) -> None:
        """Close every connection."""
        self.connections.close()
        await self.engine.dispose()


def build(settings: ApiSettings, *, keys: KeyRing, clock: Clock, metrics: Metrics) -> Api:
    """The parts as `settings` say."""
    url = settings.database_url.get_secret_value()
    return Api(
        connections=StageConnections(
            opener(url, timeout_seconds=settings.stage_timeout_seconds),
            max_size=settings.stage_connections,
            timeout_seconds=settings.stage_timeout_seconds,
        ),
        engine=create_engine(
            url,
            role=Role.API,
            application_name="stageline-api",
            pool_size=settings.query_connections,
        ),
        keys=keys,
        clock=clock,
        metrics=metrics,
        max_map_bytes=settings.max_map_bytes,
        gauge_seconds=settings.gauge_seconds,
    )


def routes(api: Api) -> list[BaseRoute]:
    """The calls as plain routes: any Starlette or FastAPI application can mount them."""
    return [*operation.routes(api.operations, api.keys)]


def create_health(api: Api) -> Health:
    """Ready means: keys were read at least once, and the database answers."""

    async def keys_loaded() -> bool:
        return api.keys.loaded

    async def postgres() -> bool:
        return await ping(api.connections, DEFAULT_WORKSPACE)

    return Health({"keys": keys_loaded, "postgres": postgres})


def create_app(api: Api, health: Health | None = None) -> FastAPI:
    """The application of the api process: calls, document, and `/livez` `/readyz` `/metrics`."""
    health = health or create_health(api)
    app = FastAPI(
        title="Stageline API",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Our own metrics count requests; asking about these costs each request a tenth of its time.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # The hot path comes first: routes are tried in order.
        routes=[*routes(api), *health_routes(health, api.metrics.registry)],
        exception_handlers={HTTPException: _refused},
    )
    document = openapi.document(api.operations)

    def published() -> dict[str, Any]:
        return document

    # FastAPI's documented way to publish a document of one's own.
    app.openapi = published  # type: ignore[method-assign]
    app.add_middleware(Observe, service="api", metrics=api.metrics, health=health)
    return app


async def _refused(request: Request, exc: Exception) -> Response:
    """Answer what the router itself refuses."""
    if not isinstance(exc, HTTPException):
        raise exc
    by_status = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED}
    code = by_status.get(exc.status_code, Code.INVALID_REQUEST)
    return operation.refusal(Refused(code, headers=exc.headers), request.scope)
