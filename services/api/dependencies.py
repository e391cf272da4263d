"""What a route may name in its signature, beside its own path, query and body."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Path
from pydantic import BeforeValidator
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.requests import Request

from services.api.context import ApiContext, context_of
from services.api.http.security import caller
from services.api.maps.cache import MapCache
from services.api.queries.connections import workspace_transaction
from shared.contracts.identity_limits import IdentityLimits
from shared.http.raw_path import percent_decoded
from shared.ids import WorkspaceId
from shared.keys.principal import Principal

Caller = Annotated[Principal, Depends(caller)]
"""The key's principal; its workspace is the only one that a route may touch."""


@dataclass(frozen=True, slots=True)
class WorkspaceDatabase:
    """Postgres as the caller's workspace sees it."""

    workspace_id: WorkspaceId
    _engine: AsyncEngine

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction; commits at the end. Raises DatabaseUnavailable.

        A route opens it itself: FastAPI resolves dependencies before it validates the query, and a
        connection held since then, while the route waits for another one, could exhaust the pool.
        """
        return workspace_transaction(self._engine, self.workspace_id)


async def _context(request: Request) -> ApiContext:
    return context_of(request)


Context = Annotated[ApiContext, Depends(_context)]


async def _database(context: Context, principal: Caller) -> WorkspaceDatabase:
    return WorkspaceDatabase(principal.workspace_id, context.engine)


Database = Annotated[WorkspaceDatabase, Depends(_database)]


async def _maps(context: Context) -> MapCache:
    return context.maps


Maps = Annotated[MapCache, Depends(_maps)]


async def _limits(context: Context) -> IdentityLimits:
    return context.identity_limits


Limits = Annotated[IdentityLimits, Depends(_limits)]
"""How many names a person may have."""


async def _now(context: Context) -> datetime:
    return context.clock.now()


Now = Annotated[datetime, Depends(_now)]
"""Instant of the request, UTC."""


DECODED = BeforeValidator(percent_decoded)

AccountId = Annotated[
    str,
    Path(
        min_length=1,
        description="The account's id, percent-encoded (slashes as `%2F`); also `user:ID`,"
        " `external:RECORD`, `email:ADDR` or `anonymous:ID`. An id that was merged leads to what it became.",
    ),
    DECODED,
]

JourneyId = Annotated[str, Path(min_length=1, description="The journey's key."), DECODED]
