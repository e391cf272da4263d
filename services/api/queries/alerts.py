"""SQL on alerts: list, acknowledge, resolve."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.cursors import AlertPosition
from shared.ids import WorkspaceId
from shared.storage.tables import alert

MANUAL = "manual"
"""`resolution` of an alert that was resolved through the api."""

_COLUMNS = (
    alert.c.alert_id,
    alert.c.kind,
    alert.c.severity,
    alert.c.state,
    alert.c.subject_id,
    alert.c.journey,
    alert.c.stage,
    alert.c.cycle,
    alert.c.owner,
    alert.c.opened_at,
    alert.c.acknowledged_at,
    alert.c.acknowledged_by,
    alert.c.resolved_at,
    alert.c.resolved_by,
    alert.c.resolution,
    alert.c.last_touchpoint,
    alert.c.value_at_risk,
    alert.c.evidence,
    alert.c.summary,
)

# Newest first, along the index on (opened_at, alert_id).
_ALERTS = select(*_COLUMNS).order_by(alert.c.opened_at.desc(), alert.c.alert_id.desc())


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Filters of a list; None passes every alert."""

    state: str | None = None
    kind: str | None = None
    journey: str | None = None
    owner: str | None = None


async def page(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    filters: Filters,
    *,
    after: AlertPosition | None,
    limit: int,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """At most `limit` alerts, newest first, after the position `after`."""
    statement = _ALERTS.where(alert.c.workspace_id == workspace_id).limit(limit)
    for column, wanted in (
        (alert.c.state, filters.state),
        (alert.c.kind, filters.kind),
        (alert.c.journey, filters.journey),
        (alert.c.owner, filters.owner),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if after is not None:
        statement = statement.where(
            tuple_(alert.c.opened_at, alert.c.alert_id) < tuple_(after.opened_at, after.alert_id)
        )
    return (await connection.execute(statement)).all()


async def acknowledge(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    alert_id: UUID,
    *,
    by: str,
    now: datetime,
) -> Row[*tuple[Any, ...]] | None:
    """The alert, acknowledged if it was open, else unchanged; None if there is none.

    Safe to repeat: the first key and instant stay.
    """
    await connection.execute(
        update(alert)
        .where(
            alert.c.workspace_id == workspace_id,
            alert.c.alert_id == alert_id,
            alert.c.state == "open",
        )
        .values(state="acknowledged", acknowledged_at=now, acknowledged_by=by)
    )
    return await _one(connection, workspace_id, alert_id)


async def resolve(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    alert_id: UUID,
    *,
    by: str,
    now: datetime,
) -> Row[*tuple[Any, ...]] | None:
    """The alert, resolved if it was not, else unchanged; None if there is none.

    Safe to repeat: the first key and instant stay.
    """
    await connection.execute(
        update(alert)
        .where(
            alert.c.workspace_id == workspace_id,
            alert.c.alert_id == alert_id,
            alert.c.state != "resolved",
        )
        .values(state="resolved", resolved_at=now, resolved_by=by, resolution=MANUAL)
    )
    return await _one(connection, workspace_id, alert_id)


async def _one(
    connection: AsyncConnection, workspace_id: WorkspaceId, alert_id: UUID
) -> Row[*tuple[Any, ...]] | None:
    rows = await connection.execute(
        select(*_COLUMNS).where(alert.c.workspace_id == workspace_id, alert.c.alert_id == alert_id)
    )
    return rows.one_or_none()
