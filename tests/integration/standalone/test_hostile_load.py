"""Hostile senders at one process that serves everything: what the others wait for meanwhile.

`/livez` and the stage query are requested while honest senders post single events, and then while hostile
senders post as many bodies of one kind at the same pace. The waiting times are compared with each other, so
the machine and its load cancel out.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import perf_counter

import httpx
import pytest

from shared.maps import templates
from tests.integration.ingest.server import make_key
from tests.support.database import fresh_database
from tests.support.eventually import eventually
from tests.support.processes import ServiceProcess
from tests.support.services import Log, environ_of

REQUESTS = 24
"""Of one phase, divided among its senders."""
SENDERS = 4
PAUSE_SECONDS = 0.03
"""Of a sender after each answer, and between the pieces of a body."""
PROBE_SECONDS = 0.01
"""Between two probes of the same path."""
MOST_SECONDS = 3.0
"""After which a sender begins no further request."""

MOST_TIMES = 8.0
"""Times that others may wait what they wait for beside honest senders."""
ALLOWANCE_SECONDS = 0.15
"""Beyond that, for the largest bodies within the bounds and for the turns of a busy machine."""

PROBES = {"livez": "/livez", "stage": "/v1/stage?account_id=acme"}
EVENT = {"event": "Page Viewed", "account_id": "acme", "properties": {"path": "/pricing"}}

GZIP = {"Content-Encoding": "gzip"}
FULL_BATCH = 2_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the senders of one phase send, and the statuses by which it was taken for what it is."""

    path: str
    body: Callable[[], bytes]
    key: str | None = None
    """None, or the name of a key of `Place`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    statuses: frozenset[int]
    senders: int = SENDERS
    pieces: int = 1
    """Pieces in which the body is sent, with pauses between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Waiting times for the answers to one probe, in seconds."""

    median: float
    p90: float

    def exceed(self, honest: "Waits") -> bool:
        """Whether these are too long beside those that honest senders cause."""
        return any(
            waited > MOST_TIMES * wanted + ALLOWANCE_SECONDS
            for waited, wanted in ((self.median, honest.median), (self.p90, honest.p90))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What one load brought about."""

    waits: Mapping[str, Waits]
    """By name of the probe."""
    answers: set[int]
    """Statuses of the answers to the load."""
    probe_answers: set[int]
    """Statuses of the answers to the probes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The running process, with one client for the senders and one for the probes."""

    senders: httpx.AsyncClient
    prober: httpx.AsyncClient
    keys: Mapping[str, str]


