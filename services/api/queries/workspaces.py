"""SQL on workspaces for the key of an operator, by the functions of migration 0007.

The api's role sees the workspace of its connection alone. The functions run as the owner of the
tables, and each one asks for a valid operator's key itself.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import WorkspaceId
from shared.keys.principal import SCOPES_OF_KIND
from shared.keys.token import KeyKind, NewKey
from shared.storage.workspaces import StoredWorkspace, WorkspaceNameInUse, checked_name

_IS_VALID = text("SELECT operator_is_valid(:operator)")
_PAGE = text("""
    SELECT workspace_id, name, created_at FROM operator_list_workspaces(:operator)
    WHERE workspace_id > :after ORDER BY workspace_id LIMIT :limit
""")
_CREATE = text("""
    SELECT operator_create_workspace(:operator, :name, :key_id, :secret_hash, :scopes, :now)
""")
_RENAME = text("SELECT * FROM operator_rename_workspace(:operator, :workspace_id, :name)")


async def is_operator(connection: AsyncConnection, key_id: str) -> bool:
    """Whether this is the key of an operator at this moment, whatever a cache of keys says."""
    return bool((await connection.execute(_IS_VALID, {"operator": key_id})).scalar_one())


async def page(
    connection: AsyncConnection, operator: str, *, after: int, limit: int
) -> Sequence[StoredWorkspace]:
    """Workspaces with an id above `after`, oldest first. `operator` is the id of the operator's key."""
    rows = await connection.execute(_PAGE, {"operator": operator, "after": after, "limit": limit})
    return [_stored(row) for row in rows]


async def create(
    connection: AsyncConnection, operator: str, name: str, first_key: NewKey, now: datetime
) -> StoredWorkspace:
    """Store a workspace and its first key, a secret one with every scope.

    Raises WorkspaceRefused for a name that no workspace can have, WorkspaceNameInUse.
    """
    values = {
        "operator": operator,
        "name": checked_name(name),
        "key_id": first_key.key_id,
        "secret_hash": first_key.secret_hash,
        "scopes": sorted(SCOPES_OF_KIND[KeyKind.SECRET]),
        "now": now,
    }
    try:
        workspace_id = (await connection.execute(_CREATE, values)).scalar_one()
    except IntegrityError as exc:
        raise _in_use() from exc
    return StoredWorkspace(workspace_id=WorkspaceId(workspace_id), name=name, created_at=now)


async def rename(
    connection: AsyncConnection, operator: str, workspace_id: WorkspaceId, name: str
) -> StoredWorkspace | None:
    """The workspace under its new name, or None if there is none with this id.

    Raises WorkspaceRefused for a name that no workspace can have, WorkspaceNameInUse.
    """
    values = {"operator": operator, "workspace_id": workspace_id, "name": checked_name(name)}
    try:
        row = (await connection.execute(_RENAME, values)).one_or_none()
    except IntegrityError as exc:
        raise _in_use() from exc
    return None if row is None else _stored(row)


def _in_use() -> WorkspaceNameInUse:
    return WorkspaceNameInUse("another workspace has this name")


def _stored(row: Row[*tuple[Any, ...]]) -> StoredWorkspace:
    return StoredWorkspace(
        workspace_id=WorkspaceId(row.workspace_id), name=row.name, created_at=row.created_at
    )
