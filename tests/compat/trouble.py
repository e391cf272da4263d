"""A reverse proxy that stands in for bad times: before the service, between it and the SDK.

It answers in the service's own words, or lets the service answer and loses the answer on the way: the
sender cannot know then whether its events were taken, and sends them again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from services.ingest.http import rejections as turned_away
from services.ingest.http.rejections import RequestRejected
from services.ingest.http.response import RawResponse
from services.ingest.protocols.posthog import route as posthog
from services.ingest.protocols.segment import route as segment
from shared.clock import SystemClock

_FORWARD_SECONDS = 30.0
_MAX_HEAD_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as an SDK sent it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    raw: bytes


Fault = RequestRejected | Literal["lose the answer"]
Decide = Callable[[Request], Fault | None]
"""What to do with a request; None passes it on."""

UNAVAILABLE = turned_away.log_unavailable()
"""What ingest answers while the event log does not acknowledge: 503, `Retry-After: 2`."""

TOO_MANY = turned_away.rate_limited('"default";q=10;w=2', 2, SystemClock().now())
"""What ingest answers to a sender above its rate: 429, `Retry-After: 2`."""


@dataclass(slots=True)
class Proxy:
    """A running proxy. `decide` may be exchanged at any time."""

    port: int
    decide: Decide
    requests: list[Request] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    """Statuses of the answers, those that were lost on the way as well."""
    faults: int = 0

    @property
    def url(self) -> str:
        """Where SDKs are pointed to."""
        return f"http://127.0.0.1:{self.port}"


def pass_on(_request: Request) -> None:
    """No trouble."""


def first_posts(number: int, fault: Fault) -> Decide:
    """Trouble for the first `number` requests that carry events."""
    left = number

    def decide(request: Request) -> Fault | None:
        nonlocal left
        is_question = request.target.startswith("/flags")
        if request.method != "POST" or is_question or not left:
            return None
        left -= 1
        return fault

    return decide


@asynccontextmanager
async def proxied(upstream_port: int, decide: Decide = pass_on) -> AsyncIterator[Proxy]:
    """A proxy before the service at `upstream_port`, on a port of its own."""
    proxy = Proxy(port=0, decide=decide)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await _exchange(proxy, upstream_port, reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=_MAX_HEAD_BYTES)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await server.wait_closed()


async def _exchange(
    proxy: Proxy, upstream_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One request and its answer; each has a connection of its own."""
    request = await _received(reader)
    proxy.requests.append(request)
    fault = proxy.decide(request)
    if isinstance(fault, RequestRejected):
        answer = _rendered(_in_form(request, fault))
    else:
        answer = await _forwarded(request, upstream_port)
    proxy.answered.append(int(answer.split(b" ", 2)[1]))
    proxy.faults += fault is not None
    if fault != "lose the answer":
        writer.write(answer)
        await writer.drain()


async def _received(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    assert "transfer-encoding" not in headers, "no SDK sends chunks"
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method=method, target=target, headers=headers, body=body, raw=head + body)


async def _forwarded(request: Request, port: int) -> bytes:
    """The service's answer, with word that the connection ends with it."""
    async with asyncio.timeout(_FORWARD_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            kept = [
                line
                for line in request.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
                if not line.lower().startswith(b"connection:")
            ]
            writer.write(b"\r\n".join([*kept, b"Connection: close", b"", b""]) + request.body)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()


def _in_form(request: Request, away: RequestRejected) -> RawResponse:
    """The form of the route that the request is for."""
    path = request.target.partition("?")[0]
    return segment.as_error(away) if path in segment.CALLS else posthog.as_error(away, path)


def _rendered(answer: RawResponse) -> bytes:
    status = HTTPStatus(answer.status_code)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"connection: close", b"", b""]) + bytes(answer.body)
