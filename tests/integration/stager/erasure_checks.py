"""Requests to erase a person, and checks of what is left of one."""

from typing import Any

from services.cli.client.database import transact
from services.cli.operate.verify import examine
from shared.contracts.envelope import Envelope
from tests.integration.stager.world import World
from tests.support.database import connected


def erase(w: World, day: float = 20, **names: Any) -> Envelope:
    return w.event("Erasure Requested", day, type="erase", **names)


TABLES_WITH_NAMES = (
    "identifier", "member", "subject", "placement", "touchpoint", "transition", "deadline", "alert",
    "outbox", "dead_letter", "source_event", "suppression", "erasure", "subject_snapshot",
)  # fmt: skip


async def holds(w: World, *texts: str) -> list[str]:
    """Tables in which one of the texts still occurs, in whatever column."""
    async with connected(w.url) as owner:
        tables = []
        for table in TABLES_WITH_NAMES:
            rows = await owner.fetch(
                "SELECT 1 FROM (SELECT t::text || coalesce(encode("  # noqa: S608 - our own names
                + ("t.record_value" if table == "dead_letter" else "NULL")
                + f", 'escape'), '') AS all FROM {table} t) x WHERE x.all ILIKE ANY($1::text[])",
                [f"%{text}%" for text in texts],
            )
            if rows:
                tables.append(table)
    return tables


async def erased_records(w: World) -> tuple[int, int]:
    rows = await w.rows("SELECT sum(erased), sum(forgotten) FROM consumer_offset")
    return int(rows[0][0]), int(rows[0][1])


async def is_sound(w: World) -> None:
    report = await transact(
        w.url, lambda connection: examine(connection, deep=True, now=w.clock.now())
    )
    assert report.problems == [], report.problems
