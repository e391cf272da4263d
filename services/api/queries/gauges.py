"""Counts for the gauges: subjects in each stage and open alerts, of one workspace.

Row-level security applies here as well: the sum over all workspaces takes one transaction for each, so
that nothing needs to bypass it. Each count is an index-only scan.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import WorkspaceId
from shared.storage.tables import alert, api_key, placement

# Every workspace with a key: the api does not serve one without.
_WORKSPACES = select(api_key.c.workspace_id).distinct()

# Subjects by journey, stage and status: along the index that begins with these.
_STAGES = select(
    placement.c.journey, placement.c.stage, placement.c.status, func.count().label("subjects")
).group_by(placement.c.journey, placement.c.stage, placement.c.status)

# Unresolved alerts by journey and kind: along the partial index of unresolved alerts.
_ALERTS = select(alert.c.journey, alert.c.kind, func.count().label("alerts")).group_by(
    alert.c.journey, alert.c.kind
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of one workspace."""

    stages: dict[tuple[str, str, str], int]
    """By journey, stage (empty: none) and status."""
    alerts: dict[tuple[str, str], int]
    """By journey and kind."""


async def workspaces(connection: AsyncConnection) -> list[WorkspaceId]:
    """Every workspace that has a key."""
    return [WorkspaceId(each) for each in (await connection.execute(_WORKSPACES)).scalars()]


async def counts(connection: AsyncConnection, workspace_id: WorkspaceId) -> Counts:
    """Counts of the workspace that the transaction is set to."""
    stages = await connection.execute(_STAGES.where(placement.c.workspace_id == workspace_id))
    alerts = await connection.execute(
        _ALERTS.where(alert.c.workspace_id == workspace_id, alert.c.state != "resolved")
    )
    return Counts(
        stages={(row.journey, row.stage or "", row.status): row.subjects for row in stages},
        alerts={(row.journey, row.kind): row.alerts for row in alerts},
    )
