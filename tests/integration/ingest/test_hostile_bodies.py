"""Hostile bodies: each row has its wanted answer, none is a 5xx, none echoes what was sent."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator

import pytest

from shared.http.guard import GuardedProtocol
from tests.integration.ingest.server import Response, Server, serving
from tests.support.database import fresh_database
from tests.support.eventually import eventually

CANARY = b"canary-7f3a91"
NATIVE, SEGMENT = "/v1/touchpoints", "/v1/track"
OK: tuple[int, str | None] = (200, None)


@pytest.fixture(scope="module")
async def server(postgres_url: str, template_database: str) -> AsyncIterator[Server]:
    async with (
        fresh_database(postgres_url, template=template_database) as url,
        serving(url, body_timeout_seconds=0.5) as server,
    ):
        yield server


def native(value: bytes) -> bytes:
    return b'{"event":"%b","user_id":"u","properties":{"x":%b}}' % (CANARY, value)


def segment(value: bytes) -> bytes:
    return b'{"event":"%b","userId":"u","properties":{"x":%b}}' % (CANARY, value)


MANY_KEYS = b"{" + b",".join(b'"k%d":0' % n for n in range(30_000)) + b"}"

# One value inside an event that is fine apart from it.
VALUES: dict[str, tuple[bytes, tuple[int, str | None], tuple[int, str | None]]] = {
    "NaN": (b"NaN", (422, "number_out_of_range"), OK),
    "Infinity": (b"Infinity", (422, "number_out_of_range"), OK),
    "-Infinity": (b"-Infinity", (422, "number_out_of_range"), OK),
    "1e400": (b"1e400", (422, "number_out_of_range"), OK),
    "2^63": (b"9223372036854775808", (202, None), OK),
    "400 digits": (b"9" * 400, (202, None), OK),
    "5000 digits": (b"9" * 5000, (422, "number_out_of_range"), OK),
    "lone high surrogate": (rb'"\ud800"', (422, "invalid_unicode"), OK),
    "lone low surrogate": (rb'"a\udc00b"', (422, "invalid_unicode"), OK),
    "surrogates the wrong way round": (rb'"\udc00\ud800"', (422, "invalid_unicode"), OK),
    "lone surrogate in a key": (rb'{"\ud800":1}', (422, "invalid_unicode"), OK),
    "escaped NUL": (rb'"\u0000"', (422, "invalid_unicode"), OK),
    "escaped NUL in a key": (rb'{"a\u0000":1}', (422, "invalid_unicode"), OK),
    "raw NUL": (b'"\x00"', (400, "malformed_json"), (400, "malformed_json")),
    "control character": (b'"\x01"', (400, "malformed_json"), (400, "malformed_json")),
    "invalid UTF-8": (b'"\xff\xfe"', (422, "invalid_utf8"), OK),
    "surrogate in UTF-8": (b'"\xed\xa0\x80"', (422, "invalid_utf8"), OK),
    "bad escape": (rb'"\x"', (400, "malformed_json"), (400, "malformed_json")),
    "66 levels": (b"[" * 64 + b"]" * 64, (422, "too_deep"), OK),
    "66 levels behind decoys": (
        b'["]",' * 64 + b"0" + b"]" * 64, (422, "too_deep"), OK,
    ),
    "64 levels": (b"[" * 62 + b"]" * 62, (202, None), OK),
    "900 levels": (b"[" * 900 + b"]" * 900, (422, "too_deep"), OK),
    "2,000 levels": (b"[" * 2000 + b"]" * 2000, (400, "too_deep"), (400, "too_deep")),
    "200,000 levels": (b"[" * 200_000, (413, "too_many_parts"), (400, "too_many_parts")),
    "30,000 keys": (MANY_KEYS, (422, "event_too_large"), OK),
    "33 KB of text": (b'"%b"' % (b"x" * 33_000), (422, "event_too_large"), OK),
    "1 MB of text": (b'"%b"' % (b"x" * 1_000_000), (413, "body_too_large"), OK),
    "duplicate keys": (b'1,"x":2', (202, None), OK),
    "SQL": (b'"\'; DROP TABLE touchpoint; --"', (202, None), OK),
    "line breaks": (rb'"a\r\nX-Evil: 1\r\n\r\nb"', (202, None), OK),
    "format strings": (b'"%s %n {0.__class__} ${jndi:x}"', (202, None), OK),
    "deep only inside a string": (b'"%b"' % (b"[" * 3000), (202, None), OK),
    "escaped backslash before u": (rb'"\\ud800 \\u0000"', (202, None), OK),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
async def test_a_hostile_value_gets_its_answer(server: Server, name: str) -> None:
    value, wanted_native, wanted_segment = VALUES[name]

    answers = [await server.post(NATIVE, native(value)), await server.post(SEGMENT, segment(value))]

    assert [verdict(answer.status, answer.body) for answer in answers] == [
        wanted_native,
        wanted_segment,
    ]
    assert not any(CANARY in answer.raw for answer in answers)


GOOD = native(b"1")
PACKED = gzip.compress(GOOD)
GZIP = (("Content-Encoding", "gzip"),)
DEFLATE = (("Content-Encoding", "deflate"),)
BOMB = gzip.compress(b" " * 50_000_000 + CANARY)

# A whole body, by any route: (body, headers, wanted natively, wanted by Segment's route).
BODIES: dict[
    str, tuple[bytes, tuple[tuple[str, str], ...], tuple[int, str | None], tuple[int, str | None]]
] = {
    "nothing": (b"", (), (400, "empty_body"), (400, "empty_body")),
    "white space": (b" \r\n ", (), (400, "empty_body"), (400, "empty_body")),
    "null": (b"null", (), (422, "not_an_object"), (400, "invalid_batch")),
    "a string": (b'"%b"' % CANARY, (), (422, "not_an_object"), (400, "invalid_batch")),
    "a number": (b"42", (), (422, "not_an_object"), (400, "invalid_batch")),
    "array of scalars": (b'[1,"%b"]' % CANARY, (), (422, "not_an_object"), (400, "invalid_batch")),
    "text": (CANARY, (), (400, "malformed_json"), (400, "malformed_json")),
    "half an object": (GOOD[:-1], (), (400, "malformed_json"), (400, "malformed_json")),
    "trailing garbage": (GOOD + b"]", (), (400, "malformed_json"), (400, "malformed_json")),
    "form fields": (b"event=" + CANARY, (), (400, "malformed_json"), (400, "malformed_json")),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, (), (400, "not_utf8"), (400, "not_utf8")),
    "UTF-16": (GOOD.decode().encode("utf-16"), (), (400, "not_utf8"), (400, "not_utf8")),
    "UTF-16 without mark": (
        GOOD.decode().encode("utf-16-le"), (), (400, "not_utf8"), (400, "not_utf8"),
    ),
    "UTF-32": (GOOD.decode().encode("utf-32-be"), (), (400, "not_utf8"), (400, "not_utf8")),
    "gzip that is not announced": (
        PACKED, (), (400, "broken_encoding"), (400, "broken_encoding"),
    ),
    "gzip in gzip": (
        gzip.compress(PACKED), GZIP, (400, "broken_encoding"), (400, "broken_encoding"),
    ),
    "half a gzip": (PACKED[:-9], GZIP, (400, "broken_encoding"), (400, "broken_encoding")),
    "gzip and garbage": (
        PACKED + CANARY, GZIP, (400, "broken_encoding"), (400, "broken_encoding"),
    ),
    "no gzip at all": (GOOD, GZIP, (400, "broken_encoding"), (400, "broken_encoding")),
    "gzip with a wrong checksum": (
        PACKED[:-8] + b"\0" * 8, GZIP, (400, "broken_encoding"), (400, "broken_encoding"),
    ),
    "empty gzip": (gzip.compress(b""), GZIP, (400, "empty_body"), (400, "empty_body")),
    "gzip bomb": (BOMB, GZIP, (413, "body_too_large"), (400, "body_too_large")),
    "deflate bomb": (
        zlib.compress(b" " * 50_000_000), DEFLATE, (413, "body_too_large"), (400, "body_too_large"),
    ),
    "many small gzips": (
        gzip.compress(b" " * 30_000) * 250, GZIP, (413, "body_too_large"), (400, "body_too_large"),
    ),
    "no deflate at all": (GOOD, DEFLATE, (400, "broken_encoding"), (400, "broken_encoding")),
    "an unknown coding": (
        GOOD, (("Content-Encoding", "br"),),
        (415, "unsupported_encoding"), (415, "unsupported_encoding"),
    ),
    "two codings": (
        gzip.compress(PACKED), (("Content-Encoding", "gzip, gzip"),),
        (415, "unsupported_encoding"), (415, "unsupported_encoding"),
    ),
    "3,000 events": (
        b"[" + b",".join([GOOD] * 3000) + b"]", (), (413, "too_many_events"), (400, "invalid_batch"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
async def test_a_hostile_body_gets_its_answer(server: Server, name: str) -> None:
    body, headers, wanted_native, wanted_segment = BODIES[name]

    answers = [await server.post(path, body, headers) for path in (NATIVE, SEGMENT)]

    assert [verdict(answer.status, answer.body) for answer in answers] == [
        wanted_native,
        wanted_segment,
    ]
    assert not any(CANARY in answer.raw for answer in answers)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PACKED, GZIP),
        (PACKED, (("Content-Encoding", "X-GZIP"),)),
        (zlib.compress(GOOD), DEFLATE),
        (zlib.compress(GOOD, wbits=-15), DEFLATE),
        (gzip.compress(GOOD[:20]) + gzip.compress(GOOD[20:]), GZIP),
        (GOOD, (("Content-Encoding", "identity"),)),
    ],
    ids=["gzip", "x-gzip", "deflate", "raw deflate", "gzip of two members", "identity"],
)
async def test_honest_compression_passes(
    server: Server, body: bytes, headers: tuple[tuple[str, str], ...]
) -> None:
    answer = await server.post(NATIVE, body, headers)

    assert answer.status == 202


async def test_a_body_that_never_comes_is_given_up_and_others_do_not_wait(server: Server) -> None:
    answer = await server.send(server.head(NATIVE, length=100), CANARY)

    assert verdict(answer.status, answer.body) == (408, "body_timeout")
    assert answer.headers["connection"] == "close"
    assert CANARY not in answer.raw


async def test_a_body_byte_by_byte_is_given_up(server: Server) -> None:
    head = server.head(SEGMENT, length=len(GOOD))

    answer = await server.send(head, *(bytes([byte]) for byte in GOOD[:12]), pause_seconds=0.05)

    assert verdict(answer.status, answer.body) == (408, "body_timeout")


async def test_a_chunked_body_is_measured_as_it_comes(server: Server) -> None:
    head = server.head(NATIVE, [("Transfer-Encoding", "chunked")])
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    answer = await server.send(head, *[chunk] * 10, b"0\r\n\r\n")

    assert verdict(answer.status, answer.body) == (413, "body_too_large")


async def test_ten_gigabytes_announced_are_refused_before_they_are_sent(server: Server) -> None:
    head = server.head(NATIVE, [("Expect", "100-continue")], length=10_000_000_000)

    answer = await server.send(head)

    assert verdict(answer.status, answer.body) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"


async def test_a_length_beyond_all_numbers_is_refused(server: Server) -> None:
    head = server.head(NATIVE, [("Expect", "100-continue"), ("Content-Length", "9" * 18)])

    answer = await server.send(head)

    assert verdict(answer.status, answer.body) == (413, "body_too_large")


async def test_a_head_that_never_ends_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedProtocol, "head_seconds", 0.3)

    silent = await server.send()
    slow = await server.send(b"POST /v1/track HTTP/1.1\r\nX-A: %b" % CANARY)
    second = await server.send(
        b"GET /livez HTTP/1.1\r\nHost: ingest\r\n\r\nGET /livez HTTP/1.1\r\nX-A", answers=2
    )

    assert [verdict(answer.status, answer.body) for answer in (silent, slow, second)] == [
        (408, "head_timeout")
    ] * 3
    assert CANARY not in slow.raw


async def test_a_head_without_measure_is_refused(server: Server) -> None:
    line = b"X-A: " + CANARY + b"x" * 8000 + b"\r\n"

    answer = await server.send(b"POST /v1/track HTTP/1.1\r\n", *[line] * 40, pause_seconds=0.001)

    assert verdict(answer.status, answer.body) == (431, "head_too_large")
    assert CANARY not in answer.raw


async def test_connections_beyond_the_limit_are_turned_away_and_the_others_are_served(
    database_url: str,
) -> None:
    async with serving(database_url, connections=3) as server:
        idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
        full = await eventually(lambda: _full(server))
        reader, writer = idle[0]
        writer.write(server.head(NATIVE, length=len(GOOD)) + GOOD)
        served = await reader.readline()
        for _, each in idle:
            each.close()
        again = await eventually(lambda: _accepted(server))

    assert full.headers["retry-after"] == "2"
    assert served == b"HTTP/1.1 202 Accepted\r\n"
    assert again.status == 202


async def _full(server: Server) -> Response:
    answer = await server.send()
    assert verdict(answer.status, answer.body) == (503, "too_many_connections")
    return answer


async def _accepted(server: Server) -> Response:
    answer = await server.post(NATIVE, GOOD)
    assert answer.status == 202
    return answer


async def test_nothing_is_held_after_the_storm(server: Server) -> None:
    await server.post(NATIVE, BOMB, GZIP)
    await server.post(NATIVE, GOOD)

    assert server.ingest.budget.held_bytes == 0


def verdict(status: int, body: bytes) -> tuple[int, str | None]:
    """Status and the most telling code of an answer."""
    answer = json.loads(body)
    rejected = answer.get("rejected")
    return status, rejected[0]["code"] if rejected else answer.get("code")
