"""SQL on pushed values of indicators: one row for each instant, which a later push replaces."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.cursors import KpiPosition
from shared.ids import WorkspaceId
from shared.storage.source_tables import kpi_value

_KEY = (
    kpi_value.c.journey, kpi_value.c.stage, kpi_value.c.kpi, kpi_value.c.segment,
)  # fmt: skip
_COLUMNS = (*_KEY, kpi_value.c.at, kpi_value.c.value, kpi_value.c.origin, kpi_value.c.received_at)
_ORDER = (kpi_value.c.at, *_KEY)
"""Newest first; the rest of the key makes the order total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value to store. `at` has a time zone."""

    journey: str
    stage: str
    kpi: str
    segment: str
    at: datetime
    value: float
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Filters of a list; None passes every value."""

    journey: str | None = None
    stage: str | None = None
    kpi: str | None = None
    segment: str | None = None
    since: datetime | None = None


async def keep(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    readings: Sequence[Reading],
    now: datetime,
) -> None:
    """Store the readings; of several with one key the last one counts. Safe to repeat."""
    last = {(r.journey, r.stage, r.kpi, r.segment, r.at): r for r in readings}
    # Sorted by key, so that concurrent pushes cannot deadlock.
    rows = [
        {
            "workspace_id": workspace_id,
            "journey": reading.journey,
            "stage": reading.stage,
            "kpi": reading.kpi,
            "segment": reading.segment,
            "at": reading.at,
            "value": reading.value,
            "origin": reading.origin,
            "received_at": now,
        }
        for _, reading in sorted(last.items(), key=lambda pair: pair[0])
    ]
    statement = insert(kpi_value)
    changed = {name: statement.excluded[name] for name in ("value", "origin", "received_at")}
    await connection.execute(
        statement.on_conflict_do_update(constraint="kpi_value_pkey", set_=changed), rows
    )


async def page(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    filters: Filters,
    *,
    after: KpiPosition | None,
    limit: int,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """At most `limit` values, newest first, after the position `after`."""
    statement = (
        select(*_COLUMNS)
        .where(kpi_value.c.workspace_id == workspace_id)
        .order_by(*(column.desc() for column in _ORDER))
        .limit(limit)
    )
    for column, wanted in (
        (kpi_value.c.journey, filters.journey),
        (kpi_value.c.stage, filters.stage),
        (kpi_value.c.kpi, filters.kpi),
        (kpi_value.c.segment, filters.segment),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if filters.since is not None:
        statement = statement.where(kpi_value.c.at >= filters.since)
    if after is not None:
        position = (after.at, after.journey, after.stage, after.kpi, after.segment)
        statement = statement.where(tuple_(*_ORDER) < tuple_(*position))
    return (await connection.execute(statement)).all()
