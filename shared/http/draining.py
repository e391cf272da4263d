"""The end of a service behind a balancer: not ready first, then the port closes."""

import asyncio
import socket

import structlog
from starlette.types import ASGIApp

from shared.http.health import Health
from shared.http.server import serve

log = structlog.get_logger(__name__)


async def serve_and_drain(
    app: ASGIApp,
    health: Health,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    unready_seconds: float,
    shutdown_seconds: float,
) -> None:
    """Serve until `stop`; then answer "not ready" for a while before the port closes.

    Units: seconds. What is in flight when the port closes has `shutdown_seconds` to end.
    """
    closing = asyncio.Event()

    async def close() -> None:
        await stop.wait()
        health.stopping = True
        log.info("stopping")
        await asyncio.sleep(unready_seconds)
        closing.set()

    async with asyncio.TaskGroup() as group:
        closer = group.create_task(close(), name="close")
        host, port = listener.getsockname()[:2]
        log.info("listening", host=host, port=port)
        await serve(app, listener, closing, shutdown_seconds=shutdown_seconds)
        closer.cancel()
