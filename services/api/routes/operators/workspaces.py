"""`/v1/workspaces`: made, listed and renamed by the key of an operator, which sees nothing within them."""

from typing import Annotated

import structlog
from fastapi import Path, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.cursors import WorkspacePosition
from services.api.dependencies import DECODED, Caller, Database, Now
from services.api.errors import Code, RequestRefused
from services.api.http.routing import RequestBody, ScopedRouter
from services.api.pagination import paginate, position
from services.api.queries import workspaces as queries
from services.api.schemas.base import PageQuery
from services.api.schemas.operators import workspaces as schemas
from shared.http.auth import NotAuthenticated
from shared.http.problem import FieldProblem
from shared.ids import WorkspaceId
from shared.keys import token as tokens
from shared.keys.cache import AuthFailure
from shared.keys.principal import Principal, Scope
from shared.keys.token import KeyKind
from shared.storage.workspaces import StoredWorkspace, WorkspaceNameInUse, WorkspaceRefused

log = structlog.get_logger(__name__)

router = ScopedRouter(prefix="/v1/workspaces", tags=["workspaces"])

_LISTING = "workspaces"
_MAX_BODY_BYTES = 8_192
_MAX_DIGITS = 9
"""Of an id; one with more does not exist, and may be too large for the column."""

_BODY = RequestBody(
    max_bytes=_MAX_BODY_BYTES, description="The name.", example=schemas.NAME_EXAMPLE
)

RawWorkspaceId = Annotated[str, Path(min_length=1, description="The workspace's id."), DECODED]


@router.post(
    "",
    operation_id="createWorkspace",
    scope=Scope.WORKSPACES_WRITE,
    refusals=[Code.WORKSPACE_NAME_IN_USE],
    summary="Make a workspace and its first key",
    status_code=201,
    response_description="Made; the key is valid at once.",
    example=schemas.CREATED_EXAMPLE,
    body=_BODY,
)
async def create_workspace(
    new: schemas.WorkspaceName, caller: Caller, database: Database, now: Now
) -> schemas.CreatedWorkspace:
    """Its keys, maps, sources and data are apart from those of all others. It has no map yet.

    The key is shown only in this response. If the response is lost, the name is in use already: an
    operator with access to the database makes another key with `stageline keys create --workspace`.
    """
    key = tokens.generate(KeyKind.SECRET)
    try:
        async with database.transaction() as connection:
            await _require_operator(connection, caller)
            made = await queries.create(connection, caller.key_id, new.name, key, now)
    except WorkspaceRefused as exc:
        raise _refusal(exc) from exc
    log.info("workspace_created", workspace_id=made.workspace_id, operator_key=caller.key_id)
    return schemas.CreatedWorkspace(**_shown(made).model_dump(), key_id=key.key_id, key=key.token)


@router.get(
    "",
    operation_id="listWorkspaces",
    scope=Scope.WORKSPACES_WRITE,
    refusals=[Code.INVALID_CURSOR],
    summary="Every workspace, oldest first",
    response_description="A page of workspaces.",
    example=schemas.WORKSPACES_EXAMPLE,
)
async def list_workspaces(
    query: Annotated[PageQuery, Query()], caller: Caller, database: Database
) -> schemas.Workspaces:
    """Their names, and nothing of what is in them. Continue with `next_cursor` until it is null."""
    after = position(query, WorkspacePosition, _LISTING)
    async with database.transaction() as connection:
        await _require_operator(connection, caller)
        rows = await queries.page(
            connection,
            caller.key_id,
            after=after.workspace_id if after else 0,
            limit=query.limit + 1,
        )
    page = paginate(rows, query, _LISTING, lambda row: WorkspacePosition(row.workspace_id))
    return schemas.Workspaces(
        items=[_shown(row) for row in page.rows], next_cursor=page.next_cursor
    )


@router.patch(
    "/{workspace_id:encoded}",
    operation_id="renameWorkspace",
    scope=Scope.WORKSPACES_WRITE,
    refusals=[Code.WORKSPACE_UNKNOWN, Code.WORKSPACE_NAME_IN_USE],
    summary="Rename a workspace",
    response_description="The workspace under its new name.",
    example=schemas.WORKSPACE_EXAMPLE,
    body=_BODY,
)
async def rename_workspace(
    workspace_id: RawWorkspaceId, new: schemas.WorkspaceName, caller: Caller, database: Database
) -> schemas.Workspace:
    """Its id, keys and data stay as they are."""
    try:
        async with database.transaction() as connection:
            await _require_operator(connection, caller)
            renamed = await queries.rename(connection, caller.key_id, _id(workspace_id), new.name)
    except WorkspaceRefused as exc:
        raise _refusal(exc) from exc
    if renamed is None:
        raise RequestRefused(Code.WORKSPACE_UNKNOWN)
    log.info("workspace_renamed", workspace_id=renamed.workspace_id, operator_key=caller.key_id)
    return _shown(renamed)


async def _require_operator(connection: AsyncConnection, caller: Principal) -> None:
    """Refuse a key that was revoked since the keys were read. Raises NotAuthenticated."""
    if not await queries.is_operator(connection, caller.key_id):
        raise NotAuthenticated(AuthFailure.REVOKED)


def _id(text: str) -> WorkspaceId:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise RequestRefused(Code.WORKSPACE_UNKNOWN)
    return WorkspaceId(int(text))


def _refusal(exc: WorkspaceRefused) -> RequestRefused:
    if isinstance(exc, WorkspaceNameInUse):
        return RequestRefused(Code.WORKSPACE_NAME_IN_USE)
    return RequestRefused(
        Code.INVALID_BODY, errors=[FieldProblem(pointer="/name", detail=str(exc))]
    )


def _shown(stored: StoredWorkspace) -> schemas.Workspace:
    return schemas.Workspace(
        workspace_id=stored.workspace_id, name=stored.name, created_at=stored.created_at
    )
