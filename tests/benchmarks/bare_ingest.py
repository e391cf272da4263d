"""The limit beside ingest: a bare endpoint that decodes the same bytes and sends to the same log.

No keys, no checks, no verdicts, no metrics; what is left is HTTP, JSON and the log itself.
"""

import asyncio
import signal

import msgspec
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.eventlog.factory import ensure_topics, open_writer
from shared.eventlog.port import NewRecord
from shared.http.server import serve
from shared.process.listener import bind
from shared.settings import CommonSettings, load


async def _run() -> None:
    settings = load(CommonSettings)
    await ensure_topics(settings)
    writer = open_writer(settings)
    await writer.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    decode, encode = msgspec.json.decode, msgspec.json.encode

    async def touchpoints(request: Request) -> Response:
        decoded = decode(await request.body())
        events = decoded if isinstance(decoded, list) else [decoded]
        await writer.append(
            [NewRecord(key=event["account_id"].encode(), value=encode(event)) for event in events]
        )
        return Response(b'{"accepted":1}', status_code=202, media_type="application/json")

    app = Starlette(routes=[Route("/v1/touchpoints", touchpoints, methods=["POST"])])
    await serve(app, bind(settings.host, settings.port), stop, shutdown_seconds=2)
    await writer.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run())
