"""The HTTP surface of ingest: its routes, for a composition root, and its own app around them."""

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.ingest.service import Ingest
from services.ingest.touchpoints import PATH, TouchpointsEndpoint
from services.ingest.tracking import CALLS, TrackingEndpoint
from shared.http import health as health_routes
from shared.http.draining import Draining
from shared.http.health import Health
from shared.http.observe import Observe
from shared.http.problem import problem

__all__ = ["Ingest", "create_app", "create_health", "routes"]


def routes(ingest: Ingest) -> list[BaseRoute]:
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


def create_app(ingest: Ingest, health: Health | None = None) -> FastAPI:
    """The app of an ingest process."""
    health = health or create_health(ingest)
    app = FastAPI(title="Stageline ingest", openapi_url=None, redirect_slashes=False)
    app.router.routes.extend(routes(ingest))
    app.router.routes.extend(health_routes.routes(health, ingest.metrics.registry))
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_middleware(Observe, service="ingest", metrics=ingest.metrics)
    app.add_middleware(Draining, health=health)
    return app


def _http_problem(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    if status == 404:  # noqa: PLR2004 - HTTP's own number
        return problem(404, "not_found", "There is nothing at this path.")
    return problem(status, "http_error", "The request cannot be served as it is.", headers=headers)
