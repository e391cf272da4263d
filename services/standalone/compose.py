"""The composition of ingest, stager and api in one process: one port, task group and stop event."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from services.api import app as api_app
from services.api.context import ApiContext
from services.api.settings import ApiSettings
from services.ingest import app as ingest_app
from services.ingest.compose import composed as composed_ingest
from services.ingest.compose import refresh
from services.ingest.intake import Ingest
from services.ingest.settings import IngestSettings
from services.stager.app import Stager
from services.stager.settings import StagerSettings
from services.standalone import document as product_document
from shared.clock import Clock
from shared.errors import FatalError
from shared.eventlog.factory import ensure_topics
from shared.http.health import Health, MetricsPeers
from shared.http.raw_path import RawPath
from shared.http.server import serve
from shared.settings import load
from shared.storage.logins import DatabaseAddresses
from shared.telemetry.metrics import of_process

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the three services; all name the same database and event log, each its login."""

    ingest: IngestSettings
    stager: StagerSettings
    api: ApiSettings


def settings_from(**overrides: str) -> Settings:
    """Read the three services' settings; `overrides` win over the environment. Raises FatalError."""
    return Settings(
        ingest=load(IngestSettings, **overrides),
        stager=load(StagerSettings, **overrides),
        api=load(ApiSettings, **overrides),
    )


def settings_of(addresses: DatabaseAddresses, *, log_level: str) -> Settings:
    """Read them with a login of its own for each service. Raises FatalError."""
    return Settings(
        ingest=load(IngestSettings, database_url=addresses.ingest, log_level=log_level),
        stager=load(StagerSettings, database_url=addresses.stager, log_level=log_level),
        api=load(ApiSettings, database_url=addresses.api, log_level=log_level),
    )


class AllServices:
    """The three services, connected."""

    def __init__(
        self,
        *,
        ingest: Ingest,
        stager: Stager,
        api: ApiContext,
        metrics_peers: MetricsPeers = "loopback",
    ) -> None:
        self.ingest = ingest
        self.stager = stager
        self.api = api
        self.stager_fault: str | None = None
        """Why the stager has ended by itself: stages stand still, the other two services go on."""
        self._ingest = ingest
        reading = api_app.create_health(api)

        async def answers() -> bool:
            return all((await reading.ready()).values())

        self.health = Health(
            {"api": answers, "log": ingest.writer.healthy, "stager": self._is_staging},
            is_alive=lambda: self.stager_fault is not None or stager.is_alive(),
        )
        # Raw paths here too: decoded, a person's name may hold what no pattern of a route matches.
        self.app: ASGIApp = RawPath(
            _PathRouter(
                api=api_app.create_app(
                    api,
                    self.health,
                    front=product_document.FRONT,
                    described=product_document.served(ingest),
                    metrics_peers=metrics_peers,
                ),
                ingest=ingest_app.create_app(ingest, self.health),
                ingest_routes=ingest_app.routes(ingest),
            )
        )

    async def run(
        self,
        listener: socket.socket,
        stop: asyncio.Event,
        *,
        shutdown_seconds: float,
        on_stager_fault: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Serve until `stop`; a task that fails stops all. Ingest ends first, then the stager.

        A stager that ends by a fault ends alone (`stager_fault`): events are still accepted and kept on the
        log, and stages are still read. `on_stager_fault` is called with the reason.
        """
        stager_stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            refresh(self._ingest, group, stop)
            group.create_task(self.api.stage_gauges.run(stop), name="stage-gauges")
            staging = self._stage(stager_stop, on_stager_fault)
            group.create_task(staging, name="stager")
            await serve(self.app, listener, stop, shutdown_seconds=shutdown_seconds)
            self.health.stopping = True
            stager_stop.set()

    async def _stage(self, stop: asyncio.Event, on_fault: Callable[[str], None]) -> None:
        try:
            await self.stager.run(stop)
        except FatalError as exc:
            if stop.is_set():
                raise
            self.stager_fault = str(exc)
            log.error("stager_failed", reason=self.stager_fault)  # noqa: TRY400 - a sentence, no traceback
            on_fault(self.stager_fault)

    async def _is_staging(self) -> bool:
        return self.stager_fault is None


@asynccontextmanager
async def composed(settings: Settings, clock: Clock) -> AsyncIterator[AllServices]:
    """Connect the services, and disconnect them at the end. Raises LogUnavailable."""
    metrics = of_process()
    await ensure_topics(settings.ingest)
    async with composed_ingest(settings.ingest, clock=clock, metrics=metrics) as ingest:
        api = api_app.build(settings.api, keys=ingest.keys, clock=clock, metrics=metrics)
        try:
            await ingest.writer.start()
            stager = Stager(settings.stager, clock=clock, metrics=metrics)
            yield AllServices(
                ingest=ingest, stager=stager, api=api, metrics_peers=settings.api.metrics_peers
            )
        finally:
            await api.close()


class _PathRouter:
    """ASGI application that sends each path to the service that serves it, middleware included."""

    def __init__(self, *, api: ASGIApp, ingest: ASGIApp, ingest_routes: Sequence[Route]) -> None:
        self._api = api
        self._ingest = ingest
        self._ingest_paths = frozenset(route.path for route in ingest_routes)
        self._ingest_patterns = [
            route.path_regex for route in ingest_routes if route.param_convertors
        ]

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> Any:  # noqa: ANN401
        app = self._ingest if self._is_of_ingest(scope.get("path", "")) else self._api
        await app(scope, receive, send)

    def _is_of_ingest(self, path: str) -> bool:
        return path in self._ingest_paths or any(
            pattern.match(path) for pattern in self._ingest_patterns
        )
