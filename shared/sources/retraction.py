"""What ingest asks of the stored touchpoints before it accepts that one is taken back. Pure."""

from collections.abc import Sequence
from typing import Protocol

from shared.ids import WorkspaceId

TOUCHPOINT_ROUTE = "/v1/touchpoints/{message_id}"
IMPORT_ROUTE = "/v1/imports/{import_id}"
ROUTES = frozenset({TOUCHPOINT_ROUTE, IMPORT_ROUTE})
"""Routes of requests to retract: such a request is no touchpoint, and becomes none."""


class StoredTouchpoints(Protocol):
    """Which touchpoints are stored. Both raise TransientError while the database is away."""

    async def ids_of(
        self, workspace_id: WorkspaceId, message_id: str, source_id: str | None
    ) -> Sequence[str]:
        """Stored ids of the touchpoints that were sent with this message id, in order.

        `source_id`: by this source alone, `NO_SOURCE` for keys without one; None: by any.
        """
        ...

    async def has_import(self, workspace_id: WorkspaceId, import_id: str) -> bool:
        """Whether any touchpoint of an import is stored."""
        ...
