"""What hostile senders cost a process in memory: measured on the process itself."""

import asyncio
import contextlib
import gzip
import json
import secrets
import zlib
from collections import Counter
from pathlib import Path

import httpx

from tests.integration.ingest.test_process import running
from tests.support.processes import ServiceProcess

MB = 1_000_000
LIMIT_BYTES = 500_000
"""Of a body, as it is by default."""
HELD_BYTES = 8 * MB
NATIVE = "/v1/touchpoints"
EVENT = {"event": "Plan Chosen", "user_id": "u"}
_SAFETY_SECONDS = 60

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def resident_bytes(ingest: ServiceProcess) -> int:
    """Memory that the process holds, as its kernel counts."""
    status = Path(f"/proc/{ingest.process.pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


async def posted(
    client: httpx.AsyncClient, body: bytes, encoding: str = "gzip"
) -> tuple[int, str | None]:
    answer = await client.post(NATIVE, content=body, headers={"Content-Encoding": encoding})
    return answer.status_code, answer.json().get("code")


async def warmed(client: httpx.AsyncClient) -> None:
    """Let it allocate what it always needs: large bodies and small ones, good and bad."""
    events = [{**EVENT, "properties": {"x": secrets.token_hex(10_000)}} for _ in range(20)]
    text = json.dumps(events).encode()
    for _ in range(5):
        assert (await posted(client, gzip.compress(text)))[0] == 202
        assert (await posted(client, gzip.compress(b" " * 2 * LIMIT_BYTES)))[0] == 413
        assert (await client.post(NATIVE, json=EVENT)).status_code == 202


async def test_bombs_cost_less_than_two_honest_bodies(database_url: str, tmp_path: Path) -> None:
    spaces = b" " * 50 * MB
    bombs: dict[tuple[bytes, str], tuple[int, str]] = {
        (gzip.compress(spaces), "gzip"): (413, "body_too_large"),
        (zlib.compress(spaces), "deflate"): (413, "body_too_large"),
        (gzip.compress(gzip.compress(spaces)), "gzip"): (400, "broken_encoding"),
        (gzip.compress(spaces)[:-9], "gzip"): (413, "body_too_large"),
        # Ten thousand members with nothing in them.
        (gzip.compress(b"") * 10_000, "gzip"): (400, "broken_encoding"),
    }
    async with running(database_url, tmp_path, STAGELINE_LOG_LEVEL="ERROR") as (ingest, client):
        await warmed(client)
        before = resident_bytes(ingest)

        for (bomb, encoding), wanted in bombs.items():
            assert [await posted(client, bomb, encoding) for _ in range(20)] == [wanted] * 20

        assert resident_bytes(ingest) - before < 2 * LIMIT_BYTES


async def connected(client: httpx.AsyncClient, announced: int, sent: int) -> Stream:
    """A sender of a large body that stops in the middle."""
    url = client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"POST {NATIVE} HTTP/1.1\r\nHost: ingest\r\nContent-Length: {announced}\r\n"
        f"Authorization: {client.headers['authorization']}\r\n\r\n"
    )
    writer.write(head.encode() + b" " * sent)
    await writer.drain()
    return reader, writer


async def dribbled(stream: Stream) -> int:
    """Send a byte now and then until there is an answer; its status."""
    reader, writer = stream
    try:
        async with asyncio.timeout(_SAFETY_SECONDS):
            while True:
                try:
                    async with asyncio.timeout(0.5):
                        return int((await reader.readuntil(b"\r\n")).split()[1])
                except TimeoutError:
                    with contextlib.suppress(ConnectionError):
                        writer.write(b" ")
    finally:
        writer.close()


async def test_a_thousand_slow_clients_are_held_cheaply_and_then_cut_off_and_others_served(
    database_url: str, tmp_path: Path
) -> None:
    async with running(
        database_url, tmp_path, STAGELINE_LOG_LEVEL="ERROR", STAGELINE_BODY_TIMEOUT_SECONDS="4"
    ) as (ingest, client):
        await warmed(client)
        before = resident_bytes(ingest)

        slow = [await connected(client, 400_000, 100) for _ in range(1_000)]
        served = [(await client.post(NATIVE, json=EVENT)).status_code for _ in range(20)]
        grown = resident_bytes(ingest) - before
        cut_off = Counter(await asyncio.gather(*map(dribbled, slow)))

        assert served == [202] * 20
        assert cut_off == {408: 1_000}
        # 15 KB each when this was written: sockets, parsers, tasks.
        assert grown < 40 * MB


async def test_bodies_that_never_end_hold_no_more_than_all_bodies_may(
    database_url: str, tmp_path: Path
) -> None:
    async with running(
        database_url,
        tmp_path,
        STAGELINE_LOG_LEVEL="ERROR",
        STAGELINE_BODY_TIMEOUT_SECONDS="4",
        STAGELINE_MAX_HELD_BYTES=str(HELD_BYTES),
    ) as (ingest, client):
        await warmed(client)
        before = resident_bytes(ingest)

        # 120 MB altogether.
        slow = [await connected(client, 400_000, 399_000) for _ in range(300)]
        grown = resident_bytes(ingest) - before
        answers = Counter(await asyncio.gather(*map(dribbled, slow)))
        afterwards = (await client.post(NATIVE, json=EVENT)).status_code

        assert set(answers) <= {408, 503}
        assert sum(answers.values()) == 300
        assert afterwards == 202
        # Beside what is held: 300 connections, and what the allocator keeps.
        assert grown < 3 * HELD_BYTES
