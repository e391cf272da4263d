"""The stager killed by SIGKILL in mid-batch, twenty times under load: nothing lost, nothing twice."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.cli.operate.verify import VerifyReport, examine
from services.standalone.bootstrap import bootstrap
from shared.clock import SystemClock
from shared.storage.connect import DatabaseRole, open_pool
from tests.acceptance.stories import event
from tests.support import services
from tests.support.database import owner_transaction
from tests.support.eventually import eventually
from tests.support.preloaded import Preloaded
from tests.support.processes import ServiceProcess
from tests.support.services import Log
from tests.support.website import make_open_website

KILLS = 20
ACCOUNTS = 100
BACKLOG = 2_000
_PATIENCE = 120.0
"""Seconds for a start and a first batch, on a machine that does other things beside it."""
START = datetime(2025, 1, 6, 9, tzinfo=UTC)

NAMES = (
    "Blog Post Read", "Guide Downloaded", "Webinar Attended", "Demo Requested", "Demo Attended",
    "Comparison Viewed", "Case Study Read", "Contract Signed", "Kickoff Held", "Seats Added",
    "Support Ticket Opened", "Subscription Cancelled", "Usage Limit Reached", "Feature Used",
)  # fmt: skip


class Load:
    """Batches of events without end; some late, some sent twice, some by visitors before sign-up."""

    def __init__(self) -> None:
        self._chance = random.Random(20)  # noqa: S311 - fixed, so that a failure can be repeated
        self._made: list[dict[str, Any]] = []

    @property
    def distinct(self) -> int:
        """Events with different message ids."""
        return len(self._made)

    def batch(self, size: int) -> list[dict[str, Any]]:
        """The next events."""
        return [self._next() for _ in range(size)]

    def _next(self) -> dict[str, Any]:
        chance = self._chance
        if self._made and chance.random() < 0.1:
            return chance.choice(self._made)
        number = len(self._made)
        account = f"account-{chance.randrange(ACCOUNTS)}"
        late = timedelta(days=chance.choice([0, 0, 0, 0, 30]))
        made = event(
            chance.choice(NAMES),
            START + timedelta(minutes=5 * number) - late,
            f"load-{number}",
            **self._who(account),
        )
        self._made.append(made)
        return made

    def _who(self, account: str) -> dict[str, str]:
        visitor, user = {"anonymous_id": f"visitor@{account}"}, {"user_id": f"ann@{account}"}
        kind = self._chance.random()
        if kind < 0.2:
            return visitor
        if kind < 0.3:
            return visitor | user
        return user | {"account_id": account}


class Front:
    """An ingest process, a database and what has been accepted so far."""

    def __init__(self, database_url: str, log: Log, folder: Path) -> None:
        self.database_url = database_url
        self.accepted = 0
        self._folder = folder
        self._environ = services.environ_of(database_url, log)
        self._ingest = ServiceProcess("ingest", self._environ, folder)
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of ingest that carries the secret key."""
        async with self._ingest:
            await self._ingest.wait_ready()
            await make_open_website(self.database_url, SystemClock().now())
            credentials = await bootstrap(
                self.database_url,
                self._folder,
                base_url=self._ingest.url,
                now=SystemClock().now(),
            )
            # Asked many times a second: a connection each time would take the machine from those
            # who are to be killed.
            self._pool = await open_pool(
                self.database_url,
                role=DatabaseRole.OWNER,
                application_name="test-verdicts",
                max_size=2,
            )
            headers = {"Authorization": f"Bearer {credentials.secret_key}"}
            try:
                async with httpx.AsyncClient(
                    base_url=self._ingest.url, headers=headers, timeout=30
                ) as client:
                    yield client
            finally:
                self._pool.terminate()

    async def post(self, client: httpx.AsyncClient, events: list[dict[str, Any]]) -> None:
        answer = await client.post("/v1/touchpoints", json=events)
        assert answer.status_code == 202, answer.text
        self.accepted += answer.json()["accepted"]

    def stager_environ(self) -> dict[str, str]:
        """For another start, in a reader group of its own: offsets live in Postgres, so a group's name
        carries nothing, and Kafka need not notice first that the killed member is dead."""
        return self._environ | {
            "STAGELINE_PORT": "0",
            # Small batches: most of the time one is half done, which is when a kill should come.
            "STAGELINE_STAGER_BATCH_RECORDS": "100",
            "STAGELINE_STAGER_GROUP": f"start-{uuid4().hex}",
        }

    async def verdicts(self) -> int:
        """Records with a verdict."""
        assert self._pool is not None
        verdicts: int = await self._pool.fetchval(
            "SELECT coalesce(sum(applied + duplicate + dead + erased), 0)::int FROM consumer_offset"
        )
        return verdicts

    async def verified(self) -> VerifyReport:
        """The account that `stageline verify --deep` takes."""
        async with owner_transaction(self.database_url) as connection:
            return await examine(connection, deep=True)


@pytest.mark.timeout(900)
async def test_twenty_kills_under_load_lose_nothing_and_double_nothing(
    database_url: str, log: Log, tmp_path: Path
) -> None:
    front, load = Front(database_url, log, tmp_path), Load()
    stager = Preloaded("services.stager.__main__", tmp_path / "stager.log")
    chance = random.Random(7)  # noqa: S311 - when to kill
    done = asyncio.Event()

    async def post(client: httpx.AsyncClient) -> None:
        while not done.is_set():
            # Always more than a stager takes before its end, and no more than the last one can: late
            # events re-fold ever longer histories.
            if front.accepted - await front.verdicts() < BACKLOG:
                await front.post(client, load.batch(25))
            await asyncio.sleep(0.1)

    async def kill() -> None:
        for _ in range(KILLS):
            before = await front.verdicts()
            await stager.start(front.stager_environ())
            await eventually(partial(_more_than, front, stager, before), within=_PATIENCE)
            await asyncio.sleep(chance.uniform(0, 0.2))
            await stager.end(signal.SIGKILL)
        done.set()

    async with stager, front.running() as client:
        async with asyncio.TaskGroup() as group:
            group.create_task(post(client), name="load")
            group.create_task(kill(), name="kills")
        await stager.start(front.stager_environ())
        # Records that only this stager can have stored: the last one killed may have left none, and a
        # SIGTERM before the process handles signals is not a clean stop.
        await front.post(client, load.batch(25))
        await eventually(partial(_more_than, front, stager, front.accepted - 1), within=_PATIENCE)
        code = await stager.end(signal.SIGTERM)
    report = await front.verified()

    assert code == 0
    assert report.problems == []
    assert report.dead_letters == 0
    assert sum(partition.read for partition in report.partitions) == front.accepted
    assert report.touchpoints == load.distinct
    assert report.waiting == 0
    assert report.subjects_checked is not None
    assert report.subjects_checked >= ACCOUNTS


async def _more_than(front: Front, stager: Preloaded, before: int) -> bool:
    stager.check()
    return await front.verdicts() > before
