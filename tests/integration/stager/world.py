"""A stager without its log: events go straight into its batches, and the test moves the clock."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from prometheus_client import CollectorRegistry

from services.stager.records.records import BatchResult, DecodedRecord, decode_all
from services.stager.store import queues
from services.stager.store.session import Pool, transaction
from shared.clock import ManualClock
from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.contracts.identity_limits import DEFAULT_LIMITS, IdentityLimits
from shared.contracts.topics import TOUCHPOINTS
from shared.eventlog.port import Record
from shared.ids import DEFAULT_WORKSPACE
from shared.maps import parse
from shared.storage import journeys
from shared.storage.connect import DatabaseRole, open_pool
from shared.telemetry.metrics import Metrics
from tests.support import touchpoints
from tests.support.database import connected, owner_transaction
from tests.support.services import StagerParts, stager_parts

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

SALES = """
journey: sales
title: Sales
subject: account
policy: {skips: allow}
stages:
  - {key: aware, title: Aware, owner: marketing, stall_after: 30d}
  - key: evaluation
    title: Evaluation
    job: prove the return
    owner: sales
    stall_after: 14d
    enter: {any: [{event: Demo Requested}, {event: Pricing Viewed, count: 3}]}
  - key: customer
    title: Customer
    owner: success
    enter: {any: [{event: Contract Signed}]}
outcomes:
  - {key: lost, title: Lost, kind: lost, when: {event: Deal Lost}}
"""

HABIT = """
journey: habit
title: Habit
subject: person
policy: {skips: allow}
stages:
  - {key: visitor, title: Visitor, owner: product}
  - {key: regular, title: Regular, owner: product, enter: {event: Signed In, count: 2}}
