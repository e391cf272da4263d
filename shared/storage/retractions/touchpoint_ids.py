"""Message ids of stored touchpoints by the id as it was sent. Reads two columns, and no event.

A message id is stored behind the scope of its sender (`shared.contracts.message_ids`), so the one as sent is
looked for behind every scope that the workspace has: they are found by steps along the primary key, as many
as there are scopes, and not from the list of sources, of which one may have been deleted.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.message_ids import scope
from shared.ids import WorkspaceId
from shared.sources.event import NO_SOURCE
from shared.storage.errors import any_as_unavailable

# `0` is the character after `/`: behind every id of a scope. In a narrower scope `!` and ten digits follow
# the id, and `"` is the character after `!`.
_IDS = text(r"""
    WITH RECURSIVE step (message_id) AS (
        SELECT (SELECT t.message_id FROM touchpoint t
                WHERE t.workspace_id = :workspace_id AND t.message_id >= '~'
                ORDER BY t.message_id LIMIT 1)
        UNION ALL
        SELECT (SELECT t.message_id FROM touchpoint t
                WHERE t.workspace_id = :workspace_id
                  AND t.message_id > coalesce(
                      rtrim(substring(s.message_id from '^~[ws](?:\.[0-9A-Za-z_-]+)?\+?/'), '/') || '0',
                      s.message_id)
                ORDER BY t.message_id LIMIT 1)
        FROM step s WHERE s.message_id IS NOT NULL
    ), scope (prefix) AS (
        SELECT substring(message_id from '^~[ws](?:\.[0-9A-Za-z_-]+)?\+?/') FROM step
        WHERE message_id IS NOT NULL
    )
    SELECT t.message_id FROM touchpoint t
    WHERE t.workspace_id = :workspace_id AND t.message_id = :sent AND :any_source
    UNION
    SELECT t.message_id FROM scope s JOIN touchpoint t
      ON t.workspace_id = :workspace_id AND t.message_id = s.prefix || :sent
    WHERE s.prefix NOT LIKE '%+/' AND (:any_source OR rtrim(s.prefix, '+/') = ANY(:scopes))
    UNION
    SELECT t.message_id FROM scope s JOIN touchpoint t
      ON t.workspace_id = :workspace_id
     AND t.message_id > s.prefix || :sent || '!' AND t.message_id < s.prefix || :sent || '"'
     AND length(t.message_id) = length(s.prefix || :sent) + 11
    WHERE s.prefix LIKE '%+/' AND (:any_source OR rtrim(s.prefix, '+/') = ANY(:scopes))
    ORDER BY 1
""")

_HAS_IMPORT = text("""
    SELECT EXISTS (SELECT FROM imported_event
                   WHERE workspace_id = :workspace_id AND import_id = :import_id)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchpointIds:
    """The look-ups on an engine. Each raises DatabaseUnavailable, after `timeout_seconds` at the latest."""

    engine: AsyncEngine
    timeout_seconds: float

    async def ids_of(
        self, workspace_id: WorkspaceId, message_id: str, source_id: str | None
    ) -> Sequence[str]:
        """See `StoredTouchpoints`. Cost: one read of an index for each scope of the workspace, and three."""
        own = None if source_id == NO_SOURCE else source_id
        scopes = [scope(is_public=each, source_id=own).rstrip("/") for each in (True, False)]
        values = {
            "workspace_id": workspace_id,
            "sent": message_id,
            "any_source": source_id is None,
            "scopes": scopes,
        }
        with any_as_unavailable("the stored touchpoints cannot be read"):
            async with asyncio.timeout(self.timeout_seconds), self.engine.connect() as connection:
                return list((await connection.execute(_IDS, values)).scalars())

    async def has_import(self, workspace_id: WorkspaceId, import_id: str) -> bool:
        """See `StoredTouchpoints`."""
        values = {"workspace_id": workspace_id, "import_id": import_id}
        with any_as_unavailable("the stored touchpoints cannot be read"):
            async with asyncio.timeout(self.timeout_seconds), self.engine.connect() as connection:
                return bool(await connection.scalar(_HAS_IMPORT, values))
