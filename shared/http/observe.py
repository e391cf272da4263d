"""Outermost ASGI layer: request id, metrics by route template, one log line, no bare 500.

Pure ASGI on purpose: Starlette's BaseHTTPMiddleware costs a task per request.
"""

import re
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problem import problem
from shared.ids import new_request_id
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_SLOW_SECONDS = 1.0
_SERVER_ERROR = 500


class Observe:
    """Wraps an app. The route template is what the inner router put into `scope["route"]`."""

    def __init__(self, app: ASGIApp, *, service: str, metrics: Metrics) -> None:
        self._app = app
        self._service = service
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        started = perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # the outermost frame of a request
            log.exception("request_failed", request_id=request_id.decode())
            if status:
                raise
            answer = problem(
                500, "internal_error", "Something failed here; it is logged under the request id."
            )
            await answer(scope, receive, send_with_id)
        finally:
            self._record(scope, status, perf_counter() - started, request_id)

    def _record(self, scope: Scope, status: int, seconds: float, request_id: bytes) -> None:
        route = _template(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.http_requests.labels(self._service, route, method, str(status)).inc()
        self._metrics.http_request_seconds.labels(self._service, route).observe(seconds)
        if seconds > _SLOW_SECONDS or status >= _SERVER_ERROR:
            log.warning(
                "request_slow_or_failed",
                route=route,
                status=status,
                seconds=round(seconds, 4),
                request_id=request_id.decode(),
            )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return new_request_id().encode()


def _template(scope: Scope) -> str:
    # Starlette leaves the matched route in the scope only from some versions on; FastAPI always.
    route = scope.get("route")
    path = getattr(route, "path", None)
    if path is None and "endpoint" in scope:
        path = scope.get("route_template")
    return path or "unmatched"
