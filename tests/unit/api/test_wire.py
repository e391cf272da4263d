import asyncio

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from starlette.types import Message

from services.api import wire
from services.api.errors import Code, RequestRefused


class RequestModel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=200)
    name: str = ""

    @field_validator("name")
    @classmethod
    def _is_not_bad(cls, value: str, _: ValidationInfo) -> str:
        if value == "bad":
            message = "this is not a good name"
            raise ValueError(message)
        return value


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
    assert wire.query_values(raw) == expected


@pytest.mark.parametrize(
    "raw", [b"a=%00", b"%00=a", b"a=%FF", b"a=\xff", b"a=%ED%A0%80", b"a=1&a=1", b"%61=1&a=2"]
)
def test_a_query_that_could_not_be_stored_or_says_a_thing_twice_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRefused) as refused:
        wire.query_values(raw)

    assert refused.value.code is Code.INVALID_REQUEST


@pytest.mark.parametrize(
    ("values", "pointer", "detail"),
    [
        ({"limit": "0"}, "/query/limit", "Input should be greater than or equal to 1"),
        (
            {"limit": "word"},
            "/query/limit",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        ({"name": "bad"}, "/query/name", "this is not a good name"),
        ({"secret": "word"}, "/query", "something here is not known to this call"),
    ],
)
def test_a_wrong_value_is_pointed_at_and_not_repeated(
    values: dict[str, str], pointer: str, detail: str
) -> None:
    with pytest.raises(RequestRefused) as refused:
        wire.query(RequestModel, values)

    (place,) = refused.value.errors
    assert (place.pointer, place.detail) == (pointer, detail)


def _receive(*chunks: bytes) -> tuple[list[bytes], asyncio.Queue[Message]]:
    queue: asyncio.Queue[Message] = asyncio.Queue()
    for number, chunk in enumerate(chunks):
        more = number < len(chunks) - 1
        queue.put_nowait({"type": "http.request", "body": chunk, "more_body": more})
    return list(chunks), queue


async def test_a_body_is_put_together_from_its_pieces() -> None:
    _, queue = _receive(b"ab", b"", b"cd")

    assert await wire.body({"headers": []}, queue.get, 4) == b"abcd"


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
        await wire.body({"headers": headers}, queue.get, 4)

    assert refused.value.code is code


async def test_a_body_that_never_ends_is_cut_off() -> None:
    read = 0

    async def endless() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"abcd", "more_body": True}

    with pytest.raises(RequestRefused) as refused:
        await wire.body({"headers": [(b"content-length", b"9" * 400)]}, endless, 4)

    assert refused.value.code is Code.BODY_TOO_LARGE
    assert read == 5


async def test_a_sender_that_goes_away_ends_the_reading() -> None:
    queue: asyncio.Queue[Message] = asyncio.Queue()
    queue.put_nowait({"type": "http.request", "body": b"ab", "more_body": True})
    queue.put_nowait({"type": "http.disconnect"})

    with pytest.raises(RequestRefused) as refused:
        await wire.body({"headers": []}, queue.get, 4)

    assert refused.value.code is Code.BODY_TIMEOUT
