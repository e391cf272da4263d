"""Ingest: single events and batches of 100, acknowledged by the log, beside the bare limit.

    python -m tests.benchmarks.bench_ingest [--log kafka|postgres] [--seconds 6]

Starts everything itself: PostgreSQL for the keys, a broker, ingest, the bare endpoint. Each figure is
one closed-loop run on this machine, with the sender and the log beside it; the ratio of the two, and
the processor time per event, say more than the rate.
"""

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import msgspec

from services.standalone.kafka import LocalKafka
from services.standalone.postgres import EmbeddedPostgres
from services.standalone.prepare import migrate
from tests.benchmarks.http_load import Load, Target, drive
from tests.integration.ingest_server import make_key

PATH = "/v1/touchpoints"
BATCH = 100
WANTED = {1: 10_000, BATCH: 40_000}
"""Events a second on two cores with everything on them; the reasons are in docs/decisions."""

CONNECTIONS = {1: 256, BATCH: 32}
"""A real broker answers after milliseconds: a rate of single events takes as many under way."""

_WARM_UP_SECONDS = 4.0
"""The broker compiles its code while it runs; its first seconds are not its speed."""


def event(number: int) -> dict[str, object]:
    """A touchpoint of about half a kilobyte, as a web shop sends it."""
    return {
        "event": "Product Viewed",
        "message_id": f"01936f7a-7c9e-7000-8000-{number:012d}",
        "account_id": f"account-{number % 997}",
        "user_id": f"user-{number % 4999}",
        "anonymous_id": "8a4f4f7e-2f0c-4be4-9a51-0c3d1a4d9b11",
        "occurred_at": "2026-02-03T10:15:30.123Z",
        "channel": "website",
        "properties": {
            "path": "/pricing",
            "title": "Pricing - Example",
            "referrer": "https://search.example/?q=journey",
            "plan": "pro",
            "seats": 40,
            "price": 49.5,
            "trial": True,
        },
        "traits": {"title": "CFO", "country": "NL"},
    }


def main() -> None:
    """Run and print."""
    options = _options()
    bodies = {
        1: msgspec.json.encode(event(1)),
        BATCH: msgspec.json.encode([event(number) for number in range(BATCH)]),
    }
    with ExitStack() as stack:
        environment = stack.enter_context(_surroundings(options.log))
        token = asyncio.run(make_key(environment["STAGELINE_DATABASE_URL"]))
        print(f"log: {options.log}, {options.seconds:g} s a run")  # noqa: T201
        for events, body in bodies.items():
            loads = {}
            for module in ("services.ingest", "tests.benchmarks.bare_ingest"):
                with _process(module, environment) as (port, pid):
                    target = Target(port=port, path=PATH, token=token, body=body, pid=pid)
                    drive(target, seconds=_WARM_UP_SECONDS, connections=CONNECTIONS[events])
                    loads[module] = drive(
                        target, seconds=options.seconds, connections=CONNECTIONS[events]
                    )
            _report(
                events, len(body), loads["services.ingest"], loads["tests.benchmarks.bare_ingest"]
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--log", choices=["kafka", "postgres"], default="kafka")
    parser.add_argument("--seconds", type=float, default=6.0)
    return parser.parse_args()


def _report(events: int, size: int, ours: Load, bare: Load) -> None:
    lines = [f"\n{events} event(s) a request, {size} bytes, {CONNECTIONS[events]} connections:"]
    for name, load in (("ingest", ours), ("bare limit", bare)):
        rate = load.requests_per_second * events
        lines.append(
            f"  {name:<11}{rate:>10,.0f} events/s  {load.cpu_us_per_request / events:7.1f} us of cpu"
            f" an event  p50 {load.p50_ms:.1f} ms  p99 {load.p99_ms:.1f} ms  failed {load.failed}"
        )
    rate = ours.requests_per_second * events
    ratio = ours.requests_per_second / max(bare.requests_per_second, 1e-9)
    work = ours.cpu_us_per_request / max(bare.cpu_us_per_request, 1e-9)
    lines.append(
        f"  ratio {ratio:.2f} of the limit's rate, {work:.2f} times its cpu;"
        f" wanted {WANTED[events]:,}: {'reached' if rate >= WANTED[events] else 'MISSED'}"
    )
    print("\n".join(lines))  # noqa: T201


@contextmanager
def _surroundings(event_log: str) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(EmbeddedPostgres(folder / "pg"))
        migrate(postgres.url)
        environment = {
            "STAGELINE_DATABASE_URL": postgres.url,
            "STAGELINE_EVENT_LOG": event_log,
            "STAGELINE_LOG_LEVEL": "WARNING",
        }
        if event_log == "kafka":
            broker = stack.enter_context(LocalKafka(folder / "kafka"))
            environment["STAGELINE_KAFKA_BOOTSTRAP"] = broker.bootstrap
        yield environment


@contextmanager
def _process(module: str, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, "-m", module],
        env=os.environ | environment | {"STAGELINE_PORT": str(port)},
    )
    try:
        _wait_until_it_answers(port)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _wait_until_it_answers(port: int) -> None:
    end = monotonic() + 30
    while monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2).close()
        except urllib.error.HTTPError as exc:
            if exc.code == 404:
                return
        except OSError:
            pass
        else:
            return
        sleep(0.1)
    message = f"nothing answers on port {port}"
    raise SystemExit(message)


if __name__ == "__main__":
    main()
