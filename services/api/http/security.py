"""Keys and scopes as FastAPI security."""

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.requests import Request

from services.api.context import context_of
from shared.http.auth import authorize
from shared.http.openapi import BEARER
from shared.keys.principal import Principal, Scope

KEY = HTTPBearer(scheme_name="key", description=BEARER["description"], auto_error=False)


async def authorized(
    request: Request,
    required: SecurityScopes,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(KEY)],
) -> None:
    """Security dependency of every route: the request has a key that holds the route's scope.

    Raises NotAuthenticated or MissingScope.
    """
    (scope,) = required.scopes
    token = credentials.credentials.strip() if credentials else None
    request.state.principal = await authorize(context_of(request).keys, token or None, Scope(scope))


async def caller(request: Request) -> Principal:
    """Principal that `authorized` let pass."""
    principal: Principal = request.state.principal
    return principal
