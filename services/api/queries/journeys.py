"""SQL on the progress of refolds; `shared.storage.journeys` reads the maps themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import WorkspaceId
from shared.storage.tables import refold_job


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Accounts that were refolded by a version, and all that have to be."""

    done: int
    total: int
    finished_at: datetime | None


# Jobs of one workspace: one row for each version ever published.
_JOBS = select(
    refold_job.c.journey,
    refold_job.c.version,
    refold_job.c.done,
    refold_job.c.total,
    refold_job.c.finished_at,
)


async def progress(
    connection: AsyncConnection, workspace_id: WorkspaceId, journey: str | None = None
) -> Mapping[tuple[str, int], Progress]:
    """Progress by journey and version, of one journey or of all."""
    statement = _JOBS.where(refold_job.c.workspace_id == workspace_id)
    if journey is not None:
        statement = statement.where(refold_job.c.journey == journey)
    return {
        (row.journey, row.version): Progress(
            done=row.done, total=row.total, finished_at=row.finished_at
        )
        for row in await connection.execute(statement)
    }
