"""SQL on imports: what is stored of each, and what was taken back."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import WorkspaceId

_OF_PAGE = """
    SELECT page.import_id, r.author, r.reason, r.requested_at, r.finished_at,
           coalesce(r.touchpoints, 0) AS retracted,
           (SELECT count(*) FROM imported_event i
            WHERE i.workspace_id = :workspace_id AND i.import_id = page.import_id) AS touchpoints
    FROM page LEFT JOIN retraction r
      ON r.workspace_id = :workspace_id AND r.kind = 'import' AND r.target = page.import_id
    ORDER BY page.import_id
"""

# By steps along the primary key, one for each import and not for each of its events; then those of which
# nothing is stored any more.
_IMPORTS = text(f"""
    WITH RECURSIVE step (import_id) AS (
        SELECT min(import_id) FROM imported_event
        WHERE workspace_id = :workspace_id AND import_id > :after
        UNION ALL
        SELECT (SELECT min(i.import_id) FROM imported_event i
                WHERE i.workspace_id = :workspace_id AND i.import_id > step.import_id)
        FROM step WHERE step.import_id IS NOT NULL
    ), page (import_id) AS (
        (SELECT import_id FROM step WHERE import_id IS NOT NULL LIMIT :rows)
        UNION
        (SELECT target FROM retraction
         WHERE workspace_id = :workspace_id AND kind = 'import' AND target > :after
         ORDER BY target LIMIT :rows)
        ORDER BY 1 LIMIT :rows
    )
    {_OF_PAGE}
""")  # noqa: S608 - constant text

_IMPORT = text(f"""
    WITH page (import_id) AS (
        SELECT CAST(:import_id AS text) COLLATE "C"
        WHERE EXISTS (SELECT FROM imported_event
                      WHERE workspace_id = :workspace_id AND import_id = :import_id)
           OR EXISTS (SELECT FROM retraction WHERE workspace_id = :workspace_id AND kind = 'import'
                                               AND target = :import_id)
    )
    {_OF_PAGE}
""")  # noqa: S608 - constant text


async def imports(
    connection: AsyncConnection, workspace_id: WorkspaceId, *, after: str, limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Imports in the order of their ids, one more than `limit`.

    Cost: one read of an index for each import of the page, and a count of its stored events.
    """
    values = {"workspace_id": workspace_id, "after": after, "rows": limit + 1}
    return (await connection.execute(_IMPORTS, values)).all()


async def with_id(
    connection: AsyncConnection, workspace_id: WorkspaceId, import_id: str
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The import with this id, if anything is or was stored of it."""
    values = {"workspace_id": workspace_id, "import_id": import_id}
    return (await connection.execute(_IMPORT, values)).all()
