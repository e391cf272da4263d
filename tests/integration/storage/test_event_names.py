"""Counts of event names as ingest adds them, in its own role."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import DEFAULT_WORKSPACE
from shared.sources.event import EventNameCount
from shared.storage import event_names
from shared.storage.connect import DatabaseRole
from tests.support.database import Connection, engine_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def ingest(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with (
        engine_of(database_url, role=DatabaseRole.INGEST) as engine,
        engine.connect() as connection,
    ):
        yield connection


def counted(event: str, accepted: int, seen_at: datetime = NOW) -> EventNameCount:
    return EventNameCount(
        workspace_id=DEFAULT_WORKSPACE, event=event, accepted=accepted, seen_at=seen_at
    )


async def test_counts_add_up_and_keep_first_and_last_time(
    ingest: AsyncConnection, owner: Connection
) -> None:
    later = NOW + timedelta(hours=1)
    await event_names.add(ingest, [counted("A", 2), counted("B", 1)])
    await event_names.add(ingest, [counted("A", 3, later)])
    await event_names.add(ingest, [counted("A", 1, NOW)])
    await ingest.commit()

    rows = await owner.fetch("SELECT * FROM event_name ORDER BY event")
    assert [tuple(row) for row in rows] == [(1, "A", 6, NOW, later), (1, "B", 1, NOW, NOW)]


async def test_a_full_table_counts_the_names_that_it_has_and_takes_no_new_one(
    ingest: AsyncConnection, owner: Connection
) -> None:
    await event_names.add(ingest, [counted("A", 1), counted("B", 1)], most=2)
    await event_names.add(ingest, [counted("B", 1), counted("C", 1)], most=2)
    await ingest.commit()

    rows = await owner.fetch("SELECT event, accepted FROM event_name ORDER BY event")
    assert [tuple(row) for row in rows] == [("A", 1), ("B", 2)]
