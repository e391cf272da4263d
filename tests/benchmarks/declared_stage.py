"""The api with every call through FastAPI, the stage query too: what its bare route is compared with."""

import asyncio
import signal

import uvloop

from services.api.app import build, create_app, create_health
from services.api.settings import ApiSettings
from shared.clock import SystemClock
from shared.http.server import serve
from shared.keys.cache import KeyCache
from shared.process.listener import bind
from shared.settings import load
from shared.storage import keys
from shared.storage.connect import DatabaseRole, create_engine
from shared.telemetry import metrics


async def _run() -> None:
    settings = load(ApiSettings)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    engine = create_engine(
        settings.database_url.get_secret_value(),
        role=DatabaseRole.API,
        application_name="declared-stage-keys",
        pool_size=1,
    )
    clock = SystemClock()
    key_cache = KeyCache(keys.loader(engine), clock)
    api = build(settings, keys=key_cache, clock=clock, metrics=metrics.of_process())
    app = create_app(api, create_health(api), is_stage_bare=False)
    async with asyncio.TaskGroup() as group:
        group.create_task(key_cache.run(stop), name="keys")
        await serve(app, bind(settings.host, settings.port), stop, shutdown_seconds=2)
    await api.close()
    await engine.dispose()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run())
