"""The job that resolves names again: how far it is, and what gives it all names once more.

A name waits for it while its row has version 0. The stager works on it beside its batches; see
docs/decisions/0024.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.storage.identity.tables import identifier, identity_job

JOB = "resolve-again"
"""Row of `identity_job` that migration 0011 makes."""

Position = tuple[int, str]
"""Workspace and name."""

_name = identifier.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the job is."""

    total: int
    """Names that waited when it began."""
    left: int
    """Names that wait now."""
    created_at: datetime
    finished_at: datetime | None

    @property
    def done(self) -> int:
        """Names that wait no more, whether the job or a batch resolved them."""
        return max(0, self.total - self.left)


async def progress(connection: AsyncConnection) -> Progress:
    """How far the job is. Cost: one read of the index of the names that wait."""
    left = select(func.count()).select_from(identifier).where(_name.version == 0)
    result = await connection.execute(
        select(
            identity_job.c.total,
            left.scalar_subquery().label("left"),
            identity_job.c.created_at,
            identity_job.c.finished_at,
        ).where(identity_job.c.job == JOB)
    )
    row = result.one()
    return Progress(
        total=row.total, left=row.left, created_at=row.created_at, finished_at=row.finished_at
    )


async def start(connection: AsyncConnection) -> None:
    """Begin a new run of the job, without any names yet."""
    await connection.execute(
        update(identity_job)
        .where(identity_job.c.job == JOB)
        .values(done=0, total=0, created_at=func.now(), finished_at=None)
    )


async def mark(connection: AsyncConnection, after: Position, limit: int) -> Position | None:
    """Let up to `limit` names after a position wait; the last of them, or None where there are none.

    Locks them in their order, as the stager does. One that waits already is counted and stays as it is.
    """
    key = (_name.workspace_id, _name.identifier)
    chosen = (
        select(*key)
        .where(tuple_(*key) > tuple_(*after))
        .order_by(*key)
        .limit(limit)
        .with_for_update()
    )
    rows = (await connection.execute(chosen)).all()
    if not rows:
        return None
    last = (rows[-1].workspace_id, rows[-1].identifier)
    await connection.execute(
        update(identifier)
        .where(tuple_(*key) > tuple_(*after), tuple_(*key) <= tuple_(*last), _name.version != 0)
        .values(version=0)
    )
    await connection.execute(
        update(identity_job)
        .where(identity_job.c.job == JOB)
        .values(total=identity_job.c.total + len(rows), finished_at=None)
    )
    return last
