"""`python -m services.ingest`: one ingest process, configured by the environment."""

import asyncio
import gc
import signal
import socket
import sys

import structlog
import uvloop

from services.ingest.app import create_app, create_health
from services.ingest.compose import composed, refresh
from services.ingest.intake import Ingest
from services.ingest.settings import IngestSettings
from shared.clock import SystemClock
from shared.errors import FatalError, LogUnavailable
from shared.eventlog.factory import ensure_topics
from shared.eventlog.port import LogWriter
from shared.http.draining import serve_and_drain
from shared.http.server import bind
from shared.settings import load, redacted
from shared.telemetry import logging, metrics

log = structlog.get_logger(__name__)

_START_AGAIN_SECONDS = 1.0


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 when it could not start."""
    try:
        settings = load(IngestSettings)
        logging.configure(
            service="ingest", level=settings.log_level, log_format=settings.log_format
        )
        listener = bind(settings.host, settings.port)
        tune_collection()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, listener))
    except FatalError as exc:
        sys.stderr.write(f"stageline ingest: {exc}\n")
        return 1
    return 0


def tune_collection() -> None:
    """Collect cycles less often: a batch makes thousands of objects and hardly a cycle.

    Measured: a tenth of the processor time of a batch of 100.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _run(settings: IngestSettings, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log.info("starting", settings=redacted(settings))
    async with (
        composed(settings, clock=SystemClock(), metrics=metrics.of_process()) as ingest,
        asyncio.TaskGroup() as group,
    ):
        refresh(ingest, group, stop)
        await _start(settings, ingest.writer, stop)
        if not stop.is_set():
            await _serve(ingest, settings, listener, stop)
    log.info("stopped")


async def _start(settings: IngestSettings, writer: LogWriter, stop: asyncio.Event) -> None:
    """Wait for the event log; a broker that comes up after us is no reason to die."""
    while not stop.is_set():
        try:
            await ensure_topics(settings)
            await writer.start()
        except LogUnavailable as exc:
            log.warning("event_log_unavailable", error=str(exc))
            try:
                async with asyncio.timeout(_START_AGAIN_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue
        else:
            return


async def _serve(
    ingest: Ingest, settings: IngestSettings, listener: socket.socket, stop: asyncio.Event
) -> None:
    """Serve until `stop`; then not ready first, so that balancers turn away before we do."""
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
