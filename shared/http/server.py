"""uvicorn under our own stop signal, with a bounded shutdown."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from shared.http.guard import GuardedProtocol


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: one stop event serves all its parts."""
        yield


async def serve(
    app: ASGIApp,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    shutdown_seconds: float = 10.0,
    max_connections: int | None = 4096,
) -> None:
    """Serve until `stop` is set, then finish what is in flight within `shutdown_seconds`."""
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=True,
        limit_concurrency=max_connections,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=max(1, int(shutdown_seconds)),
    )
    server = _Server(config)

    async def watch() -> None:
        await stop.wait()
        server.should_exit = True

    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(watch(), name="stop-watch")
        await server.serve(sockets=[listener])
        watcher.cancel()
