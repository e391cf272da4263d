"""`python -m services.api`: the read side as a process of its own, configured by the environment."""

import asyncio
import signal
import socket
import sys

import structlog
import uvloop

from services.api.app import Api, build, create_app, create_health
from services.api.settings import ApiSettings
from shared.clock import SystemClock
from shared.errors import FatalError
from shared.http.draining import serve_and_drain
from shared.http.server import bind
from shared.keys.cache import KeyCache
from shared.settings import load, redacted
from shared.storage import keys
from shared.storage.connect import DatabaseRole, create_engine
from shared.telemetry import logging, metrics

log = structlog.get_logger(__name__)


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 when it could not start."""
    try:
        settings = load(ApiSettings)
        logging.configure(service="api", level=settings.log_level, log_format=settings.log_format)
        listener = bind(settings.host, settings.port)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, listener))
    except FatalError as exc:
        sys.stderr.write(f"stageline api: {exc}\n")
        return 1
    return 0


async def _run(settings: ApiSettings, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log.info("starting", settings=redacted(settings))
    # The keys have a connection of their own: slow lists must not keep a revocation waiting.
    engine = create_engine(
        settings.database_url.get_secret_value(),
        role=DatabaseRole.API,
        application_name="stageline-api-keys",
        pool_size=1,
    )
    clock = SystemClock()
    key_cache = KeyCache(keys.loader(engine), clock, refresh_seconds=settings.key_refresh_seconds)
    api = build(settings, keys=key_cache, clock=clock, metrics=metrics.of_process())
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(key_cache.run(stop), name="keys")
            group.create_task(api.stage_gauges.run(stop), name="stage-gauges")
            await _serve(api, settings, listener, stop)
    finally:
        await api.close()
        await engine.dispose()
    log.info("stopped")


async def _serve(
    api: Api, settings: ApiSettings, listener: socket.socket, stop: asyncio.Event
) -> None:
    """Serve until `stop`; then not ready first, so that balancers turn away before we do."""
    health = create_health(api)
    await serve_and_drain(
        create_app(api, health),
        health,
        listener,
        stop,
        unready_seconds=settings.unready_seconds,
        shutdown_seconds=settings.shutdown_seconds,
    )


if __name__ == "__main__":
    raise SystemExit(main())
