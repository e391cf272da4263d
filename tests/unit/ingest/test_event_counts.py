"""Counts of accepted events by name: nothing is lost while the database is away, and names are bounded."""

from collections.abc import Sequence
from datetime import timedelta

from services.ingest.event_counts import EventCounts
from shared.errors import DatabaseUnavailable
from shared.ids import WorkspaceId
from shared.sources.event import EventNameCount
from tests.support.touchpoints import event
from tests.unit.ingest.conftest import NOW

ONE, TWO = WorkspaceId(1), WorkspaceId(2)


class FakeDatabase:
    """Adds nothing while `is_away`."""

    def __init__(self) -> None:
        self.rows: list[EventNameCount] = []
        self.is_away = False
        self.counts = EventCounts(self.write)

    async def write(self, counts: Sequence[EventNameCount]) -> None:
        if self.is_away:
            raise DatabaseUnavailable
        self.rows += counts

    def written(self) -> list[tuple[int, str, int]]:
        return [(row.workspace_id, row.event, row.accepted) for row in self.rows]


async def test_events_are_counted_by_workspace_and_name() -> None:
    database = FakeDatabase()
    database.counts.add(ONE, [event("Demo Requested"), event("Page Viewed")], NOW)
    database.counts.add(ONE, [event("Demo Requested")], NOW + timedelta(seconds=1))
    database.counts.add(TWO, [event("Demo Requested")], NOW)

    await database.counts.flush()
    await database.counts.flush()

    assert database.written() == [
        (1, "Demo Requested", 2),
        (1, "Page Viewed", 1),
        (2, "Demo Requested", 1),
    ]
    assert database.rows[0].seen_at == NOW + timedelta(seconds=1)


async def test_counts_wait_while_the_database_is_away() -> None:
    database = FakeDatabase()
    database.is_away = True
    database.counts.add(ONE, [event("Demo Requested")], NOW)
    await database.counts.flush()
    database.counts.add(ONE, [event("Demo Requested")], NOW)

    database.is_away = False
    await database.counts.flush()

    assert database.written() == [(1, "Demo Requested", 2)]


async def test_what_names_a_person_or_an_account_is_no_event() -> None:
    database = FakeDatabase()
    database.counts.add(ONE, [event("Identified", type="identify"), event("P", type="page")], NOW)

    await database.counts.flush()

    assert database.written() == [(1, "P", 1)]


async def test_names_beyond_the_bound_are_left_out() -> None:
    database = FakeDatabase()
    database.counts.add(ONE, [event(f"E{n}") for n in range(6_000)], NOW)

    await database.counts.flush()

    assert len(database.rows) == 5_000
