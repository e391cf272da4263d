"""`GET /v1/identity/conflicts`: statements that joined nothing."""

from typing import Annotated

from fastapi import Query

from services.api import cursors
from services.api.cursors import StatementPosition
from services.api.dependencies import Database, Limits
from services.api.errors import Code
from services.api.http.routing import ScopedRouter
from services.api.identity.statements import EXPLICIT
from services.api.pagination import position
from services.api.queries.identity import conflicts as stored
from services.api.queries.identity import people
from services.api.routes.identity.shown import conflict
from services.api.schemas.identity import people as schemas
from shared.keys.principal import Scope

router = ScopedRouter(prefix="/v1/identity", tags=["people"])

_LISTING = "conflicts"


@router.get(
    "/conflicts",
    operation_id="listConflicts",
    scope=Scope.STAGES_READ,
    refusals=[Code.INVALID_CURSOR],
    summary="Statements that joined nothing, and why",
    response_description="A page of conflicts.",
    example=schemas.CONFLICTS_EXAMPLE,
)
async def list_conflicts(
    query: Annotated[schemas.ConflictsQuery, Query()], database: Database, limits: Limits
) -> schemas.Conflicts:
    """Statements whose two names are of two persons or two accounts, ordered by their names.

    A page looks at up to 20,000 statements and may hold fewer items than `limit`, or none: continue with
    `next_cursor` until it is null.
    """
    workspace_id = database.workspace_id
    after = position(query, StatementPosition, _LISTING)
    async with database.transaction() as connection:
        unjoined, end = await stored.page(connection, workspace_id, after=after, limit=query.limit)
        refused = await stored.with_reasons(connection, workspace_id, unjoined, limits)
        authors = await people.authors(
            connection,
            workspace_id,
            {each.statement.message_id for each in refused if each.statement.kind == EXPLICIT},
        )
    return schemas.Conflicts(
        items=[conflict(each, authors) for each in refused],
        next_cursor=None if end is None else cursors.encode(end, _LISTING, query),
    )