@cache
def packed(unit: bytes, count: int, around: bytes = b"%b", *, is_bomb: bool = False) -> bytes:
    """So many of `unit` in gzip, as small as passes: a comment in its head keeps it from being a bomb."""
    body = around % b",".join([unit] * count)
    small = gzip.compress(body)
    if is_bomb:
        return small
    comment = b"c" * max(0, len(body) // 100 - len(small)) + b"\0"
    return small[:3] + b"\x10" + small[4:10] + comment + small[10:]


@cache
def numbered(form: bytes, count: int, around: bytes = b"[%b]") -> bytes:
    """A body of so many units of `form`, each with its number."""
    return around % b",".join(form % number for number in range(count))


IN_EVENT = b'{"event":"A","user_id":"u","userId":"u","properties":{"a":[%b]}}'

HONEST = Load(
    path="/v1/touchpoints",
    body=lambda: json.dumps(EVENT).encode(),
    key="write",
    statuses=frozenset({202}),
)

# The batches that are stored come last: the stager works on them for a while.
HOSTILE: dict[str, Load] = {
    "noise without a key": Load(
        path="/v1/batch", body=lambda: bytes(range(256)) * 200, statuses=frozenset({401})
    ),
    "two million arrays without a key": Load(
        path="/e/",
        body=lambda: packed(b"[]", 1_900_000, IN_EVENT, is_bomb=True),
        headers=GZIP,
        statuses=frozenset({413}),
    ),
    "wrong keys": Load(
        path="/batch/",
        body=lambda: numbered(b'"sl_wk_%012x_0"', 20_000, b'{"api_key":[%b]}'),
        statuses=frozenset({401}),
    ),
    "arrays with a key": Load(
        path="/batch/",
        body=lambda: packed(b"[]", 1_900_000, IN_EVENT),
        key="write",
        headers=GZIP,
        statuses=frozenset({413}),
    ),
    "as many values as pass, with a key": Load(
        path="/batch/",
        body=lambda: packed(b"0", 199_900, IN_EVENT),
        key="write",
        headers=GZIP,
        statuses=frozenset({200}),
    ),
    "deep nesting": Load(
        path="/v1/track",
        body=lambda: b'{"event":"A","userId":"u","properties":' + b"[" * 199_000,
        key="write",
        statuses=frozenset({400}),
    ),
    "a bomb": Load(
        path="/v1/track",
        body=lambda: packed(b" " * 1_000, 20_000, is_bomb=True),
        key="write",
        headers=GZIP,
        statuses=frozenset({400}),
    ),
    "slow bodies": Load(
        path="/v1/touchpoints",
        body=lambda: json.dumps(EVENT).encode(),
        key="write",
        statuses=frozenset({202}),
        senders=REQUESTS,
        pieces=10,
    ),
    "full batches by a website": Load(
        path="/v1/touchpoints",
        body=lambda: numbered(b'{"event":"A","user_id":"a%d"}', FULL_BATCH),
        key="public",
        statuses=frozenset({202, 429}),
    ),
    "full batches by a server": Load(
        path="/v1/batch",
        body=lambda: numbered(
            b'{"event":"A","type":"track","userId":"b%d"}', FULL_BATCH, b'{"batch":[%b]}'
        ),
        key="write",
        statuses=frozenset({200}),
    ),
}


@pytest.fixture(scope="module")
async def place(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    async with fresh_database(postgres_url, template=template_database) as url:
        environ = environ_of(url, Log()) | {
            "STAGELINE_HOME": str(folder / "home"),
            "STAGELINE_SAMPLE": "false",
        }
        write_key = await make_key(url)
        async with (
            ServiceProcess("standalone", environ, folder) as process,
            httpx.AsyncClient(base_url=process.url, timeout=30) as senders,
            httpx.AsyncClient(base_url=process.url, timeout=30) as prober,
        ):
            await process.wait_ready()
            made = json.loads((folder / "home" / "credentials.json").read_text())
            prober.headers["Authorization"] = f"Bearer {made['secret_key']}"
            keys = {"write": write_key, "public": made["write_key"]}
            await make_account(prober)
            yield Place(senders=senders, prober=prober, keys=keys)
            process.check()


async def make_account(client: httpx.AsyncClient) -> None:
    """A map, and an account that has a stage by it."""
    published = await client.post(
        "/v1/journeys",
        content=templates.read(templates.DEFAULT),
        headers={"Content-Type": "application/yaml"},
    )
    assert published.status_code == 201, published.text
    await client.post("/v1/touchpoints", json=EVENT)

    async def has_stage() -> bool:
        return (await client.get(PROBES["stage"])).status_code == 200

    await eventually(has_stage, within=30)


async def in_pieces(body: bytes, pieces: int) -> AsyncIterator[bytes]:
    size = -(-len(body) // pieces)
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(PAUSE_SECONDS)


async def send(place: Place, load: Load, statuses: set[int]) -> None:
    """The requests of one sender, one at least."""
    end = perf_counter() + MOST_SECONDS
    body = load.body()
    headers = dict(load.headers)
    if load.key is not None:
        headers["Authorization"] = f"Bearer {place.keys[load.key]}"
    for _ in range(REQUESTS // load.senders):
        content = body if load.pieces == 1 else in_pieces(body, load.pieces)
        answer = await place.senders.post(load.path, content=content, headers=headers)
        statuses.add(answer.status_code)
        if perf_counter() > end:
            break
        await asyncio.sleep(PAUSE_SECONDS)


async def probe(place: Place, path: str, until: asyncio.Event, statuses: set[int]) -> Waits:
    """Request a path again and again, once at least."""
    waited: list[float] = []
    while not waited or not until.is_set():
        started = perf_counter()
        answer = await place.prober.get(path)
        waited.append(perf_counter() - started)
        statuses.add(answer.status_code)
        await asyncio.sleep(PROBE_SECONDS)
    waited.sort()
    return Waits(median=waited[len(waited) // 2], p90=waited[len(waited) * 9 // 10])


async def beside(place: Place, load: Load) -> Phase:
    """What the probes wait for beside a load."""
    load.body()  # made before anything is measured
    answers: set[int] = set()
    probe_answers: set[int] = set()
    is_over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        probes = {
            name: group.create_task(probe(place, path, is_over, probe_answers))
            for name, path in PROBES.items()
        }
        async with asyncio.TaskGroup() as sending:
            for _ in range(load.senders):
                sending.create_task(send(place, load, answers))
        is_over.set()
    waits = {name: task.result() for name, task in probes.items()}
    return Phase(waits=waits, answers=answers, probe_answers=probe_answers)


@pytest.mark.parametrize("kind", HOSTILE)
async def test_readers_wait_hardly_longer_beside_hostile_senders_than_beside_honest_ones(
    place: Place, kind: str
) -> None:
    honest = await beside(place, HONEST)
    hostile = await beside(place, HOSTILE[kind])

    too_long = {
        name: (honest.waits[name], waits)
        for name, waits in hostile.waits.items()
        if waits.exceed(honest.waits[name])
    }
    assert too_long == {}
    assert honest.answers | honest.probe_answers | hostile.probe_answers <= {200, 202}
    # A load that is not taken for what it is would show nothing.
    assert hostile.answers <= HOSTILE[kind].statuses
