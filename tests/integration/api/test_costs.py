"""What a hostile request costs the api beside what it costs to send, for every call of its document.

Processor time of this process for each byte on the wire is compared with that of an honest stage query,
so the machine and its load cancel out. Time of the database is not part of it. The largest bodies are a
fifth of the largest that a call takes.
"""

import gc
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import process_time
from typing import Any
from urllib.parse import quote

import pytest
from starlette.types import Message

from services.api.document import part
from shared.keys.principal import SCOPES_OF_KIND
from shared.keys.token import KeyKind
from shared.process.collector import tune_collector
from tests.integration.api.world import World, api_world
from tests.support.database import fresh_database

WORST_RATIO = 8.0
"""The largest ratio that was measured is 3; the rest is room for a busy machine."""
WORST_RATIO_OF_MAPS = 50.0
"""Maps are compiled, in a thread: the largest ratio, 18, is the preview of 6,000 conditions."""

_HEAD_BYTES = 150
"""Request line and host, which no sender can leave out."""
_MAX_ADDRESS_BYTES = 50_000
"""Below the limit of a request's head, which the server in front of the application has."""

PLACEHOLDERS = {
    "account_id": "acme",
    "alert_id": "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11",
    "journey": "sales",
    "source_id": "src_website",
    "secret_id": "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11",
    "key_id": "0123456789ab",
    "person": "email:ann@other.example",
    "workspace_id": "2",
}

KEYS = ["none", "write", "full"]
_MOST_BODY_BYTES = 100_000


def filled(size: int, form: bytes, around: bytes, *, between: bytes = b",") -> bytes:
    """As many of `form` as fill a body, each with its number if it has room for one."""
    count = size // (len(form) + len(between) + 3)
    units = (form.replace(b"%d", b"%d" % number) for number in range(count))
    return around.replace(b"...", between.join(units))[:size]


