"""End to end: batches in by HTTP, stage visible in Postgres, beside a bare path of the same shape.

    python -m tests.benchmarks.bench_end_to_end [--log kafka|postgres] [--events 150000]

Two figures. Sustained: all events posted as fast as they are taken, timed until the last one is
applied. Latency: single events at a steady pace, timed from the request to the moment at which
GET /v1/stage answers for their account. Ingest, log, stager, Postgres, api and sender share the
machine. The bare path (bare_ingest, bare_stager) decodes, appends, reads and writes the same rows
and decides nothing.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

import httpx
import msgspec
import uvloop

from deploy.dev.kafka import LocalKafka
from migrations.upgrade import upgrade
from services.standalone.postgres import EmbeddedPostgres
from shared.keys.token import KeyKind
from shared.maps import templates
from shared.storage.connect import DatabaseRole, connect
from tests.benchmarks.bench_ingest import event as half_a_kilobyte
from tests.benchmarks.http_load import post_all
from tests.integration.ingest.server import make_key
from tests.support.database import execute, with_database
from tests.support.folders import postgres_folder

BATCH = 100
CONNECTIONS = 8
WANTED_RATE = 15_000
WANTED_P99_MS = 250
PACE_PER_SECOND = 1_000
PROBES = 200


def event(number: int) -> dict[str, object]:
    """A touchpoint that happens now, of one of two people of one of five thousand accounts."""
    account, person = number % 5_000, number // 5_000 % 2
    return {
        **half_a_kilobyte(number),
        "account_id": f"account-{account}",
        "user_id": f"user-{account}-{person}",
        "anonymous_id": f"browser-{account}-{person}",
        "occurred_at": None,
    }


def bodies(events: int) -> list[bytes]:
    """Batches of unique events over five thousand accounts."""
    return [
        msgspec.json.encode([event(number) for number in range(first, first + BATCH)])
        for first in range(0, events, BATCH)
    ]


@contextmanager
def process(module: str, environment: dict[str, str], log: Path) -> Iterator[int]:
    """One of our processes on a port of its own; answers the port once it listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", module],
            env=os.environ | environment | {"STAGELINE_PORT": str(port)},
            stdout=output,
            stderr=output,
        )
    try:
        yield port
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=30)


async def until_ready(*ports: int) -> None:
    """Wait until every port answers HTTP at all."""
    async with httpx.AsyncClient() as client:
        for port in ports:
            for _ in range(600):
                with contextlib.suppress(httpx.HTTPError):
                    answer = await client.get(f"http://127.0.0.1:{port}/readyz")
                    if answer.status_code in {200, 404}:
                        break
                await asyncio.sleep(0.1)
            else:
                message = f"nothing answers on port {port}"
                raise SystemExit(message)


async def applied(url: str) -> int:
    """Events that the stager has stored."""
    connection = await connect(url, role=DatabaseRole.OWNER, application_name="benchmark")
    try:
        return int(
            await connection.fetchval("SELECT coalesce(sum(applied), 0) FROM consumer_offset")
        )
    finally:
        await connection.close()


async def sustained(url: str, port: int, token: str, batches: list[bytes]) -> float:
    """Events a second from the first request to the last event stored."""
    before = await applied(url)
    wanted = before + len(batches) * BATCH
    began = perf_counter()
    await post_all(port, "/v1/touchpoints", token, batches, connections=CONNECTIONS)
    posted = perf_counter() - began
    while await applied(url) < wanted:  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(0.02)
    seconds = perf_counter() - began
    print(f"    posted in {posted:.1f} s, stored in {seconds:.1f} s")  # noqa: T201
    return len(batches) * BATCH / seconds


