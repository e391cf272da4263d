"""`python -m services.ingest`: one ingest process, configured by the environment."""

import asyncio
import socket
from contextlib import suppress

from services.ingest.app import create_app, create_health
from services.ingest.compose import composed, refresh, warn_of_foreign_hosts
from services.ingest.intake import Ingest
from services.ingest.settings import IngestSettings
from shared.clock import SystemClock
from shared.errors import DatabaseUnavailable
from shared.eventlog.factory import ensure_topics
from shared.http.draining import serve_and_drain
from shared.process.frame import run_service
from shared.process.waiting import until_up
from shared.storage.connect import DatabaseRole
from shared.storage.revision import checker
from shared.telemetry import metrics


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 when it could not start."""
    return run_service("ingest", IngestSettings, _run)


async def _run(settings: IngestSettings, listener: socket.socket, stop: asyncio.Event) -> None:
    warn_of_foreign_hosts(settings)
    check = checker(
        settings.database_url.get_secret_value(),
        role=DatabaseRole.INGEST,
        application_name="stageline-ingest-schema",
    )
    # Before any other statement, whose error would say less; a database that is away is waited for.
    with suppress(DatabaseUnavailable):
        await check()
    async with composed(settings, clock=SystemClock(), metrics=metrics.of_process()) as ingest:

        async def start_log() -> None:
            await ensure_topics(settings)
            await ingest.writer.start()

        async with asyncio.TaskGroup() as group:
            # Beside the rest: on Kafka, ingest accepts events while the database is away.
            group.create_task(until_up(check, stop, failure="database_unavailable"), name="schema")
            refresh(ingest, group, stop)
            await until_up(start_log, stop, failure="event_log_unavailable")
            if not stop.is_set():
                await _serve(ingest, settings, listener, stop)


async def _serve(
    ingest: Ingest, settings: IngestSettings, listener: socket.socket, stop: asyncio.Event
) -> None:
    """Serve until `stop`; then not ready first, so that balancers stop sending before it closes."""
    health = create_health(ingest)
    await serve_and_drain(
        create_app(ingest, health, metrics_peers=settings.metrics_peers),
        health,
        listener,
        stop,
        unready_seconds=settings.unready_seconds,
        shutdown_seconds=settings.shutdown_seconds,
    )


if __name__ == "__main__":
    raise SystemExit(main())
