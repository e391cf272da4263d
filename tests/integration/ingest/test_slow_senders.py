"""Senders that take their time, or never end: cut off in the time that docs/limits.md states.

The protocol's deadlines are shortened here; nothing asserts how fast anything is.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.http.guard import GuardedProtocol
from tests.integration.ingest.server import Server, serving
from tests.support.eventually import eventually

NATIVE = "/v1/touchpoints"
EVENT = b'{"event":"Plan Chosen","user_id":"u"}'
LIVE = b"GET /livez HTTP/1.1\r\nHost: ingest\r\n\r\n"
_SAFETY_SECONDS = 15

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    async with serving(database_url, body_timeout_seconds=0.5) as server:
        yield server


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Stream]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def dribble(stream: Stream, part: bytes) -> bytes:
    """Send `part` again and again until the server hangs up; what it said meanwhile."""
    reader, writer = stream
    heard = bytearray()

    async def listen() -> None:
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(65_536):
                heard.extend(part)

    async with asyncio.timeout(_SAFETY_SECONDS), asyncio.TaskGroup() as group:
        listening = group.create_task(listen())
        while not listening.done():
            with contextlib.suppress(ConnectionError):
                writer.write(part)
                await writer.drain()
            await asyncio.sleep(0.01)
    return bytes(heard)


async def answered(stream: Stream) -> tuple[int, bytes]:
    """Status and body of one answer."""
    reader, _ = stream
    async with asyncio.timeout(_SAFETY_SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return int(head.split()[1]), await reader.readexactly(length)


async def test_blank_lines_instead_of_a_request_are_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedProtocol, "head_seconds", 0.3)

    async with connected(server) as stream:
        from_the_start = await dribble(stream, b"\r\n")
    async with connected(server) as stream:
        stream[1].write(LIVE)
        await answered(stream)
        after_a_request = await dribble(stream, b"\r\n")

    assert from_the_start.startswith(b"HTTP/1.1 408 ")
    assert after_a_request.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/touchpoints HTTP/1.1\r\nHost: i\r\nContent-Length: 1000000000\r\n\r\n",
        b"POST /v1/touchpoints HTTP/1.1\r\nHost: i\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /nowhere HTTP/1.1\r\nHost: i\r\nContent-Length: 1000000000\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: i\r\nContent-Length: 1000000000\r\n\r\n",
    ],
    ids=["no key", "no key, chunked", "no such path", "a body where none is read"],
)
async def test_a_body_that_is_not_read_cannot_hold_a_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(GuardedProtocol, "rest_seconds", 0.3)

    async with connected(server) as stream:
        stream[1].write(head)
        await answered(stream)
        # A chunk of one byte, or some bytes of a body.
        await dribble(stream, b"1\r\nx\r\n")

    assert server.ingest.budget.held_bytes == 0


async def test_a_flood_after_its_answer_is_cut_off_by_its_size(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedProtocol, "rest_seconds", 1e6)

    async with connected(server) as stream:
        stream[1].write(
            b"POST /v1/touchpoints HTTP/1.1\r\nHost: i\r\nContent-Length: 10000000000\r\n\r\n"
        )
        status, _ = await answered(stream)
        await dribble(stream, b"x" * 1_000_000)

    assert status == 401


async def test_an_honest_sender_that_is_answered_early_may_go_on(server: Server) -> None:
    async with connected(server) as stream:
        for _ in range(3):
            stream[1].write(
                b"POST /v1/touchpoints HTTP/1.1\r\nHost: i\r\nContent-Length: 10\r\n\r\n12345"
            )
            refused, _ = await answered(stream)
            stream[1].write(b"67890" + server.head(NATIVE, length=len(EVENT)) + EVENT)
            accepted, _ = await answered(stream)

            assert (refused, accepted) == (401, 202)


@pytest.mark.parametrize(
    "surroundings",
    [b"0\r\n" + b"X-A: " + b"x" * 1_000 + b"\r\n", b"0\r\nX-A: ", b"1;"],
    ids=["trailers", "one trailer", "an extension of a chunk"],
)
async def test_what_surrounds_a_body_has_an_end(server: Server, surroundings: bytes) -> None:
    head = server.head(NATIVE, [("Transfer-Encoding", "chunked")])
    more = surroundings[3:] if surroundings.startswith(b"0\r\nX-A: x") else b"x" * 1_000

    async with connected(server) as stream:
        stream[1].write(head + b"%x\r\n" % len(EVENT) + EVENT + b"\r\n" + surroundings)
        await dribble(stream, more)

    assert server.ingest.budget.held_bytes == 0


async def test_trailers_are_no_headers(server: Server) -> None:
    """A connection accepted without a key cannot bring it later."""
    bare = b"POST /v1/touchpoints HTTP/1.1\r\nHost: i\r\nTransfer-Encoding: chunked\r\n"
    key = f"Authorization: Bearer {server.write_key}\r\n".encode()
    body = b"%x\r\n" % len(EVENT) + EVENT + b"\r\n0\r\n"

    async with connected(server) as stream:
        stream[1].write(bare + b"\r\n" + body + key + b"\r\n")
        late, _ = await answered(stream)
        stream[1].write(bare + key + b"\r\n" + body + b"X-A: 1\r\nExpect: 100-continue\r\n\r\n")
        honest, _ = await answered(stream)

    assert (late, honest) == (401, 202)


async def test_a_chunk_that_claims_ten_gigabytes_is_measured_as_it_comes(server: Server) -> None:
    head = server.head(NATIVE, [("Transfer-Encoding", "chunked")])

    async with connected(server) as stream:
        stream[1].write(head + b"%x\r\n" % 10_000_000_000)
        heard = await dribble(stream, b" " * 500_000)

    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in heard
    assert server.ingest.budget.held_bytes == 0


async def test_a_peer_that_does_not_read_is_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedProtocol, "unread_seconds", 0.3)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(plain, ("127.0.0.1", server.port))
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: ingest\r\n\r\n"

    async def is_cut_off() -> bool:
        # What was sent in vain ends in an error; reading would make room.
        try:
            await asyncio.wait_for(loop.sock_sendall(plain, ask * 100), 0.05)
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return False

    try:
        assert await eventually(is_cut_off, within=_SAFETY_SECONDS)
    finally:
        plain.close()


async def test_others_are_served_all_the_while(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedProtocol, "head_seconds", 1e6)
    async with contextlib.AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(connected(server)) for _ in range(100)]
        for index, (_, writer) in enumerate(slow):
            writer.write(server.head(NATIVE, length=400_000)[: 20 if index % 2 else None])

        answers = [await server.post(NATIVE, EVENT) for _ in range(20)]

    assert [json.loads(answer.body) for answer in answers] == [{"accepted": 1, "rejected": []}] * 20
