"""Ingest and the stager as processes on a database of their own, to be killed and looked at."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.standalone.bootstrap import bootstrap
from shared.clock import SystemClock
from shared.contracts.envelope import Envelope
from shared.contracts.topics import TOUCHPOINTS
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.token import KeyKind
from shared.sources.source import SourceKind, SourceSettings
from shared.storage import keys, source_changes
from tests.compat.pace import Pace
from tests.support.database import connected, owner_transaction
from tests.support.eventually import eventually
from tests.support.processes import ServiceProcess
from tests.support.services import PARTITIONS, Log, environ_of
from tests.support.website import make_open_website

_WITHIN_SECONDS = 90.0
"""Only a failure waits so long: machines stall for ten seconds, and SDKs double their pauses."""

_OF_RUN = """
    SELECT envelope::text AS envelope, subject_id, person_id FROM touchpoint
    WHERE position($1 IN envelope::text) > 0 ORDER BY occurred_at, message_id
"""
_LOG_END = """
    SELECT coalesce(sum(next_offset), 0)::int AS records FROM log_partition WHERE topic = $1
"""
_VERDICTS = """
    SELECT coalesce(sum(applied), 0)::int AS applied, coalesce(sum(duplicate), 0)::int AS duplicate,
           coalesce(sum(dead), 0)::int AS dead FROM consumer_offset
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A touchpoint as it was stored, and whose it is."""

    envelope: Envelope
    subject: str
    person: str | None

    @property
    def occurred_at(self) -> datetime:
        """When it happened, by the service."""
        return self.envelope.occurred_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What became of the records of the log so far."""

    applied: int
    duplicate: int
    dead: int


class Service:
    """A running Stageline; ingest keeps its port through a kill."""

    def __init__(self, database_url: str, log: Log, folder: Path) -> None:
        self.database_url = database_url
        self.write_key = ""
        self.secret_key = ""
        self.pace = Pace()
        self._log = log
        self._folder = folder
        environ = environ_of(database_url, log)
        self._ingest = ServiceProcess("ingest", environ, folder)
        self._stager = ServiceProcess("stager", environ, folder)

    @property
    def url(self) -> str:
        """Where SDKs are pointed to."""
        return self._ingest.url

    @property
    def port(self) -> int:
        """Port of `url`."""
        return self._ingest.port

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Both processes, ready, and a write key."""
        async with self._stager, self._ingest:
            with self.pace:
                await self._ingest.wait_ready()
                await self._stager.wait_ready()
                await make_open_website(self.database_url, SystemClock().now())
                credentials = await bootstrap(
                    self.database_url,
                    self._folder,
                    base_url=self.url,
                    now=SystemClock().now(),
                    map_name=None,
                )
                self.write_key = credentials.write_key
                self.secret_key = credentials.secret_key
                yield

    async def kill_ingest(self) -> None:
        """Kill ingest as a crash would: what is under way has no answer."""
        self._ingest.check()
        await self._ingest.kill()

    async def start_ingest(self) -> None:
        """Start it again, on the same port."""
        await self._ingest.start()
        await self._ingest.wait_ready()

    async def key_of_source(self, kind: SourceKind, settings: SourceSettings) -> str:
        """Write key of a new source, once ingest knows both."""
        now = SystemClock().now()
        async with owner_transaction(self.database_url) as connection:
            source = await source_changes.create(
                connection,
                workspace_id=DEFAULT_WORKSPACE,
                name=uuid4().hex,
                kind=kind,
                settings=settings,
                now=now,
            )
            key = await keys.create(
                connection,
                workspace_id=DEFAULT_WORKSPACE,
                kind=KeyKind.WRITE,
                now=now,
                source_id=source.source_id,
            )
        async with httpx.AsyncClient(base_url=self.url) as client:

            async def is_known() -> bool:
                # No key yet: 401; a key without its source's rules: 503.
                answer = await client.post("/v1/batch", json={"batch": [], "writeKey": key.token})
                return answer.status_code in {200, 403}

            await eventually(is_known, within=_WITHIN_SECONDS, every=0.1)
        return key.token

    async def applied(self, run: str) -> list[Applied]:
        """Every touchpoint that names `run` anywhere, in order of time."""
        rows = await self._rows(_OF_RUN, run)
        return [
            Applied(
                envelope=msgspec.json.decode(row["envelope"], type=Envelope),
                subject=row["subject_id"],
                person=row["person_id"],
            )
            for row in rows
        ]

    async def applied_at_least(self, number: int, run: str) -> list[Applied]:
        """The touchpoints of `run` once there are so many; more show a doubling."""

        applied: list[Applied] = []

        async def is_enough() -> bool:
            nonlocal applied
            applied = await self.applied(run)
            return len(applied) >= number

        try:
            await eventually(is_enough, within=_WITHIN_SECONDS, every=0.1)
        except AssertionError:
            names = [each.envelope.event for each in applied]
            message = f"{len(applied)} of {number} touchpoints came: {names}"
            raise AssertionError(message) from None
        await self.settled()
        return await self.applied(run)

    async def settled(self) -> None:
        """Return once every record that the log holds by now has a verdict."""
        end = await self._log_end()

        async def has_verdicts() -> bool:
            verdicts = await self.verdicts()
            return verdicts.applied + verdicts.duplicate + verdicts.dead >= end

        await eventually(has_verdicts, within=_WITHIN_SECONDS, every=0.1)

    async def _log_end(self) -> int:
        if self._log.bootstrap is None:
            (row,) = await self._rows(_LOG_END, TOUCHPOINTS)
            number: int = row["records"]
            return number
        consumer = AIOKafkaConsumer(bootstrap_servers=self._log.bootstrap)
        await consumer.start()
        try:
            partitions = [TopicPartition(TOUCHPOINTS, number) for number in range(PARTITIONS)]
            return sum((await consumer.end_offsets(partitions)).values())
        finally:
            await consumer.stop()

    async def verdicts(self) -> Verdicts:
        """Counts of all runs together."""
        (row,) = await self._rows(_VERDICTS)
        return Verdicts(**dict(row))

    async def _rows(self, query: str, *arguments: object) -> Sequence[Any]:
        async with connected(self.database_url) as owner:
            rows: Sequence[Any] = await owner.fetch(query, *arguments)
        return rows
