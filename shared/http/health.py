"""`/livez`, `/readyz`, `/metrics`: the same three on every service.

`/livez` depends on the process alone; `/readyz` runs the service's checks, with a time limit and cached for
a second, and answers 503 as soon as the service is stopping. `/metrics` counts customers by stage and
needs no key, so on a port that others reach it is there for this machine alone, unless a setting says more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import Literal

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from shared.http.problem import problem

MetricsPeers = Literal["loopback", "all"]
Check = Callable[[], Awaitable[bool]]

_CHECK_SECONDS = 1.5
_CACHE_SECONDS = 1.0


class Health:
    """Liveness and readiness of one process."""

    def __init__(
        self, checks: Mapping[str, Check], *, is_alive: Callable[[], bool] = lambda: True
    ) -> None:
        """`checks` by name; `is_alive` must not wait for anything outside the process."""
        self._checks = dict(checks)
        self._is_alive = is_alive
        self._checked_at = float("-inf")
        self._result: dict[str, bool] = {}
        self.stopping = False

    async def ready(self) -> dict[str, bool]:
        """Result of each check, at most a second old. A check that raises or hangs has failed."""
        if monotonic() - self._checked_at > _CACHE_SECONDS:
            results = await asyncio.gather(*(_bounded(check) for check in self._checks.values()))
            self._result = dict(zip(self._checks, results, strict=True))
            self._checked_at = monotonic()
        return {**self._result, "not_stopping": not self.stopping}

    async def livez(self, _: Request) -> Response:
        """200 while the process works."""
        alive = self._is_alive()
        return JSONResponse({"alive": alive}, status_code=200 if alive else 503)

    async def readyz(self, _: Request) -> Response:
        """200 while the service can do its job; the body names the check that fails."""
        results = await self.ready()
        return JSONResponse(results, status_code=200 if all(results.values()) else 503)


def routes(
    health: Health, registry: CollectorRegistry, *, metrics_peers: MetricsPeers = "loopback"
) -> list[BaseRoute]:
    """Build the three routes. To other peers than `metrics_peers`, `/metrics` is not there."""

    def metrics(request: Request) -> Response:
        if metrics_peers != "all" and not _is_loopback(request):
            detail = "Figures are shown to this machine alone; see STAGELINE_METRICS_PEERS."
            request_id = request.scope.get("state", {}).get("request_id")
            return problem(404, "not_found", detail, request_id=request_id)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    return [
        Route("/livez", health.livez),
        Route("/readyz", health.readyz),
        Route("/metrics", metrics),
    ]


def _is_loopback(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        peer = ip_address(request.client.host)
    except ValueError:
        return False
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
        return peer.ipv4_mapped.is_loopback
    return peer.is_loopback


async def _bounded(check: Check) -> bool:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except Exception:  # noqa: BLE001 - whatever a check raises means "not ready"
        return False