"""


@dataclass
class World:
    """The parts of a stager around one database."""

    url: str
    pool: Pool
    clock: ManualClock
    metrics: Metrics
    stager: StagerParts
    positions: dict[int, int] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def publish(self, text: str) -> int:
        async with owner_transaction(self.url) as connection:
            published = await journeys.publish(
                connection, DEFAULT_WORKSPACE, parse(text), text, "test", self.clock.now()
            )
        return published.version

    def records(
        self, values: Sequence[Envelope | bytes | None], partition: int = 0
    ) -> list[Record]:
        start = self.positions.get(partition, 0)
        raw = [wire.encode(v) if isinstance(v, Envelope) else v for v in values]
        return [Record(partition, start + at, b"k", value) for at, value in enumerate(raw)]

    def another_stager(
        self, owner: str = "other", limits: IdentityLimits = DEFAULT_LIMITS
    ) -> StagerParts:
        """That of another process, which shares nothing but the database."""
        return stager_parts(self.pool, self.clock, self.metrics, owner=owner, limits=limits)

    def restart(self, limits: IdentityLimits = DEFAULT_LIMITS) -> None:
        """Continue as a new process on the same database."""
        self.stager = self.another_stager("next", limits)

    def decoded(
        self, events: Sequence[Envelope], partition: int, positions: dict[int, int]
    ) -> list[DecodedRecord]:
        """One batch of a partition whose position is not that of `self.positions`."""
        start = positions.get(partition, 0)
        records = [
            Record(partition, start + at, b"k", wire.encode(event))
            for at, event in enumerate(events)
        ]
        return decode_all(records, max_bytes=100_000)

    async def send(self, *values: Envelope | bytes | None, partition: int = 0) -> list[BatchResult]:
        """One batch."""
        return await self.store(decode_all(self.records(values, partition), max_bytes=100_000))

    async def store(self, records: Sequence[DecodedRecord]) -> list[BatchResult]:
        done = await self.stager.writer.store(records, self.positions)
        for each in done:
            self.positions.update(each.next_offsets)
        return done

    async def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        while await self.stager.timers.sweep():
            pass

    async def finish_jobs(self) -> None:
        while await self.stager.jobs.step(limit=3):
            pass
        while await self.stager.retraction_jobs.step(subjects=2, touchpoints=3):
            pass

    def event(self, name: str, at: timedelta | float = timedelta(), **fields: Any) -> Envelope:
        """An event `at` after the start (a number: days)."""
        when = START + (at if isinstance(at, timedelta) else timedelta(days=at))
        fields.setdefault("message_id", f"m{next(self.numbers):04}")
        return touchpoints.event(name, when, **fields)

    async def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.pool.fetch(query, *arguments)]

    async def path(
        self, subject: str, journey: str = "sales"
    ) -> list[tuple[str | None, str | None]]:
        """Current moves of a subject, from and to."""
        return [
            (row[0], row[1])
            for row in await self.rows(
                """SELECT from_stage, to_stage FROM transition WHERE subject_id = $1 AND journey = $2
                   AND superseded_at IS NULL ORDER BY sequence""",
                subject,
                journey,
            )
        ]

    async def stage(self, subject: str, journey: str = "sales") -> tuple[Any, ...] | None:
        rows = await self.rows(
            "SELECT stage, status, map_version FROM placement WHERE subject_id = $1 AND journey = $2",
            subject,
            journey,
        )
        return rows[0] if rows else None

    async def verdicts(self) -> tuple[int, int, int]:
        """(applied, duplicate, dead) over all partitions."""
        rows = await self.rows(
            "SELECT sum(applied), sum(duplicate), sum(dead) FROM consumer_offset"
        )
        return (int(rows[0][0]), int(rows[0][1]), int(rows[0][2]))


@asynccontextmanager
async def world(url: str, *maps: str, subjects: int = 1000) -> AsyncIterator[World]:
    """A stager around the database at `url`, with maps published."""
    pool = await open_pool(
        url, role=DatabaseRole.STAGER, application_name="test-stager", max_size=4
    )
    clock = ManualClock(START)
    metrics = Metrics(CollectorRegistry())
    made = World(
        url=url,
        pool=pool,
        clock=clock,
        metrics=metrics,
        stager=stager_parts(pool, clock, metrics, owner="test", subjects=subjects),
    )
    for text in maps:
        await made.publish(text)
    try:
        yield made
    finally:
        pool.terminate()


async def stored_offsets(pool: Pool, partitions: Sequence[int]) -> dict[int, int]:
    async with transaction(pool) as connection:
        return await queues.offsets(connection, TOUCHPOINTS, partitions)


_SNAPSHOT = {
    "accounts": "SELECT subject_id, merged_into FROM subject WHERE merged_into IS NOT NULL"
    " AND subject_id NOT LIKE '%:%' ORDER BY 1",
    "identifier": "SELECT identifier, person_id, subject_id FROM identifier ORDER BY 1",
    "identity_statement": "SELECT name, other, kind, slot, occurred_at, message_id, account"
    " FROM identity_statement ORDER BY 1, 2, 3, 4",
    "touchpoint": "SELECT message_id, subject_id, person_id FROM touchpoint ORDER BY 1",
    "member": "SELECT subject_id, person_id, role, traits::text, first_seen_at FROM member"
    " ORDER BY 1, 2",
    "placement": "SELECT subject_id, journey, status, stage, outcome, cycle, entered_at, milestones::text"
    " FROM placement ORDER BY 1, 2",
    "transition": "SELECT subject_id, journey, sequence, kind, from_stage, to_stage, occurred_at,"
    " dwell_seconds, cause_message_id, rule FROM transition WHERE superseded_at IS NULL"
    " ORDER BY 1, 2, 3",
    "subject": "SELECT subject_id, touchpoints, last_message_id, account_traits::text, value"
    " FROM subject WHERE merged_into IS NULL ORDER BY 1",
    "states": "SELECT s.subject_id, j.key, j.value->'s' FROM subject s,"
    " json_each(convert_from(s.states, 'UTF8')::json) j ORDER BY 1, 2",
}


async def snapshot(w: World) -> dict[str, list[tuple[Any, ...]]]:
    return {name: await w.rows(query) for name, query in _SNAPSHOT.items()}


def story(w: World, random: Random, number: int) -> list[Envelope]:
    """Events among few names, so that nearly every kind of link and conflict comes up."""
    users, emails = ["u1", "u2"], ["a@x.io", "b@x.io"]
    anonymous, accounts = ["z1", "z2", "z3"], ["acme", "beta", "gamma"]
    names = ["Blog Read", "Demo Requested", "Pricing Viewed", "Contract Signed", "Signed In"]
    events = []
    for _ in range(number):
        fields: dict[str, Any] = {}
        if random.random() < 0.15:
            survivor, loser = random.sample(accounts, 2)
            fields = {"type": "merge", "account_id": survivor, "previous_account_id": loser}
            events.append(w.event("Account Merged", random.choice(range(10)), **fields))
            continue
        if random.random() < 0.2:
            fields |= {"previous_id": random.choice([*anonymous, *users]), "type": "alias"}
        if random.random() < 0.4:
            fields["user_id"] = random.choice(users)
        if random.random() < 0.3:
            fields["email"] = random.choice(emails)
        if random.random() < 0.6 or not fields.keys() - {"previous_id", "type"}:
            fields["anonymous_id"] = random.choice(anonymous)
        if random.random() < 0.35:
            fields["account_id"] = random.choice(accounts)
        if random.random() < 0.3:
            fields["traits"] = {"t": random.randint(1, 5)}
        if random.random() < 0.3:
            fields["role"] = random.choice(["buyer", "user"])
        days = random.choice(range(10))
        events.append(w.event(random.choice(names), days, **fields))
    return events


def cycles(w: World, random: Random, number: int) -> list[Envelope]:
    """Accounts that absorb one another and devices that become one another, nearly nothing else."""
    accounts, devices = ["a", "b", "c", "d"], ["z1", "z2", "z3", "z4"]
    names = ["Blog Read", "Demo Requested", "Contract Signed", "Signed In"]
    events = []
    for _ in range(number):
        day, kind = random.choice(range(8)), random.random()
        if kind < 0.3:
            survivor, loser = random.sample(accounts, 2)
            fields = {"type": "merge", "account_id": survivor, "previous_account_id": loser}
            events.append(w.event("Account Merged", day, **fields))
            continue
        present, former = random.sample(devices, 2)
        fields = {"anonymous_id": present}
        if kind < 0.65:
            fields |= {
                "user_id": f"u{random.choice('1234')}",
                "previous_id": former,
                "type": "alias",
            }
        elif kind < 0.75:
            fields["user_id"] = random.choice(["u1", "u2"])
        if random.random() < 0.4:
            fields["account_id"] = random.choice(accounts)
        events.append(w.event(random.choice(names), day, **fields))
    return events


async def wipe(w: World) -> None:
    """Delete all events and everything that followed from them; maps stay."""
    async with connected(w.url) as owner:
        for table in (
            "identifier", "identity_statement", "member", "subject", "placement", "touchpoint",
            "transition", "deadline", "alert", "outbox", "consumer_offset", "dead_letter", "erasure",
            "suppression", "source_event", "subject_snapshot", "retraction", "imported_event",
        ):  # fmt: skip
            await owner.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    w.positions.clear()
    w.restart()
