"""`python -m services.stager`: one stager process, configured by the environment."""

import asyncio
import socket

import structlog

from services.stager.app import Stager
from services.stager.health import create_app
from services.stager.settings import StagerSettings
from shared.clock import SystemClock
from shared.eventlog.factory import ensure_topics
from shared.http.health import Health
from shared.http.server import serve
from shared.process.frame import run_service
from shared.process.waiting import until_up
from shared.storage.connect import DatabaseRole
from shared.storage.revision import checker
from shared.telemetry import metrics

log = structlog.get_logger(__name__)

_CLOSE_SECONDS = 1.0
"""Scrapes and probes in flight when the work has ended."""


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 after a fatal fault."""
    return run_service("stager", StagerSettings, _run)


async def _run(settings: StagerSettings, listener: socket.socket, stop: asyncio.Event) -> None:
    catalogue = metrics.of_process()
    stager = Stager(settings, clock=SystemClock(), metrics=catalogue)
    health = Health(stager.checks(), is_alive=stager.is_alive)
    closing = asyncio.Event()
    check = checker(
        settings.database_url.get_secret_value(),
        role=DatabaseRole.STAGER,
        application_name="stageline-stager-schema",
    )

    async def work() -> None:
        try:
            await until_up(check, stop, failure="database_unavailable")
            await until_up(lambda: ensure_topics(settings), stop, failure="log_unavailable")
            if not stop.is_set():
                await stager.run(stop)
        finally:
            closing.set()

    async def turn_away() -> None:
        await stop.wait()
        health.stopping = True

    async with asyncio.TaskGroup() as group:
        turning = group.create_task(turn_away(), name="turn-away")
        group.create_task(work(), name="stager")
        host, port = listener.getsockname()[:2]
        log.info("listening", host=host, port=port)
        app = create_app(health, catalogue, metrics_peers=settings.metrics_peers)
        await serve(app, listener, closing, shutdown_seconds=_CLOSE_SECONDS)
        turning.cancel()


if __name__ == "__main__":
    raise SystemExit(main())
