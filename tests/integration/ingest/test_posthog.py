"""PostHog's calls on a real server and log: hostile bodies, memory, two sends, and the page's snippet."""

import asyncio
import base64
import gzip
import json
import os
import shutil
import subprocess
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.contracts.message_ids import as_sent
from tests.compat.snippets import snippet
from tests.conftest import require
from tests.integration.ingest.server import Server, serving, stored

_MEGABYTE = 1_000_000
_LIMIT = 2 * _MEGABYTE
BOMB = gzip.compress(b" " * 100 * _MEGABYTE)
ARMOURED = b"data=" + base64.b64encode(BOMB)


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    async with serving(database_url, max_capture_bytes=_LIMIT) as server:
        yield server


def event(**more: Any) -> dict[str, Any]:
    return {"event": "A", "distinct_id": "leah", **more}


BODIES: dict[str, tuple[bytes, tuple[tuple[str, str], ...], tuple[int, str]]] = {
    "a bomb by header": (BOMB, (("Content-Encoding", "gzip"),), (413, "body_too_large")),
    "a bomb without a header": (BOMB, (), (413, "body_too_large")),
    "a bomb in a form": (ARMOURED, (), (413, "body_too_large")),
    "a bomb within a bomb": (gzip.compress(BOMB), (), (400, "broken_encoding")),
    "a million empty members": (
        gzip.compress(b"", mtime=0) * 50_000, (), (400, "broken_encoding"),
    ),
    "ten megabytes": (b"[" + b" " * 10 * _MEGABYTE + b"]", (), (413, "body_too_large")),
    "a form of nothing but percent signs": (b"data=" + b"%" * _MEGABYTE, (), (400, "broken_encoding")),
    "a form of nothing but fields": (b"&" * _MEGABYTE, (), (400, "malformed_json")),
    "UTF-16": ('{"event":"A"}'.encode("utf-16"), (), (400, "not_utf8")),
    "a tower of arrays": (b"[" * _MEGABYTE, (), (413, "too_many_parts")),
    "NaN around the events": (b'{"batch":[],"sent_at":NaN}', (), (400, "invalid_batch")),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
async def test_a_hostile_body_gets_its_answer(server: Server, name: str, database_url: str) -> None:
    body, headers, wanted = BODIES[name]

    answer = await server.post("/batch/", body, headers)

    body = json.loads(answer.body)
    assert (answer.status, body["code"]) == wanted
    assert set(body) == {"code", "detail"}
    assert server.ingest.budget.held_bytes == 0
    assert await stored(database_url) == []


@pytest.mark.parametrize("name", ["a bomb without a header", "a bomb in a form"])
async def test_a_bomb_costs_no_more_than_twice_the_limit(server: Server, name: str) -> None:
    body, headers, _ = BODIES[name]
    await server.post("/batch/", body, headers)  # whatever is made once is made now

    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await server.post("/batch/", body, headers)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most - before < 2 * _LIMIT


VALUES = {
    "NaN": b"NaN",
    "an infinite number": b"1e400",
    "a number beyond 64 bits": b"9223372036854775808",
    "NUL": rb'"\u0000"',
    "half of a pair": rb'"\ud800"',
    "broken UTF-8": b'"\xff"',
    "seventy arrays": b"[" * 70 + b"]" * 70,
    "a thousand objects": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "much": b'"' + b"x" * 100_000 + b'"',
}
_PLACES = [
    b'"properties":{"x":%b}',
    b'"properties":{"$groups":{"company":%b}}',
    b'"properties":{"$set":{"email":%b}}',
    b'"properties":{"$ip":%b}',
    b'"$set_once":%b',
    b'"uuid":%b',
    b'"timestamp":%b',
    b'"offset":%b',
    b'"options":%b',
]


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("path", ["/batch/", "/i/v1/analytics/events"])
async def test_a_hostile_value_refuses_its_event_at_most(
    server: Server, name: str, path: str, database_url: str
) -> None:
    """It never fails here, never comes back, and keeps no other event out of a body that is JSON."""
    for place in _PLACES:
        hostile = b'{"event":"B","distinct_id":"leah",%b}' % (place % VALUES[name])
        body = b'{"batch":[{"event":"A","distinct_id":"leah"},%b]}' % hostile

        answer = await server.post(path, body)

        assert answer.status in {200, 400}, place
        # A long number is a text, so as a `uuid` it names its event in the answer.
        if name != "a number beyond 64 bits":
            assert VALUES[name][:200] not in answer.body

    events = [envelope.event for envelope in await stored(database_url)]
    is_json = name != "a thousand objects"
    assert events.count("A") == (len(_PLACES) if is_json else 0)


async def test_what_is_sent_again_has_the_same_id(server: Server, database_url: str) -> None:
    body = json.dumps({"batch": [event(uuid="u-1"), event(uuid="u-2")]}).encode()

    for _ in range(2):
        assert (await server.post("/batch/", body)).status == 200

    ids = [as_sent(envelope.message_id) for envelope in await stored(database_url)]
    assert sorted(ids) == ["u-1", "u-1", "u-2", "u-2"]


async def test_the_pages_command_sends_two_events(server: Server, database_url: str) -> None:
    require(available=shutil.which("curl") is not None, reason="cannot send by hand: no curl")
    environ = os.environ | {
        "STAGELINE_URL": f"http://127.0.0.1:{server.port}",
        "STAGELINE_WRITE_KEY": server.write_key,
    }

    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-c", snippet("posthog-curl").text],
        env=environ,
        capture_output=True,
        check=True,
        timeout=30,
    )

    assert done.stdout.strip() == snippet("posthog-curl-answer").text.strip().encode()
    by_event = {envelope.event: envelope for envelope in await stored(database_url)}
    assert by_event["Demo Requested"].account_id == "posthog-acme"
    assert by_event["Person Identified"].anonymous_id == "7f3a"
    assert by_event["Person Identified"].email == "leah@posthog.example"
