"""Workspaces in Postgres: create, list, rename, find. Needs the owner's role, but for `checked_name`.

No function commits: the caller's transaction does.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import StagelineError
from shared.ids import WorkspaceId
from shared.storage.tables import workspace

# Not a number alone: commands take a name or an id.
_NAME = re.compile(r"(?!\d+$)[\w][\w .-]{0,62}")

_COLUMNS = select(workspace.c.workspace_id, workspace.c.name, workspace.c.created_at)


class WorkspaceRefused(StagelineError):
    """The name cannot be used, or there is no such workspace; the message is a sentence."""


class WorkspaceNameInUse(WorkspaceRefused):
    """Another workspace has the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWorkspace:
    """A workspace without its hash key."""

    workspace_id: WorkspaceId
    name: str
    created_at: datetime


async def create(connection: AsyncConnection, name: str, now: datetime) -> StoredWorkspace:
    """Store a new workspace. Raises WorkspaceRefused for a name that is invalid or in use."""
    statement = (
        insert(workspace)
        .values(name=checked_name(name), created_at=now)
        .returning(workspace.c.workspace_id, workspace.c.name, workspace.c.created_at)
    )
    try:
        return _stored((await connection.execute(statement)).one())
    except IntegrityError as exc:
        raise _in_use() from exc


async def list_workspaces(connection: AsyncConnection) -> list[StoredWorkspace]:
    """Every workspace, oldest first."""
    rows = await connection.execute(_COLUMNS.order_by(workspace.c.workspace_id))
    return [_stored(row) for row in rows]


async def rename(connection: AsyncConnection, current: StoredWorkspace, name: str) -> None:
    """Give a workspace another name. Raises WorkspaceRefused for one that is invalid or in use."""
    try:
        await connection.execute(
            update(workspace)
            .where(workspace.c.workspace_id == current.workspace_id)
            .values(name=checked_name(name))
        )
    except IntegrityError as exc:
        raise _in_use() from exc


async def find(connection: AsyncConnection, name_or_id: str) -> StoredWorkspace:
    """The workspace of this name or id. Raises WorkspaceRefused if there is none."""
    stored = await list_workspaces(connection)
    for each in stored:
        if name_or_id in {each.name, str(each.workspace_id)}:
            return each
    names = ", ".join(each.name for each in stored)
    raise WorkspaceRefused(f"there is no such workspace; there are: {names}")


def checked_name(name: str) -> str:
    """The name itself. Raises WorkspaceRefused for one that no workspace can have."""
    if not _NAME.fullmatch(name):
        raise WorkspaceRefused(
            "a workspace's name has at most 63 letters, digits, spaces, dots, dashes or"
            " underscores, begins with a letter or digit, and is not a number"
        )
    return name


def _in_use() -> WorkspaceNameInUse:
    return WorkspaceNameInUse(
        "another workspace has this name; `stageline workspace list` shows them"
    )


def _stored(row: Row[*tuple[Any, ...]]) -> StoredWorkspace:
    return StoredWorkspace(
        workspace_id=WorkspaceId(row.workspace_id), name=row.name, created_at=row.created_at
    )
