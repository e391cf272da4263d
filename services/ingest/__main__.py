"""`python -m services.ingest`: one ingest process, configured by the environment."""

import asyncio
import socket

from services.ingest.app import Ingest, create_app, create_health
from services.ingest.recorder import LAST_WRITE_SECONDS, Recorder
from services.ingest.settings import IngestSettings
from shared.clock import SystemClock
from shared.eventlog.factory import ensure_topics, open_writer
from shared.http.draining import serve_and_drain
from shared.keys.cache import KeyCache
from shared.process.frame import run_service
from shared.process.waiting import until_up
from shared.sources.registry import SourceRegistry
from shared.storage import keys, source_events, sources
from shared.storage.connect import DatabaseRole, create_engine
from shared.telemetry import metrics


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 when it could not start."""
    return run_service("ingest", IngestSettings, _run)


async def _run(settings: IngestSettings, listener: socket.socket, stop: asyncio.Event) -> None:
    writer = open_writer(settings)
    engine = create_engine(
        settings.database_url.get_secret_value(),
        role=DatabaseRole.INGEST,
        application_name="stageline-ingest",
        pool_size=1,
    )
    # A pool of its own: the events that people watch must not keep a revocation waiting.
    recorder_engine = create_engine(
        settings.database_url.get_secret_value(),
        role=DatabaseRole.INGEST,
        application_name="stageline-ingest-recorder",
        pool_size=1,
    )
    clock = SystemClock()
    measured = metrics.of_process()
    recorder = Recorder(source_events.writer(recorder_engine), measured)
    key_cache = KeyCache(keys.loader(engine), clock, refresh_seconds=settings.key_refresh_seconds)
    registry = SourceRegistry(
        sources.loader(engine, clock), refresh_seconds=settings.key_refresh_seconds
    )
    ingest = Ingest(
        writer=writer,
        keys=key_cache,
        sources=registry,
        clock=clock,
        metrics=measured,
        limits=settings.limits(),
        recorder=recorder,
        public_base_url=settings.public_base_url,
    )

    async def start_log() -> None:
        await ensure_topics(settings)
        await writer.start()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(key_cache.run(stop), name="keys")
            group.create_task(registry.run(stop), name="sources")
            group.create_task(recorder.run(stop), name="recorder")
            await until_up(start_log, stop, failure="event_log_unavailable")
            if not stop.is_set():
                await _serve(ingest, settings, listener, stop)
    finally:
        await writer.stop()
        # What came in while the last requests were answered.
        await recorder.flush(LAST_WRITE_SECONDS)
        await recorder_engine.dispose()
        await engine.dispose()


async def _serve(
    ingest: Ingest, settings: IngestSettings, listener: socket.socket, stop: asyncio.Event
) -> None:
    """Serve until `stop`; then not ready first, so that balancers stop sending before it closes."""
    health = create_health(ingest)
    await serve_and_drain(
        create_app(ingest, health),
        health,
        listener,
        stop,
        unready_seconds=settings.unready_seconds,
        shutdown_seconds=settings.shutdown_seconds,
    )


if __name__ == "__main__":
    raise SystemExit(main())
