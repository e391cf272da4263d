"""What a hostile request costs beside what it costs to send, for every call of the document.

Processor time for each byte on the wire is compared with that of an honest event in the same process, so
the machine and its load cancel out. An event, refused or not, is charged to the rate of its source, so a
request may cost what so many honest ones cost, too. Bodies and bounds are a tenth of the defaults.
"""

import gzip
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from time import process_time

import pytest
from starlette.types import ASGIApp, Message

from services.ingest.app import create_app
from services.ingest.document import part
from services.ingest.intake import Ingest
from services.ingest.limits import Limits
from shared.sources.source import SourceKind, SourceSettings
from tests.unit.ingest.conftest import FakeDatabase

LIMITS = Limits(max_body_bytes=500_000, max_capture_bytes=600_000, max_body_parts=20_000)
BODY_BYTES = 400_000

WORST_RATIO = 50.0
"""The largest ratio measured without a key is 16; the rest is room for a busy machine."""

PLACEHOLDERS = {
    "provider": "generic",
    "source_id": "hook",
    "person": "user:leah",
    "account_id": "acme",
    "write_key": "sl_wk_0123456789ab_0",
    "name": "recorder.js",
}
_HEAD_BYTES = 150
"""Request line and host, which no sender can leave out."""


def repeated(unit: bytes, *, between: bytes = b",") -> bytes:
    """As many of `unit` as fill a body."""
    return between.join([unit] * (BODY_BYTES // (len(unit) + len(between))))


def numbered(form: bytes) -> bytes:
    """As many different units as fill a body."""
    return b",".join(form % number for number in range(BODY_BYTES // (len(form) + 5)))


def with_text(text: bytes) -> bytes:
    return (
        b'{"event":"A","user_id":"u","userId":"u","distinct_id":"u","properties":{"a":"%b"}}' % text
    )


BODIES: dict[str, Callable[[], bytes]] = {
    "empty arrays in an event": lambda: b'{"event":"A","properties":{"a":[%b]}}' % repeated(b"[]"),
    "as many parts as pass": lambda: b'{"event":"A","properties":{"a":[%b]}}' % b",".join([b"0"] * 19_900),
    "empty events": lambda: b'{"batch":[%b]}' % repeated(b"{}"),
    "short events": lambda: b'{"batch":[%b]}' % b",".join(
        b'{"event":"A","type":"track","userId":"%d","distinct_id":"%d"}' % (n, n) for n in range(2_400)
    ),
    "an array of native events": lambda: b"[%b]" % b",".join(
        b'{"event":"A","user_id":"%d"}' % n for n in range(2_400)
    ),
    "blank lines": lambda: b'{"event":"A"}' + b"\n" * BODY_BYTES,
    "different keys": lambda: b"{%b}" % numbered(b'"k%d":0'),
    "deep": lambda: b'{"a":' + b"[" * 19_000,
    "blanks": lambda: b" " * BODY_BYTES,
    "halves of surrogate pairs": lambda: b'{"event":"%b"}' % repeated(rb"\ud800", between=b""),
    "beginnings of keys": lambda: b'{"a":"%b"}' % repeated(b"sl_wk_", between=b""),
    "keys that do not exist": lambda: b'{"a":["%b"]}' % numbered(b"sl_wk_%d_0"),
    "one long key": lambda: b'{"api_key":"sl_wk_%b_0"}' % repeated(b"a", between=b""),
    "short addresses": lambda: with_text(repeated(b"a.a.a.@", between=b"")),
    "one address and no end": lambda: with_text(b"@" + repeated(b"a-", between=b"")),
    "an address of full stops": lambda: with_text(b"a@" + repeated(b".", between=b"")),
}  # fmt: skip


@cache
def packed(name: str) -> bytes:
    """The body as small as a sender can make it, but no bomb: a comment of gzip fills it up."""
    body = BODIES[name]()
    small = gzip.compress(body)
    comment = b"c" * max(0, len(body) // 100 - len(small)) + b"\0"
    return small[:3] + b"\x10" + small[4:10] + comment + small[10:]


@pytest.fixture
def limits() -> Limits:
    return LIMITS


@pytest.fixture
def app(ingest: Ingest, database: FakeDatabase) -> ASGIApp:
    database.bind(SourceSettings(), kind=SourceKind.GENERIC, source_id="hook")
    return create_app(ingest)


def calls() -> Iterator[tuple[str, str]]:
    for path, operations in part(LIMITS).paths.items():
        for method in operations:
            if method in {"post", "get"}:
                yield method.upper(), path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one request cost the service, and its sender."""

    seconds: float
    sent_bytes: int
    status: int


async def cost(
    app: ASGIApp, method: str, path: str, body: bytes, headers: Mapping[str, str]
) -> Cost:
    """Measure one request."""
    messages: list[Message] = []
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "headers": raw, "root_path": "",
        "scheme": "http", "server": ("ingest", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    started = process_time()
    await app(scope, receive, send)
    seconds = process_time() - started
    size = _HEAD_BYTES + len(path) + len(body) + sum(len(a) + len(b) + 4 for a, b in raw)
    return Cost(seconds=seconds, sent_bytes=size, status=messages[0]["status"])


async def honest_cost(app: ASGIApp, bearer: Mapping[str, str]) -> Cost:
    """The median of single events."""
    event = {
        "event": "Demo Requested", "account_id": "acme", "user_id": "leah",
        "message_id": "00000000-0000-0000-0000-000000000000", "properties": {"plan": "team"},
    }  # fmt: skip
    body = json.dumps(event).encode()
    runs = [await cost(app, "POST", "/v1/touchpoints", body, bearer) for _ in range(300)]
    assert {run.status for run in runs} == {202}
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


def charged(ingest: Ingest) -> float:
    """Events so far that were charged to a rate."""
    metrics = (ingest.metrics.ingest_accepted, ingest.metrics.ingest_refused)
    families = (family for metric in metrics for family in metric.collect())
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name.endswith("_total")
    )


async def ratio(ingest: Ingest, honest: Cost, request: Callable[[], Awaitable[Cost]]) -> float:
    """Times that a request costs more than its bytes, or its events, would in honest requests."""
    before = charged(ingest)
    cheapest = min([await request() for _ in range(2)], key=lambda run: run.seconds)
    requests = max(cheapest.sent_bytes / honest.sent_bytes, (charged(ingest) - before) / 2)
    return cheapest.seconds / (requests * honest.seconds)


@pytest.mark.parametrize("has_key", [False, True], ids=["keyless", "by the public key"])
@pytest.mark.parametrize("call", list(calls()), ids=" ".join)
async def test_no_request_costs_much_more_than_it_costs_to_send(
    app: ASGIApp, ingest: Ingest, database: FakeDatabase, call: tuple[str, str], *, has_key: bool
) -> None:
    bearer = database.bind(
        SourceSettings(hash_fields=("email",), events_per_second=1e9), source_id="page"
    )
    headers = {"Content-Encoding": "gzip", **(bearer if has_key else {})}
    honest = await honest_cost(app, bearer)
    method, path = call[0], call[1].format(**PLACEHOLDERS)

    ratios = {
        name: await ratio(ingest, honest, partial(cost, app, method, path, packed(name), headers))
        for name in BODIES
    }

    assert {name: ratio for name, ratio in ratios.items() if ratio > WORST_RATIO} == {}
