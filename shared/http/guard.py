"""uvicorn's protocol with the limits that it lacks, on sizes and on waiting times.

uvicorn waits without end for a head that arrives byte by byte, as blank lines or not at all, for the rest
of a body after its response, and for a peer that does not read; it keeps a head of any size, takes
trailers for headers, and answers every sender with 503 once idle ones hold too many connections. Here each
of them has a deadline and a size, and only the connections beyond the limit are refused.
"""

import asyncio
from typing import Any, NoReturn

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from shared.http.refusals import (
    HEAD_TIMEOUT,
    HEAD_TOO_LARGE,
    INVALID_HOST,
    MALFORMED_REQUEST,
    TOO_MANY_CONNECTIONS,
    Refusal,
)

HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 64 * 1024
"""Also of the framing of a body: chunk headers and trailers."""
REST_SECONDS = 10.0
MAX_REST_BYTES = 16_000_000
"""Of a body that continues after its response: a correct sender ends it, or closes the connection."""
_AROUND_HEADER = len(b": \r\n")
UNREAD_SECONDS = 60.0
"""How long a peer may leave a response unread, once it fills the buffers."""


class _Refused(Exception):
    pass


class GuardedProtocol(HttpToolsProtocol):
    """One connection. A request that arrives in one piece costs two timer calls more."""

    head_seconds = HEAD_SECONDS
    rest_seconds = REST_SECONDS
    unread_seconds = UNREAD_SECONDS

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
        self._is_in_body = False
        self._head_bytes = 0
        """Bytes received since a segment began within the head."""
        self._parsed_bytes = 0
        """Bytes of the parsed parts of the head, which may all come in one segment."""
        self._hosts = 0
        self._refusal = MALFORMED_REQUEST
        """The answer to a request that the parser does not take."""
        self._other_bytes = 0
        """Bytes of framing since the last byte of the body."""
        self._rest_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._rest_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse a connection beyond the limit; else start the deadline of the first head."""
        super().connection_made(transport)
        if self._max_connections is not None and len(self.connections) > self._max_connections:
            transport.write(TOO_MANY_CONNECTIONS.response())
            transport.close()
            return
        self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_head_timer()
        self._stop_rest_timer()
        self._stop_unread_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass the bytes on, unless the head is too large."""
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.write(HEAD_TOO_LARGE.response())
                self.transport.close()
                return
        elif self._is_in_body:
            self._other_bytes += len(data)
            if self._rest_timer is not None:
                self._rest_bytes += len(data)
        super().data_received(data)
        if self._is_in_body:
            if self._other_bytes > MAX_HEAD_BYTES or self._rest_bytes > MAX_REST_BYTES:
                self.transport.close()
        elif self._head_timer is None and (self._is_in_head or self._is_idle()):
            # Blank lines may come before a head, but not for ever.
            self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._is_in_head = True
        self._head_bytes = 0
        self._parsed_bytes = 0
        self._hosts = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        if self._is_in_head:
            self._count(len(name) + len(value) + _AROUND_HEADER)
            self._hosts += name.lower() == b"host"
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head is complete. RFC 9112, 3.2: one `Host`, which HTTP/1.0 may leave out."""
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() == "1.1"):
            self._refuse(INVALID_HOST)
        self._is_in_head = False
        self._is_in_body = True
        self._other_bytes = 0
        self._stop_head_timer()
        super().on_headers_complete()
        # Headers from here on are trailers, which are dropped.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._other_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A body is complete, also the empty one."""
        self._is_in_body = False
        super().on_message_complete()
        if self._rest_timer is not None:
            self._stop_rest_timer()
            # The response was sent before; with these bytes uvicorn has cancelled the connection's deadline.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """A response is complete, possibly before its request is."""
        super().on_response_complete()
        if self._is_in_body and self._is_idle() and not self.transport.is_closing():
            self._rest_bytes = 0
            self._rest_timer = self.loop.call_later(self.rest_seconds, self.transport.close)

    def pause_writing(self) -> None:
        """The peer does not read."""
        super().pause_writing()
        self._unread_timer = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._stop_unread_timer()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that the parser does not take; `msg` is uvicorn's text for it."""
        del msg
        self.transport.write(self._refusal.response())
        self.transport.close()

    def _count(self, size: int) -> None:
        self._parsed_bytes += size
        if self._parsed_bytes > MAX_HEAD_BYTES:
            self._refuse(HEAD_TOO_LARGE)

    def _refuse(self, refusal: Refusal) -> NoReturn:
        """End the connection from within the parser, whose caller sends the answer."""
        self._refusal = refusal
        raise _Refused

    def _is_idle(self) -> bool:
        """Whether every request that came is answered."""
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.write(HEAD_TIMEOUT.response())
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_rest_timer(self) -> None:
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None

    def _stop_unread_timer(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
