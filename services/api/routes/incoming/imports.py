"""`/v1/imports`: what is stored of each import, and how far one that was taken back is."""

from typing import Annotated

from fastapi import Query

from services.api.cursors import ImportPosition
from services.api.dependencies import Database
from services.api.errors import Code
from services.api.http.routing import ScopedRouter
from services.api.pagination import paginate, position
from services.api.queries import imports as queries
from services.api.queries.sources import ResultRow
from services.api.schemas.incoming import imports as schemas
from shared.keys.principal import Scope

router = ScopedRouter(prefix="/v1/imports", tags=["sources"])

_LISTING = "imports"


@router.get(
    "",
    operation_id="listImports",
    scope=Scope.STAGES_READ,
    refusals=[Code.INVALID_CURSOR],
    summary="Imports, and how far a retraction is",
    response_description="A page of imports.",
    example=schemas.IMPORTS_EXAMPLE,
)
async def list_imports(
    query: Annotated[schemas.ImportsQuery, Query()], database: Database
) -> schemas.Imports:
    """Imports of which touchpoints are stored, or which were taken back, in the order of their ids.

    Ids that `stageline import` makes begin with the time.
    """
    after = position(query, ImportPosition, _LISTING)
    async with database.transaction() as connection:
        if query.import_id is None:
            rows = await queries.imports(
                connection,
                database.workspace_id,
                after="" if after is None else after.import_id,
                limit=query.limit,
            )
        else:
            rows = await queries.with_id(connection, database.workspace_id, query.import_id)
    page = paginate(rows, query, _LISTING, lambda row: ImportPosition(row.import_id))
    return schemas.Imports(items=[_import(row) for row in page.rows], next_cursor=page.next_cursor)


def _import(row: ResultRow) -> schemas.Import:
    retraction = None
    if row.requested_at is not None:
        retraction = schemas.ImportRetraction(
            requested_at=row.requested_at,
            author=row.author,
            reason=row.reason,
            retracted=row.retracted,
            finished_at=row.finished_at,
        )
    return schemas.Import(
        import_id=row.import_id, touchpoints=row.touchpoints, retraction=retraction
    )
