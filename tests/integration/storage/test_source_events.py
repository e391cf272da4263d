"""What ingest writes of its sources, in its own role: newest events, usage; and from a request on."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.errors import DatabaseUnavailable
from shared.ids import DEFAULT_WORKSPACE
from shared.sources.event import Outcome, SourceEvent, SourceUsage
from shared.storage.connect import DatabaseRole
from shared.storage.source_events import KEPT_EVENTS, writer
from tests.support.database import Connection, engine_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with engine_of(database_url, role=DatabaseRole.INGEST) as engine:
        yield engine


@pytest.fixture(autouse=True)
async def _two_sources(owner: Connection) -> None:
    for name in ("website", "app"):
        await owner.execute(
            "INSERT INTO source (workspace_id, source_id, name, kind, created_at)"
            " VALUES (1, $1, $2, 'web', now())",
            f"src_{name}",
            name,
        )


def seen(number: int, source_id: str = "src_website") -> SourceEvent:
    return SourceEvent(
        workspace_id=DEFAULT_WORKSPACE,
        source_id=source_id,
        received_at=NOW,
        route="/v1/touchpoints",
        outcome=Outcome.ACCEPTED,
        message_id=f"m-{number}",
        event="Zürich \U0001f600",
    )


def used(source_id: str = "src_website", accepted: int = 1) -> SourceUsage:
    return SourceUsage(
        workspace_id=DEFAULT_WORKSPACE,
        source_id=source_id,
        day=NOW.date(),
        accepted=accepted,
        dropped=1,
    )


async def test_the_newest_are_kept_of_each_source_in_their_order(
    engine: AsyncEngine, owner: Connection
) -> None:
    write = writer(engine)
    await write([seen(0, "src_app")], [])
    await write([seen(number) for number in range(150)], [])
    await write([seen(number) for number in range(150, 300)], [])

    kept = await owner.fetch(
        "SELECT message_id FROM source_event WHERE source_id = 'src_website'"
        " ORDER BY source_event_id"
    )
    assert [row["message_id"] for row in kept] == [
        f"m-{number}" for number in range(300 - KEPT_EVENTS, 300)
    ]
    other = await owner.fetchrow("SELECT * FROM source_event WHERE source_id = 'src_app'")
    assert other is not None
    assert (other["received_at"], other["event"]) == (NOW, "Zürich \U0001f600")
    assert (other["outcome"], other["code"], other["person"]) == ("accepted", None, None)


async def test_usage_adds_up_over_processes(engine: AsyncEngine, owner: Connection) -> None:
    write = writer(engine)
    await write([], [used("src_app", 2), used("src_website", 3)])
    await write([], [used("src_app", 5)])

    rows = await owner.fetch("SELECT * FROM source_usage ORDER BY source_id")
    assert [(r["source_id"], r["accepted"], r["refused"], r["dropped"]) for r in rows] == [
        ("src_app", 7, 0, 2),
        ("src_website", 3, 0, 1),
    ]


async def test_a_source_that_was_removed_meanwhile_leaves_nothing_behind(
    engine: AsyncEngine, owner: Connection
) -> None:
    await writer(engine)([seen(1, "src_gone"), seen(2)], [used("src_gone"), used()])

    for table in ("source_event", "source_usage"):
        rows = await owner.fetch(f"SELECT source_id FROM {table}")  # noqa: S608 - from above
        assert [row["source_id"] for row in rows] == ["src_website"]


async def test_what_cannot_be_stored_is_reported_and_writes_nothing(
    engine: AsyncEngine, owner: Connection
) -> None:
    broken = SourceEvent(
        workspace_id=DEFAULT_WORKSPACE,
        source_id="src_app",
        received_at=NOW,
        route="/",
        outcome=Outcome.REFUSED,
        code="a\x00b",
    )

    with pytest.raises(DatabaseUnavailable):
        await writer(engine)([seen(1), broken], [used()])

    assert await owner.fetchval("SELECT count(*) FROM source_event") == 0
    assert await owner.fetchval("SELECT count(*) FROM source_usage") == 0


async def test_a_database_that_is_away_is_reported_as_such() -> None:
    async with engine_of("postgresql://nobody@127.0.0.1:1/none") as engine:
        with pytest.raises(DatabaseUnavailable):
            await writer(engine)([seen(1)], [])
