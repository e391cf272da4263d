"""Authentication by bearer key and authorization by scope, with responses that give nothing away.

Every failed authentication has one and the same 401; a valid key without the scope gets 403; while keys
cannot be checked the response is 503.
"""

import base64
import binascii

from starlette.responses import Response

from shared.errors import StagelineError
from shared.http.problem import problem, unavailable
from shared.keys.cache import AuthFailure, KeyCache
from shared.keys.principal import Principal, Scope

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="stageline"'}


class MissingScope(StagelineError):
    """The key is valid and does not hold the scope."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"this key does not hold {scope}")
        self.scope = scope


class NotAuthenticated(StagelineError):
    """The request has no key that authenticates; `failure` is for metrics, not for the response."""

    def __init__(self, failure: AuthFailure) -> None:
        super().__init__(failure.value)
        self.failure = failure


def bearer_token(authorization: str | None) -> str | None:
    """Token of an `Authorization: Bearer` header value, or None."""
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def basic_user(authorization: str | None) -> str | None:
    """User name of an `Authorization: Basic` header value, or None.

    SDKs put the write key there, with an empty password or without even the colon.
    """
    if authorization is None:
        return None
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return decoded.partition(":")[0].strip() or None


async def authorize(keys: KeyCache, token: str | None, scope: Scope) -> Principal:
    """Principal of `token`, if it holds `scope`.

    Raises NotAuthenticated or MissingScope; `denial` makes the response to either.
    """
    principal = await keys.authenticate(token)
    if isinstance(principal, AuthFailure):
        raise NotAuthenticated(principal)
    if scope not in principal.scopes:
        raise MissingScope(scope)
    return principal


def denial(error: NotAuthenticated | MissingScope) -> Response:
    """Response to a request that is not authorized."""
    match error:
        case MissingScope():
            return problem(
                403, "missing_scope", f"This key may not do that: it does not hold {error.scope}."
            )
        case NotAuthenticated(failure=AuthFailure.UNAVAILABLE):
            return unavailable("keys_unavailable", "Keys cannot be checked now; try again.")
        case NotAuthenticated():
            return problem(
                401,
                "unauthenticated",
                "Send a valid key as `Authorization: Bearer <key>`.",
                headers=_CHALLENGE,
            )
