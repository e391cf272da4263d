"""Ingest: single events and batches of 100, natively and by Segment's API, beside the bare limit.

    python -m tests.benchmarks.bench_ingest [--log kafka|postgres] [--seconds 6]

Starts everything itself: PostgreSQL for the keys, a broker, ingest, the bare endpoint. The two ways in
carry the same touchpoints, and they and the bare endpoint take turns of a second, so that what else
the machine does meets all three. Each figure is a closed loop on this machine, with the sender and the
log beside it; the ratios, and the processor time per event, say more than the rate.
"""

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic, sleep

import msgspec

from deploy.dev.kafka import LocalKafka
from migrations.upgrade import upgrade
from services.standalone.postgres import EmbeddedPostgres
from tests.benchmarks.http_load import Load, Target, drive, together
from tests.integration.ingest.server import make_key
from tests.support.folders import postgres_folder

BATCH = 100
WANTED = {1: 10_000, BATCH: 40_000}
"""Events a second on two cores with everything on them; the reasons are in docs/decisions."""

CONNECTIONS = {1: 256, BATCH: 32}
"""A real broker answers after milliseconds: a rate of single events takes as many under way."""

SEGMENT_AT_LEAST = 0.9
"""Of the native rate; Segment's form says the same in more bytes."""

_TURN_SECONDS = 1.0
_PAUSE_SECONDS = 0.4
"""What a turn leaves under way when its time is up is not to be done in the next one's."""
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


def segment_call(number: int) -> dict[str, object]:
    """The same touchpoint, as @segment/analytics-node sends it."""
    native = event(number)
    return {
        "type": "track",
        "event": native["event"],
        "messageId": native["message_id"],
        "userId": native["user_id"],
        "anonymousId": native["anonymous_id"],
        "timestamp": native["occurred_at"],
        "properties": native["properties"],
        "context": {
            "channel": "website",
            "groupId": native["account_id"],
            "traits": native["traits"],
            "library": {"name": "@segment/analytics-node", "version": "3.1.0"},
        },
        "integrations": {},
        "_metadata": {"nodeVersion": "24.11.1", "jsRuntime": "node"},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way in, with a body for each number of events in a request."""

    module: str
    paths: Mapping[int, str]
    bodies: Mapping[int, bytes]
    has_basic_key: bool = False


_EVENTS = {
    1: msgspec.json.encode(event(1)),
    BATCH: msgspec.json.encode([event(number) for number in range(BATCH)]),
}
_CALLS = {
    1: msgspec.json.encode(segment_call(1) | {"sentAt": "2026-02-03T10:15:31.000Z"}),
    BATCH: msgspec.json.encode(
        {
            "batch": [segment_call(number) for number in range(BATCH)],
            "sentAt": "2026-02-03T10:15:31.000Z",
        }
    ),
}
_TOUCHPOINTS = dict.fromkeys((1, BATCH), "/v1/touchpoints")
WAYS = {
    "ingest": Way(module="services.ingest", paths=_TOUCHPOINTS, bodies=_EVENTS),
    "segment": Way(
        module="services.ingest",
        paths={1: "/v1/track", BATCH: "/v1/batch"},
        bodies=_CALLS,
        has_basic_key=True,
    ),
    "bare limit": Way(module="tests.benchmarks.bare_ingest", paths=_TOUCHPOINTS, bodies=_EVENTS),
}


def main() -> None:
    """Run and print."""
    options = _options()
    with ExitStack() as stack:
        environment = stack.enter_context(_surroundings(options.log))
        token = asyncio.run(make_key(environment["STAGELINE_DATABASE_URL"]))
        print(f"log: {options.log}, {options.seconds:g} s a run")  # noqa: T201
        for events in (1, BATCH):
            with ExitStack() as running:
                started = {
                    module: running.enter_context(_process(module, environment))
                    for module in dict.fromkeys(way.module for way in WAYS.values())
                }
                targets = {
                    name: _target(way, events, token, *started[way.module])
                    for name, way in WAYS.items()
                }
                loads = _in_turns(targets, options.seconds, CONNECTIONS[events])
            _report(events, loads)


def _target(way: Way, events: int, token: str, port: int, pid: int) -> Target:
    return Target(
        port=port,
        path=way.paths[events],
        token=token,
        body=way.bodies[events],
        pid=pid,
        has_basic_key=way.has_basic_key,
    )


def _in_turns(targets: Mapping[str, Target], seconds: float, connections: int) -> dict[str, Load]:
    for target in targets.values():
        drive(target, seconds=_WARM_UP_SECONDS / 2, connections=connections)
    turns: dict[str, list[Load]] = {name: [] for name in targets}
    for _ in range(round(seconds / _TURN_SECONDS)):
        for name, target in targets.items():
            turns[name].append(drive(target, seconds=_TURN_SECONDS, connections=connections))
            sleep(_PAUSE_SECONDS)
    return {name: together(loads) for name, loads in turns.items()}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--log", choices=["kafka", "postgres"], default="kafka")
    parser.add_argument("--seconds", type=float, default=6.0)
    return parser.parse_args()


def _report(events: int, loads: Mapping[str, Load]) -> None:
    lines = [f"\n{events} event(s) a request, {CONNECTIONS[events]} connections:"]
    for name, load in loads.items():
        rate = load.requests_per_second * events
        lines.append(
            f"  {name:<11}{rate:>10,.0f} events/s  {load.cpu_us_per_request / events:7.1f} us of cpu"
            f" an event  p50 {load.p50_ms:.1f} ms  p99 {load.p99_ms:.1f} ms  failed {load.failed}"
            f"  {len(WAYS[name].bodies[events])} bytes"
        )
    ours, foreign, bare = loads["ingest"], loads["segment"], loads["bare limit"]
    is_quick = ours.requests_per_second * events >= WANTED[events]
    is_near = _rate_ratio(foreign, ours) >= SEGMENT_AT_LEAST
    lines += [
        f"  ingest has {_beside(ours, bare)} of the bare limit",
        f"  wanted {WANTED[events]:,} events/s: {_met(is_quick)}",
        f"  segment has {_beside(foreign, ours)} of ingest's own form",
        f"  wanted {SEGMENT_AT_LEAST:.0%} of its rate: {_met(is_near)}",
    ]
    print("\n".join(lines))  # noqa: T201


def _met(is_met: bool) -> str:  # noqa: FBT001 - what it words
    return "reached" if is_met else "MISSED"


def _beside(load: Load, other: Load) -> str:
    work = load.cpu_us_per_request / max(other.cpu_us_per_request, 1e-9)
    return f"{_rate_ratio(load, other):.2f} of the rate and {work:.2f} times the cpu"


def _rate_ratio(load: Load, other: Load) -> float:
    return load.requests_per_second / max(other.requests_per_second, 1e-9)


@contextmanager
def _surroundings(event_log: str) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        folder = stack.enter_context(postgres_folder())
        postgres = stack.enter_context(EmbeddedPostgres(folder / "pg"))
        upgrade(postgres.url)
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