async def latency(ingest: int, api: int, write: str, secret: str) -> list[float]:
    """Milliseconds from the request of a probe to its stage being visible, under a steady pace."""
    times: list[float] = []
    pause = BATCH / 10 / PACE_PER_SECOND
    stop = asyncio.Event()

    async def background(client: httpx.AsyncClient) -> None:
        number = 50_000_000
        due = perf_counter()
        while not stop.is_set():
            body = msgspec.json.encode([event(number + each) for each in range(BATCH // 10)])
            number += BATCH // 10
            await client.post(
                f"http://127.0.0.1:{ingest}/v1/touchpoints", content=body, headers=_bearer(write)
            )
            due += pause
            await asyncio.sleep(max(0.0, due - perf_counter()))

    async with httpx.AsyncClient(timeout=30) as client, asyncio.TaskGroup() as group:
        group.create_task(background(client))
        for number in range(PROBES):
            account = f"probe-{number}"
            began = perf_counter()
            await client.post(
                f"http://127.0.0.1:{ingest}/v1/touchpoints",
                json={"event": "Demo Requested", "account_id": account},
                headers=_bearer(write),
            )
            while (  # noqa: ASYNC110 - another process does it
                await client.get(
                    f"http://127.0.0.1:{api}/v1/stage",
                    params={"account_id": account},
                    headers=_bearer(secret),
                )
            ).status_code != 200:
                await asyncio.sleep(0.002)
            times.append((perf_counter() - began) * 1000)
        stop.set()
    return sorted(times)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def ours(environment: dict[str, str], url: str, batches: list[bytes], log: Path) -> float:
    """Sustained rate and latency of the product."""
    # The map keeps contracts from write keys.
    secret = await make_key(url, KeyKind.SECRET)
    with ExitStack() as stack:
        ingest, stager, api = (
            stack.enter_context(process(f"services.{name}", environment, log))
            for name in ("ingest", "stager", "api")
        )
        await until_ready(ingest, stager, api)
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"http://127.0.0.1:{api}/v1/journeys",
                content=templates.read("b2b-jtbd-7"),
                headers=_bearer(secret) | {"Content-Type": "application/yaml"},
            )
            answer.raise_for_status()
        rate = await sustained(url, ingest, secret, batches)
        times = await latency(ingest, api, secret, secret)
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    print(  # noqa: T201
        f"  request to visible at {PACE_PER_SECOND:,} events/s: p50 {p50:.0f} ms, p99 {p99:.0f} ms;"
        f" wanted p99 under {WANTED_P99_MS}: {'reached' if p99 < WANTED_P99_MS else 'MISSED'}"
    )
    return rate


async def bare(environment: dict[str, str], url: str, batches: list[bytes], log: Path) -> float:
    """Sustained rate of the bare path."""
    with ExitStack() as stack:
        ingest = stack.enter_context(process("tests.benchmarks.bare_ingest", environment, log))
        await until_ready(ingest)
        stack.enter_context(process("tests.benchmarks.bare_stager", environment, log))
        return await sustained(url, ingest, "none", batches)


async def measure(options: argparse.Namespace, folder: Path, server: str) -> None:
    """Both sides, each on a broker and a database of its own."""
    batches = bodies(options.events)
    rates: dict[str, float] = {}
    for name, side in (("bare", bare), ("ours", ours)):
        await execute(server, f'CREATE DATABASE "{name}"')
        url = with_database(server, name)
        await asyncio.to_thread(upgrade, url)
        environment = {
            "STAGELINE_DATABASE_URL": url,
            "STAGELINE_EVENT_LOG": options.log,
            "STAGELINE_LOG_LEVEL": "WARNING",
        }
        with ExitStack() as stack:
            if options.log == "kafka":
                broker = stack.enter_context(LocalKafka(folder / f"kafka-{name}"))
                environment["STAGELINE_KAFKA_BOOTSTRAP"] = broker.bootstrap
            print(f"  {name}:")  # noqa: T201
            rates[name] = await side(environment, url, batches, folder / f"{name}.log")
    reached = "reached" if rates["ours"] >= WANTED_RATE else "MISSED"
    print(  # noqa: T201
        f"  sustained {rates['ours']:,.0f} events/s, bare path {rates['bare']:,.0f},"
        f" ratio {rates['ours'] / rates['bare']:.2f}; wanted {WANTED_RATE:,}: {reached}"
    )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--log", choices=["kafka", "postgres"], default="kafka")
    parser.add_argument("--events", type=int, default=150_000)
    options = parser.parse_args()
    with (
        postgres_folder() as folder,
        EmbeddedPostgres(folder / "pg") as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        print(f"end to end over {options.log}, {options.events:,} events in batches of {BATCH}")  # noqa: T201
        runner.run(measure(options, folder, server.url))


if __name__ == "__main__":
    main()