JSON_BODIES: dict[str, Callable[[int], bytes]] = {
    "empty arrays": lambda size: filled(size, b"[]", b'{"a":[...]}'),
    "an array of empty objects": lambda size: filled(size, b"{}", b"[...]"),
    "unknown fields": lambda size: filled(size, b'"key%d":0', b"{...}"),
    "unknown fields near known ones": lambda size: filled(size, b'"subject%d":0', b"{...}"),
    "the same field": lambda size: filled(size, b'"reason":"a"', b"{...}"),
    "subjects of no form": lambda size: filled(size, b"{}", b'{"subjects":[...]}'),
    "subjects": lambda size: filled(size, b'{"account_id":"%d"}', b'{"subjects":[...]}'),
    "values of no form": lambda size: filled(size, b"0", b'{"values":[...]}'),
    "deep": lambda size: b'{"a":' + b"[" * (size - 5),
    "deep and closed": lambda size: b'{"a":' + b"[" * (size // 2 - 6) + b"]" * (size // 2 - 6) + b"}",
    "blanks": lambda size: b" " * size,
    "a number without end": lambda size: b'{"a":' + b"9" * (size - 6) + b"}",
    "halves of surrogate pairs": lambda size: filled(size, rb"\ud800", b'{"reason":"..."}', between=b""),
    "a text": lambda size: b'{"name":"' + b"a" * (size - 11) + b'"}',
    "settings": lambda size: filled(
        size, b'"path%d"', b'{"name":"a","kind":"web","settings":{"deny_properties":[...]}}'
    ),
    "unknown settings": lambda size: filled(
        size, b'"key%d":0', b'{"name":"a","kind":"web","settings":{...}}'
    ),
    "a mapping": lambda size: filled(
        size,
        b'{"event":"A%d","when":"a.b == 1"}',
        b'{"name":"a","kind":"generic","settings":{"mapping":{"rules":[...]}}}',
    ),
}  # fmt: skip

MAPS: dict[str, Callable[[int], bytes]] = {
    "aliases of YAML": lambda size: filled(size, b"- &a%d [*a0]", b"a: &a0 []\nb:\n...", between=b"\n"),
    "deep YAML": lambda size: b"a: " + b"[" * (size - 3),
    "indented YAML": lambda size: b"".join(b" " * n + b"a:\n" for n in range(1_000))[:size],
    "keys of YAML": lambda size: filled(size, b"k%d: 0", b"...", between=b"\n"),
    "stages": lambda size: filled(
        size,
        b"  - {key: s%d, title: S, owner: o, enter: {event: E%d}}",
        b"journey: j\ntitle: J\nsubject: account\nstages:\n...",
        between=b"\n",
    ),
    "stages of no form": lambda size: filled(
        size, b"  - {}", b"journey: j\ntitle: J\nsubject: account\nstages:\n...", between=b"\n"
    ),
    "conditions": lambda size: filled(
        size,
        b"{event: E%d}",
        b"journey: j\ntitle: J\nsubject: account\nstages:\n  - {key: a, title: A, owner: o}\n"
        b"  - {key: b, title: B, owner: o, enter: {any: [...]}}\n",
    ),
}  # fmt: skip

ADDRESSES: dict[str, Callable[[], bytes]] = {
    "one long value": lambda: b"cursor=" + b"a" * _MAX_ADDRESS_BYTES,
    "a cursor": lambda: b"cursor=" + b"AQ" * 4_096,
    "many names": lambda: b"&".join(b"a%d=" % n for n in range(8_000))[:_MAX_ADDRESS_BYTES],
    "many names near known ones": lambda: b"&".join(b"journe%d=" % n for n in range(4_000)),
    "the same name": lambda: b"&".join([b"limit=1"] * 6_000),
    "separators": lambda: b"&" * _MAX_ADDRESS_BYTES,
    "escapes": lambda: b"journey=" + b"%41" * (_MAX_ADDRESS_BYTES // 3),
    "digits": lambda: b"limit=" + b"9" * _MAX_ADDRESS_BYTES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operation of the document."""

    method: str
    path: str
    parameters: tuple[str, ...]
    """Of its path."""
    max_body_bytes: int
    """0: it takes none."""
    bodies: Mapping[str, Callable[[int], bytes]]


def calls() -> Iterator[Call]:
    for path, operations in part().paths.items():
        for method, described in operations.items():
            body: dict[str, Any] = described.get("requestBody", {})
            limit = re.search(r"At most (\d+) bytes", body.get("description", "At most 0 bytes"))
            assert limit is not None, path
            takes_maps = "application/yaml" in body.get("content", {})
            yield Call(
                method=method.upper(),
                path=path,
                parameters=tuple(re.findall(r"\{(\w+)\}", path)),
                max_body_bytes=int(limit[1]),
                bodies={**JSON_BODIES, **MAPS} if takes_maps else JSON_BODIES,
            )


CALLS = list(calls())


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it is sent."""

    method: str
    path: str
    query: bytes = b""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one request cost the service, and its sender, who receives the response, too."""

    seconds: float
    wire_bytes: int
    status: int


async def cost(world: World, request: Request) -> Cost:
    """Measure one request."""
    messages: list[Message] = []
    raw = [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    raw.append((b"content-length", b"%d" % len(request.body)))
    raw_path = quote(request.path).encode()
    scope = {
        "type": "http", "http_version": "1.1", "method": request.method, "path": request.path,
        "raw_path": raw_path, "query_string": request.query, "headers": raw, "root_path": "",
        "scheme": "http", "server": ("api", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    started = process_time()
    await world.app(scope, receive, send)
    seconds = process_time() - started
    size = _HEAD_BYTES + len(raw_path) + len(request.query) + len(request.body)
    size += sum(len(name) + len(value) + 4 for name, value in raw)
    size += sum(len(message.get("body", b"")) for message in messages)
    return Cost(seconds=seconds, wire_bytes=size, status=messages[0]["status"])


def hostile(call: Call, *, is_thorough: bool) -> Iterator[tuple[str, Request]]:
    """Requests to one call: bodies as large as it takes, and beyond; long queries; long paths.

    Without `is_thorough` few of the bodies, for senders whose body must not be read at all.
    """
    path = call.path.format(**PLACEHOLDERS)
    if call.max_body_bytes:
        for name, body in list(call.bodies.items())[: None if is_thorough else 4]:
            content = body(min(call.max_body_bytes, _MOST_BODY_BYTES))
            yield f"body: {name}", Request(method=call.method, path=path, body=content)
        beyond = b"[" * (4 * call.max_body_bytes)
        yield "a body beyond the limit", Request(method=call.method, path=path, body=beyond)
    for name, query in ADDRESSES.items():
        yield f"query: {name}", Request(method=call.method, path=path, query=query())
    for parameter in call.parameters:
        for text in ("a" * _MAX_ADDRESS_BYTES, "email:" + "@" * 20_000, "/" * _MAX_ADDRESS_BYTES):
            long = call.path.format(**{**PLACEHOLDERS, parameter: text})
            yield f"path: {text[:8]}", Request(method=call.method, path=long)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The api with its keys, and the cost of an honest request."""

    world: World
    operator: str
    honest: Cost

    def token(self, key: str, path: str) -> str | None:
        """A key of a kind; the full one holds the scope of the call."""
        full = self.operator if path.startswith("/v1/workspaces") else self.world.secret
        return {"write": self.world.write, "full": full}.get(key)


async def honest_cost(world: World) -> Cost:
    """The median of stage queries."""
    request = Request(
        method="GET", path="/v1/stage", query=b"account_id=acme", headers=bearer(world.secret)
    )
    runs = [await cost(world, request) for _ in range(200)]
    assert {run.status for run in runs} == {200}
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def collector() -> Iterator[None]:
    """The collector as every process has it: a full collection would cost more than a request."""
    before = gc.get_threshold()
    tune_collector()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.fixture(scope="module")
async def scene(
    collector: None,  # noqa: ARG001 - tuned before anything is measured
    postgres_url: str,
    template_database: str,
) -> AsyncIterator[Scene]:
    async with (
        fresh_database(postgres_url, template=template_database) as url,
        api_world(url) as world,
    ):
        await world.subject("acme")
        await world.placement("acme")
        operator = await world.key(*SCOPES_OF_KIND[KeyKind.OPERATOR])
        yield Scene(world=world, operator=operator, honest=await honest_cost(world))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
async def test_no_request_costs_the_api_much_more_than_it_costs_to_send(
    scene: Scene, call: Call, key: str
) -> None:
    ratios: dict[str, float] = {}
    for name, request in hostile(call, is_thorough=key == "full"):
        sent = replace(request, headers=bearer(scene.token(key, call.path)))
        cheapest = min(
            [await cost(scene.world, sent) for _ in range(2)], key=lambda run: run.seconds
        )
        assert cheapest.status < 500, name
        requests = max(1.0, cheapest.wire_bytes / scene.honest.wire_bytes)
        ratios[name] = cheapest.seconds / (requests * scene.honest.seconds)

    worst = WORST_RATIO_OF_MAPS if call.bodies is not JSON_BODIES else WORST_RATIO
    assert {name: ratio for name, ratio in ratios.items() if ratio > worst} == {}


def test_every_call_that_takes_a_body_is_sent_some() -> None:
    with_body = {call.path for call in CALLS if call.max_body_bytes}

    assert len(with_body) >= 12
    assert {"/v1/stage:batch", "/v1/journeys", "/v1/kpis/values", "/v1/sources"} <= with_body
