"""What a connection answers before there is a request: problems, by the limits that the documents state."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
from starlette.responses import PlainTextResponse

from shared.http.guard import MAX_HEAD_BYTES
from shared.http.server import serve
from shared.process.listener import bind
from tests.support.eventually import eventually

HOST = b"Host: stageline.test\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server on a free port that answers `served` to every request."""
    stop = asyncio.Event()
    with bind("127.0.0.1", 0) as listener:
        number: int = listener.getsockname()[1]
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(PlainTextResponse("served"), listener, stop))
            await eventually(lambda: answer(number, b"GET / HTTP/1.0\r\n\r\n"))
            yield number
            stop.set()


async def answer(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to `request`, sent in one piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        return int(status.split()[1]), headers, body
    finally:
        writer.close()


def with_head_of(size: int, *, in_address: bool = False) -> bytes:
    """A request whose address, or a header, fills the head up to `size` bytes of its parts."""
    if in_address:
        return b"GET /" + b"a" * (size - 1 - len(HOST)) + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    filling = b"a" * (size - len(b"/") - len(HOST) - len(b"A: \r\n"))
    return b"GET / HTTP/1.1\r\n" + HOST + b"A: " + filling + b"\r\n\r\n"


@pytest.mark.parametrize("in_address", [False, True])
async def test_a_head_in_one_piece_is_measured_as_one_in_many(
    port: int, *, in_address: bool
) -> None:
    largest = await answer(port, with_head_of(MAX_HEAD_BYTES, in_address=in_address))
    larger = await answer(port, with_head_of(MAX_HEAD_BYTES + 1, in_address=in_address))
    twice = await answer(port, with_head_of(2 * MAX_HEAD_BYTES, in_address=in_address))

    assert MAX_HEAD_BYTES == 65_536
    assert (largest[0], larger[0], twice[0]) == (200, 431, 431)
    assert json.loads(larger[2])["code"] == "head_too_large"


async def test_every_request_of_a_connection_is_measured_for_itself(port: int) -> None:
    half = with_head_of(40_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    writer.write(half)
    first = await reader.readuntil(b"served")
    writer.write(half)
    second = await reader.readuntil(b"served")
    writer.close()

    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /v1/stage?account_id=Müller HTTP/1.1",
        "GET /Müller HTTP/1.1",
        "nonsense",
        "GET / HTTP/x",
    ],
)
async def test_a_broken_request_is_answered_by_a_problem_with_a_request_id(
    port: int, request_line: str
) -> None:
    status, headers, body = await answer(port, f"{request_line}\r\n".encode() + HOST + b"\r\n")

    problem = json.loads(body)
    assert (status, problem["status"], problem["code"]) == (400, 400, "malformed_request")
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert headers["x-request-id"] == problem["request_id"]
    assert re.fullmatch(r"[0-9a-f-]{36}", problem["request_id"])
    assert "ller" not in body.decode()


@pytest.mark.parametrize(
    ("version", "hosts", "expected"),
    [
        ("1.1", 1, (200, None)),
        ("1.1", 0, (400, "invalid_host")),
        ("1.1", 2, (400, "invalid_host")),
        ("1.0", 0, (200, None)),
        ("1.0", 2, (400, "invalid_host")),
    ],
)
async def test_a_request_has_exactly_one_host(
    port: int, version: str, hosts: int, expected: tuple[int, str | None]
) -> None:
    request = f"GET / HTTP/{version}\r\n".encode() + HOST * hosts + b"\r\n"

    status, headers, body = await answer(port, request)

    is_problem = headers["content-type"] == "application/problem+json"
    assert (status, json.loads(body)["code"] if is_problem else None) == expected


async def test_a_request_for_another_protocol_is_answered_as_if_it_had_not_asked(port: int) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"

    status, _, body = await answer(port, b"GET / HTTP/1.1\r\n" + HOST + upgrade + b"\r\n")

    assert (status, body) == (200, b"served")
