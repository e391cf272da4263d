"""uvicorn's protocol with the bounds that it lacks: time and size of a request's head, connections.

uvicorn waits without end for a head that comes byte by byte or not at all, keeps a head of any size,
and answers every sender with 503 once idle ones hold too many connections. Here a head has a deadline
and a size, and only the connections beyond the limit are turned away.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 64 * 1024


CODES = {"head_timeout": 408, "head_too_large": 431, "too_many_connections": 503}
"""Code to status of what is refused before there is a request."""


def _answer(status: str, code: str, detail: str, extra: str = "") -> bytes:
    body = (
        f'{{"type":"https://stageline.dev/problems/{code.replace("_", "-")}",'
        f'"title":"{status[4:]}","status":{status[:3]},"code":"{code}","detail":"{detail}"}}'
    )
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n{extra}connection: close\r\n\r\n"
    )
    return (head + body).encode()


_FULL = _answer(
    "503 Service Unavailable",
    "too_many_connections",
    "Too many connections are open; try again.",
    "retry-after: 2\r\n",
)
_TIMEOUT = _answer("408 Request Timeout", "head_timeout", "The request did not arrive in time.")
_TOO_LARGE = _answer(
    "431 Request Header Fields Too Large", "head_too_large", "The headers are too large."
)


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Costs nothing per request whose head comes in one piece."""

    head_seconds = HEAD_SECONDS

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._max_connections = self.limit_concurrency
        self.limit_concurrency = None
        self._is_in_head = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Turn away what is too much; else wait for a first head, not for ever."""
        super().connection_made(transport)
        if self._max_connections is not None and len(self.connections) > self._max_connections:
            transport.write(_FULL)
            transport.close()
            return
        self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand the bytes on, unless they are too much of a head."""
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.write(_TOO_LARGE)
                self.transport.close()
                return
        super().data_received(data)
        if self._is_in_head and self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._is_in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.write(_TIMEOUT)
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
