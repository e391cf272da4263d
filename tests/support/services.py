"""All of Stageline in the test's own process, driven by HTTP alone; and one service's parts alone.

Ingest, stager and api as `make run` puts them together, on a real port, on either event log, with a
clock that the test turns. The harness reads the database to see when to go on, never for what
a test expects.

`api_parts` and `stager_parts` are for tests of one service, which call its parts themselves.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.api.app import build
from services.api.context import ApiContext
from services.api.settings import ApiSettings
from services.cli.operate.verify import VerifyReport, examine
from services.stager.batch.batch_writer import BatchWriter
from services.stager.batch.context import StagerContext
from services.stager.fold.snapshots import SNAPSHOT_EVERY
from services.stager.jobs.refold_jobs import RefoldJobs
from services.stager.jobs.retraction_jobs import RetractionJobs
from services.stager.jobs.timers import Timers
from services.stager.store.session import Pool
from services.stager.subjects.cache import RowCache
from services.standalone.bootstrap import bootstrap
from services.standalone.compose import AllServices, Settings, composed, settings_from
from shared.clock import Clock, ManualClock
from shared.contracts.identity_limits import DEFAULT_LIMITS, IdentityLimits
from shared.contracts.topics import TOUCHPOINTS
from shared.eventlog.kafka import topics as kafka_topics
from shared.keys.cache import KeyCache
from shared.process.listener import bind
from shared.storage import keys as stored_keys
from shared.storage.connect import DatabaseRole
from shared.telemetry.metrics import Metrics
from tests.support.database import connected, engine_of, owner_transaction
from tests.support.eventually import eventually
from tests.support.website import make_open_website

PARTITIONS = 2
_APPLY_SECONDS = 60.0

# Everything short: a test waits for these.
_QUICK = {
    "stager_poll_seconds": "0.01",
    "stager_timer_seconds": "0.05",
    "key_refresh_seconds": "0.2",
    "unready_seconds": "0",
    "gauge_seconds": "60",
    "partitions": str(PARTITIONS),
}

# Records with a verdict; jobs and timers that are still to be done.
_PROGRESS = """
    SELECT (SELECT coalesce(sum(applied + duplicate + dead + erased + retracted), 0)::int
            FROM consumer_offset) AS read,
           (SELECT count(*)::int FROM refold_job WHERE finished_at IS NULL)
           + (SELECT count(*)::int FROM retraction WHERE finished_at IS NULL)
           + (SELECT count(*)::int FROM deadline WHERE due_at <= $1) AS waiting
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Where the event log is. `bootstrap` None: the one in Postgres."""

    bootstrap: str | None = None
    group: str = field(default_factory=lambda: f"test-{uuid4().hex[:12]}")

    def overrides(self) -> dict[str, str]:
        """Settings that name this log."""
        if self.bootstrap is None:
            return {"event_log": "postgres", "stager_group": self.group}
        return {
            "event_log": "kafka",
            "kafka_bootstrap": self.bootstrap,
            "stager_group": self.group,
        }

    async def empty(self) -> None:
        """Remove what earlier tests have written: a fresh database reads a log from its beginning."""
        if self.bootstrap is None:
            return
        await kafka_topics.ensure_topics(
            self.bootstrap, {TOUCHPOINTS: PARTITIONS}, timeout_seconds=20
        )
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await consumer.start()
        await admin.start()
        try:
            partitions = [TopicPartition(TOUCHPOINTS, number) for number in range(PARTITIONS)]
            ends = await consumer.end_offsets(partitions)
            await admin.delete_records(
                {each: RecordsToDelete(before_offset=end) for each, end in ends.items()}
            )
        finally:
            await admin.close()
            await consumer.stop()


def environ_of(database_url: str, log: Log) -> dict[str, str]:
    """Environment variables for services on a database and a log, with everything short."""
    settings = overrides_of(database_url, log)
    return {f"STAGELINE_{name.upper()}": value for name, value in settings.items()}


def overrides_of(database_url: str, log: Log) -> dict[str, str]:
    """The same by field name."""
    return {"database_url": database_url} | _QUICK | log.overrides()


class Stack:
    """A running Stageline."""

    def __init__(self, database_url: str, log: Log, clock: ManualClock, home: Path) -> None:
        self.database_url = database_url
        self.log = log
        self.clock = clock
        self.accepted = 0
        """Records that the event log has acknowledged."""
        self.base_url = ""
        """Where it is reached, from its start on."""
        self._home = home
        self._running: AsyncExitStack | None = None
        self._write: httpx.AsyncClient | None = None
        self._read: httpx.AsyncClient | None = None

    @property
    def write(self) -> httpx.AsyncClient:
        """A client with the write key."""
        assert self._write is not None
        return self._write

    @property
    def read(self) -> httpx.AsyncClient:
        """A client with the secret key."""
        assert self._read is not None
        return self._read

    # -- what a test does ------------------------------------------------------------------------

    async def publish(self, source: str) -> dict[str, Any]:
        """Publish a map (YAML) and wait until the history is folded by it."""
        answer = await self.read.post(
            "/v1/journeys", content=source, headers={"Content-Type": "application/yaml"}
        )
        assert answer.status_code in {200, 201}, answer.text
        await self.settled()
        published: dict[str, Any] = answer.json()
        return published

    async def post(
        self,
        events: Sequence[dict[str, Any]],
        *,
        settle: bool = True,
        by: httpx.AsyncClient | None = None,
    ) -> None:
        """Send events, as a server does unless `by` another key; every one must be accepted."""
        answer = await (by or self.read).post("/v1/touchpoints", json=list(events))
        assert answer.status_code == 202, answer.text
        verdict = answer.json()
        assert verdict == {"accepted": len(events), "rejected": []}
        self.accepted += len(events)
        if settle:
            await self.settled()

    async def settled(self, *, every: float = 0.05) -> None:
        """Wait until everything accepted is applied and nothing due is left; looks `every` seconds."""
        async with connected(self.database_url) as owner:

            async def is_settled() -> bool:
                (row,) = await owner.fetch(_PROGRESS, self.clock.now())
                return int(row["read"]) >= self.accepted and int(row["waiting"]) == 0

            # The services work in this process too: polling more often slows them down under load.
            await eventually(is_settled, within=_APPLY_SECONDS, every=every)

    async def advance_clock(self, by: timedelta) -> None:
        """Let time pass, and wait until the timers that are due have gone off."""
        self.clock.advance(by)
        await self.settled()

    async def restart(self) -> None:
        """Stop everything and start it again on the same database, log and clock."""
        await self.stop()
        await self.start()

    async def verified(self, *, deep: bool = True) -> VerifyReport:
        """The account that `stageline verify` takes, by the test's clock."""
        async with owner_transaction(self.database_url) as connection:
            return await examine(connection, deep=deep, now=self.clock.now())

    # -- what it reads ---------------------------------------------------------------------------

    async def stage(self, **subject: str) -> dict[str, Any]:
        """Answer of GET /v1/stage."""
        return await self._get("/v1/stage", subject)

    async def history(self, account_id: str, **query: str) -> list[dict[str, Any]]:
        """Transitions of an account, oldest first, superseded ones left out."""
        return await self._items(f"/v1/accounts/{account_id}/history", query)

    async def history_with_superseded(self, account_id: str) -> list[dict[str, Any]]:
        """Transitions of an account, those that were replaced as well."""
        return await self.history(account_id, include_superseded="true")

    async def alerts(self, **query: str) -> list[dict[str, Any]]:
        """Alerts, every page."""
        return await self._items("/v1/alerts", query)

    async def timeline(self, account_id: str) -> list[dict[str, Any]]:
        """Touchpoints of an account, every page."""
        return await self._items(f"/v1/accounts/{account_id}/timeline", {})

    async def _items(self, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self._get(path, query | ({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    async def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        answer = await self.read.get(path, params=query)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    # -- its life --------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """Settings of the three services."""
        return settings_from(**overrides_of(self.database_url, self.log))

    async def start(self) -> None:
        """Start and return once everything answers."""
        async with AsyncExitStack() as stack:
            listener = stack.enter_context(bind("127.0.0.1", 0))
            base_url = self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            services = await stack.enter_async_context(composed(self.settings(), self.clock))
            await make_open_website(self.database_url, self.clock.now())
            keys = await bootstrap(
                self.database_url,
                self._home,
                base_url=base_url,
                now=self.clock.now(),
                map_name=None,
            )
            await stack.enter_async_context(_served(services, listener))
            self._write = await stack.enter_async_context(_client(base_url, keys.write_key))
            self._read = await stack.enter_async_context(_client(base_url, keys.secret_key))

            async def is_ready() -> bool:
                return (await self.read.get("/readyz")).status_code == httpx.codes.OK

            await eventually(is_ready, within=60, every=0.1)
            self._running = stack.pop_all()

    async def stop(self) -> None:
        """Stop cleanly."""
        if self._running is not None:
            running, self._running = self._running, None
            await running.aclose()


def _client(base_url: str, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=base_url, headers={"Authorization": f"Bearer {key}"}, timeout=30
    )


@asynccontextmanager
async def _served(services: AllServices, listener: socket.socket) -> AsyncIterator[None]:
    """Serve while inside. A part that died meanwhile fails the test at the end, with its own error."""
    stop = asyncio.Event()
    # Not a task group: a fixture is entered and left by different tasks.
    serving = asyncio.ensure_future(services.run(listener, stop, shutdown_seconds=10))
    try:
        yield
    finally:
        stop.set()
        await serving


@asynccontextmanager
async def api_parts(
    database_url: str, clock: Clock, **settings: object
) -> AsyncIterator[ApiContext]:
    """The parts of an api process: keys on connections of their own, metrics counted from zero."""
    values = {"database_url": SecretStr(database_url), **settings}
    async with engine_of(database_url, role=DatabaseRole.API) as engine:
        api = build(
            ApiSettings.model_validate(values),
            keys=KeyCache(stored_keys.loader(engine), clock),
            clock=clock,
            metrics=Metrics(CollectorRegistry()),
        )
        try:
            yield api
        finally:
            await api.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class StagerParts:
    """One stager process without its log: the parts that write, sharing one cache."""

    context: StagerContext
    writer: BatchWriter
    timers: Timers
    jobs: RefoldJobs
    retraction_jobs: RetractionJobs


def stager_parts(
    pool: Pool,
    clock: Clock,
    metrics: Metrics,
    *,
    owner: str,
    subjects: int = 100,
    limits: IdentityLimits = DEFAULT_LIMITS,
    snapshot_every: int = SNAPSHOT_EVERY,
) -> StagerParts:
    """The parts of a stager named `owner`, with `subjects` subjects in its cache at most."""
    context = StagerContext(
        pool=pool,
        clock=clock,
        cache=RowCache(subjects),
        limits=limits,
        snapshot_every=snapshot_every,
    )
    return StagerParts(
        context=context,
        writer=BatchWriter(context, owner=owner),
        timers=Timers(
            pool=pool,
            clock=clock,
            cache=context.cache,
            journeys=context.journeys,
            locks=context.locks,
            metrics=metrics,
            pause_seconds=float(_QUICK["stager_timer_seconds"]),
        ),
        jobs=RefoldJobs(
            pool=pool,
            clock=clock,
            cache=context.cache,
            journeys=context.journeys,
            locks=context.locks,
            metrics=metrics,
            snapshot_every=context.snapshot_every,
        ),
        retraction_jobs=RetractionJobs(context, metrics),
    )
