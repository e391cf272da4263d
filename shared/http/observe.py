"""Outermost ASGI layer: request id, metrics by route template, one log line, a 500 that is a problem.

Pure ASGI on purpose: Starlette's BaseHTTPMiddleware costs a task per request. Between "not ready" and
the closing of the port every response says `Connection: close`: a client that kept its connection could
send a request into one that is being closed, without learning whether it was processed.
"""

import re
from time import perf_counter

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from shared.http.health import Health
from shared.http.problem import fault
from shared.ids import new_request_id
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_SLOW_SECONDS = 1.0
_SERVER_ERROR = 500


class Observe:
    """Wraps an app. The route template comes from `scope["route"]`, which the inner router sets."""

    def __init__(
        self, app: ASGIApp, *, service: str, metrics: Metrics, health: Health | None = None
    ) -> None:
        """`health.stopping` is set while the service stops."""
        self._app = app
        self._service = service
        self._metrics = metrics
        self._health = health
        # Looking up a child by its labels costs more than counting; the label sets are closed.
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        request_id_header = (b"x-request-id", request_id.encode())
        scope.setdefault("state", {})["request_id"] = request_id
        started = perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], request_id_header]
                # Read with the response, not with the request: a stop may have begun in between.
                if self._health is not None and self._health.stopping:
                    headers.append((b"connection", b"close"))
                message["headers"] = headers
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # the outermost frame of a request
            log.exception("request_failed", request_id=request_id)
            if status:
                raise
            answer = fault(request_id)
            await answer(scope, receive, send_with_id)
        finally:
            self._record(scope, status, perf_counter() - started, request_id)

    def _record(self, scope: AsgiScope, status: int, seconds: float, request_id: str) -> None:
        route = _template(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        counter = self._counters.get((route, method, status))
        if counter is None:
            counter = self._metrics.http_requests.labels(self._service, route, method, str(status))
            self._counters[route, method, status] = counter
        counter.inc()
        histogram = self._histograms.get(route)
        if histogram is None:
            histogram = self._metrics.http_request_seconds.labels(self._service, route)
            self._histograms[route] = histogram
        histogram.observe(seconds)
        if seconds > _SLOW_SECONDS or status >= _SERVER_ERROR:
            log.warning(
                "request_slow_or_failed",
                route=route,
                status=status,
                seconds=round(seconds, 4),
                request_id=request_id,
            )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _request_id(scope: AsgiScope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value).decode()
    return new_request_id()


def _template(scope: AsgiScope) -> str:
    # Starlette leaves the matched route in the scope only from some versions on; FastAPI always.
    route = scope.get("route")
    # A path with its convertors (`{id:encoded}`) says how it is matched, not what it is called.
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if path is None and "endpoint" in scope:
        path = scope.get("route_template")
    return path or "unmatched"
