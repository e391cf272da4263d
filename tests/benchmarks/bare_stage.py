"""The limit beside the stage query: Starlette and asyncpg, one row by primary key, nothing else.

No keys, no workspace wall, no map, no ETag, no metrics; what is left is HTTP, the driver and Postgres.
"""

import asyncio
import signal

import msgspec
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.http.server import serve
from shared.process.listener import bind
from shared.settings import CommonSettings, load
from shared.storage.connect import DatabaseRole, open_pool

_STATEMENT = """
    SELECT journey, map_version, status, stage, cycle, entered_at, version FROM placement
    WHERE workspace_id = 1 AND subject_id = $1 AND journey = 'b2b-jtbd-7'
"""


async def _run() -> None:
    settings = load(CommonSettings)
    pool = await open_pool(
        settings.database_url.get_secret_value(),
        role=DatabaseRole.OWNER,
        application_name="bare-stage",
        max_size=8,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    encode = msgspec.json.encode

    async def stage(request: Request) -> Response:
        row = await pool.fetchrow(_STATEMENT, request.query_params["account_id"])
        return Response(encode(dict(row or {})), media_type="application/json")

    app = Starlette(routes=[Route("/v1/stage", stage)])
    await serve(app, bind(settings.host, settings.port), stop, shutdown_seconds=2)
    await pool.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run())
