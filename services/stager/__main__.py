"""`python -m services.stager`: one stager process, configured by the environment."""

import asyncio
import gc
import signal
import socket
import sys

import structlog
import uvloop

from services.stager.app import Stager
from services.stager.health import create_app
from services.stager.settings import StagerSettings
from services.stager.waiting import Backoff, pause
from shared.clock import SystemClock
from shared.errors import FatalError, TransientError
from shared.eventlog.factory import ensure_topics
from shared.http.health import Health
from shared.http.server import bind, serve
from shared.settings import load, redacted
from shared.telemetry import logging, metrics

log = structlog.get_logger(__name__)


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 after a fatal fault."""
    try:
        settings = load(StagerSettings)
        logging.configure(
            service="stager", level=settings.log_level, log_format=settings.log_format
        )
        listener = bind(settings.host, settings.port)
        tune_collection()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, listener))
    except FatalError as exc:
        sys.stderr.write(f"stageline stager: {exc}\n")
        return 1
    return 0


def tune_collection() -> None:
    """Collect cycles less often: a batch makes tens of thousands of objects and hardly a cycle.

    With the defaults (700, 10, 10) the collector took as long as the fold, by walking again and again
    what lives for the time of a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _run(settings: StagerSettings, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log.info("starting", settings=redacted(settings))
    catalogue = metrics.of_process()
    stager = Stager(settings, clock=SystemClock(), metrics=catalogue)
    health = Health(stager.checks(), is_alive=stager.is_alive)
    closing = asyncio.Event()

    async def work() -> None:
        try:
            await _topics(settings, stop)
            if not stop.is_set():
                await stager.run(stop)
        finally:
            closing.set()

    async def turn_away() -> None:
        await stop.wait()
        health.stopping = True

    try:
        async with asyncio.TaskGroup() as group:
            turning = group.create_task(turn_away(), name="turn-away")
            group.create_task(work(), name="stager")
            host, port = listener.getsockname()[:2]
            log.info("listening", host=host, port=port)
            app = create_app(health, catalogue)
            await serve(app, listener, closing, shutdown_seconds=1.0)
            turning.cancel()
    except ExceptionGroup as group:
        raise FatalError(str(group.exceptions[0])) from group
    log.info("stopped")


async def _topics(settings: StagerSettings, stop: asyncio.Event) -> None:
    """Make the topics that are missing; a log that comes up after us is no reason to die."""
    backoff = Backoff()
    while not stop.is_set():
        try:
            await ensure_topics(settings)
        except TransientError as exc:
            log.warning("log_unavailable", error=str(exc))
            await pause(stop, backoff.next())
        else:
            return


if __name__ == "__main__":
    raise SystemExit(main())
