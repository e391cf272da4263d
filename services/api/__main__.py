"""`python -m services.api`: the read side as a process of its own, configured by the environment."""

import asyncio
import socket
from contextlib import suppress

from services.api.app import build, create_app, create_health
from services.api.context import ApiContext
from services.api.settings import ApiSettings
from shared.clock import SystemClock
from shared.errors import DatabaseUnavailable
from shared.http.draining import serve_and_drain
from shared.keys.cache import KeyCache
from shared.process.frame import run_service
from shared.process.waiting import until_up
from shared.storage import keys
from shared.storage.connect import DatabaseRole, create_engine
from shared.storage.revision import checker
from shared.telemetry import metrics


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 when it could not start."""
    return run_service("api", ApiSettings, _run)


async def _run(settings: ApiSettings, listener: socket.socket, stop: asyncio.Event) -> None:
    # The keys have a connection of their own: slow lists must not keep a revocation waiting.
    url = settings.database_url.get_secret_value()
    check = checker(url, role=DatabaseRole.API, application_name="stageline-api-schema")
    # Before any other statement, whose error would say less; a database that is away is waited for.
    with suppress(DatabaseUnavailable):
        await check()
    engine = create_engine(
        url,
        role=DatabaseRole.API,
        application_name="stageline-api-keys",
        pool_size=1,
    )
    clock = SystemClock()
    key_cache = KeyCache(keys.loader(engine), clock, refresh_seconds=settings.key_refresh_seconds)
    context = build(settings, keys=key_cache, clock=clock, metrics=metrics.of_process())
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(until_up(check, stop, failure="database_unavailable"), name="schema")
            group.create_task(key_cache.run(stop), name="keys")
            group.create_task(context.stage_gauges.run(stop), name="stage-gauges")
            await _serve(context, settings, listener, stop)
    finally:
        await context.close()
        await engine.dispose()


async def _serve(
    context: ApiContext, settings: ApiSettings, listener: socket.socket, stop: asyncio.Event
) -> None:
    """Serve until `stop`; then not ready first, so that balancers stop sending before it closes."""
    health = create_health(context)
    await serve_and_drain(
        create_app(context, health, metrics_peers=settings.metrics_peers),
        health,
        listener,
        stop,
        unready_seconds=settings.unready_seconds,
        shutdown_seconds=settings.shutdown_seconds,
    )


if __name__ == "__main__":
    raise SystemExit(main())
