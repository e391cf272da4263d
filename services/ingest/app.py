"""The HTTP surface of ingest: its routes, for a composition root, and its own app around them."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.ingest.service import Ingest
from services.ingest.touchpoints import PATH, TouchpointsEndpoint
from services.ingest.tracking import CALLS, TrackingEndpoint
from shared.http import health as health_routes
from shared.http.health import Health
from shared.http.observe import Observe
from shared.http.problem import problem

__all__ = ["Ingest", "create_app", "create_health", "routes"]


def routes(ingest: Ingest) -> list[Route]:
    """Routes of ingest alone; the most used one comes first."""
    return [
        Route(PATH, TouchpointsEndpoint(ingest, PATH)),
        *(Route(path, TrackingEndpoint(ingest, path, call)) for path, call in CALLS.items()),
    ]


def create_health(ingest: Ingest) -> Health:
    """Ready means: keys were read at least once, and the log would take an append."""

    async def keys_loaded() -> bool:
        return ingest.keys.loaded

    return Health({"keys": keys_loaded, "log": ingest.writer.healthy})


def create_app(ingest: Ingest, health: Health | None = None) -> Starlette:
    """The app of an ingest process. Plain Starlette: nothing here needs more than raw routes."""
    health = health or create_health(ingest)
    hot = routes(ingest)
    return Starlette(
        routes=[*hot, *health_routes.routes(health, ingest.metrics.registry)],
        exception_handlers={HTTPException: _http_problem},
        middleware=[
            Middleware(Observe, service="ingest", metrics=ingest.metrics, health=health),
            Middleware(ByPath, routes=hot),
        ],
    )


class ByPath:
    """Looks a request's path up before the router tries one pattern after another.

    Answers that the router would give to anything else stay the router's.
    """

    def __init__(self, app: ASGIApp, *, routes: Sequence[Route]) -> None:
        self._app = app
        self._routes = {route.path: route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
        else:
            scope["route"] = route
            await route.app(scope, receive, send)


def _http_problem(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    if status == 404:  # noqa: PLR2004 - HTTP's own number
        return problem(404, "not_found", "There is nothing at this path.")
    return problem(status, "http_error", "The request cannot be served as it is.", headers=headers)
