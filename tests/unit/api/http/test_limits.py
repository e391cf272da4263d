import asyncio
from json import JSONDecodeError

import pytest
from starlette.requests import Request
from starlette.types import Message

from services.api.errors import Code, RequestRefused
from services.api.http.limits import BoundedRequest, JsonRequest, read_body, single_values


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", {}),
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=x+y%2Bz", {"a": "x y+z"}),
        (b"a=%C3%A4%2F%26", {"a": "ä/&"}),
        ("a=ä".encode(), {"a": "ä"}),
        (b"a", {"a": ""}),
        (b"&&a=1&", {"a": "1"}),
        (b"a=1=2", {"a": "1=2"}),
        (b"a=100%", {"a": "100%"}),
    ],
)
def test_a_query_is_read_as_forms_are_written(raw: bytes, expected: dict[str, str]) -> None:
    assert single_values(raw) == expected


@pytest.mark.parametrize(
    "raw", [b"a=%00", b"%00=a", b"a=%FF", b"a=\xff", b"a=%ED%A0%80", b"a=1&a=1", b"%61=1&a=2"]
)
def test_a_query_that_could_not_be_stored_or_repeats_a_name_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRefused) as refused:
        single_values(raw)

    assert refused.value.code is Code.INVALID_REQUEST


def _receive(*chunks: bytes) -> tuple[list[bytes], asyncio.Queue[Message]]:
    queue: asyncio.Queue[Message] = asyncio.Queue()
    for number, chunk in enumerate(chunks):
        more = number < len(chunks) - 1
        queue.put_nowait({"type": "http.request", "body": chunk, "more_body": more})
    return list(chunks), queue


async def test_a_body_is_put_together_from_its_pieces() -> None:
    _, queue = _receive(b"ab", b"", b"cd")

    assert await read_body({"headers": []}, queue.get, 4) == b"abcd"


@pytest.mark.parametrize(
    ("headers", "chunks", "code"),
    [
        ([(b"content-length", b"5")], (b"abc", b"de"), Code.BODY_TOO_LARGE),
        ([(b"content-length", b"1")], (b"abc", b"de"), Code.BODY_TOO_LARGE),
        ([(b"content-length", b"5"), (b"expect", b"100-continue")], (), Code.BODY_TOO_LARGE),
        ([(b"content-encoding", b"gzip")], (b"",), Code.UNSUPPORTED_MEDIA_TYPE),
    ],
)
async def test_a_body_that_is_too_large_or_packed_is_refused(
    headers: list[tuple[bytes, bytes]], chunks: tuple[bytes, ...], code: Code
) -> None:
    _, queue = _receive(*chunks)

    with pytest.raises(RequestRefused) as refused:
        await read_body({"headers": headers}, queue.get, 4)

    assert refused.value.code is code


async def test_a_body_that_never_ends_is_cut_off() -> None:
    read = 0

    async def endless() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"abcd", "more_body": True}

    with pytest.raises(RequestRefused) as refused:
        await read_body({"headers": [(b"content-length", b"9" * 400)]}, endless, 4)

    assert refused.value.code is Code.BODY_TOO_LARGE
    assert read == 5


async def test_a_sender_that_goes_away_ends_the_reading() -> None:
    queue: asyncio.Queue[Message] = asyncio.Queue()
    queue.put_nowait({"type": "http.request", "body": b"ab", "more_body": True})
    queue.put_nowait({"type": "http.disconnect"})

    with pytest.raises(RequestRefused) as refused:
        await read_body({"headers": []}, queue.get, 4)

    assert refused.value.code is Code.BODY_TIMEOUT


def request(content_type: bytes) -> Request:
    return Request({"type": "http", "headers": [(b"content-type", content_type), (b"a", b"b")]})


async def test_a_body_is_json_whatever_its_type_says() -> None:
    bounded = JsonRequest(request(b"application/x-www-form-urlencoded"), b'{"a": [1, null]}')

    assert await bounded.json() == {"a": [1, None]}
    assert dict(bounded.headers) == {"a": "b", "content-type": "application/json"}


async def test_a_body_that_a_route_reads_itself_keeps_its_type() -> None:
    bounded = BoundedRequest(request(b"text/yaml"), b"a: 1")

    assert await bounded.body() == b"a: 1"
    assert bounded.headers["content-type"] == "text/yaml"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"\\ud800"', b"[" * 1_000, b"1 2"])
async def test_what_is_no_json_in_utf8_is_refused_as_one(body: bytes) -> None:
    with pytest.raises(JSONDecodeError):
        await JsonRequest(request(b"application/json"), body).json()
