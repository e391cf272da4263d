"""Errors as `application/problem+json` (RFC 9457).

A problem names what was wrong and where; it never repeats input, so a request cannot put content of its
own into a response. `type` is RFC 9457's `about:blank`: `code` says what it would, and a domain of ours would
have to be registered for as long as any response names it. docs/problems.md explains each code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

TYPE = "about:blank"
MEDIA_TYPE = "application/problem+json"

_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""RFC 9110's names, where those of Python depend on its version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """One place in the request that is wrong. `pointer` is a JSON Pointer (RFC 6901)."""

    pointer: str
    detail: str


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
) -> Response:
    """Build the response. `code` is snake_case and stable: callers may switch on it.

    `detail` must not contain anything of the request.
    """
    body = members(status, code, detail)
    if errors:
        body["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in errors]
    if request_id:
        body["request_id"] = request_id
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def members(status: int, code: str, detail: str) -> dict[str, object]:
    """The members that every problem has, as a new dictionary."""
    return {
        "type": TYPE,
        "title": _TITLES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }


def unavailable(code: str, detail: str, *, retry_after_seconds: int = 2) -> Response:
    """503 with an integer Retry-After: the only form that every SDK understands."""
    return problem(503, code, detail, headers={"Retry-After": str(retry_after_seconds)})


def fault(request_id: str | None = None) -> Response:
    """500, without any detail of the failure."""
    return problem(
        500,
        "internal_error",
        "Something failed here; it is logged under the request id.",
        request_id=request_id,
    )


UNROUTED: Mapping[str, int] = {"not_found": 404, "method_not_allowed": 405}
"""Code to status of the refusals of a router."""


async def unrouted(request: Request, exc: Exception) -> Response:
    """Exception handler for the 404 and 405 of a router. Raises `exc` again if it is another."""
    request_id = request.scope.get("state", {}).get("request_id")
    match exc:
        case HTTPException(status_code=404):
            detail = "Nothing is served under this path."
            return problem(404, "not_found", detail, request_id=request_id)
        case HTTPException(status_code=405):
            detail = "This path does not take this method; see Allow."
            return problem(
                405, "method_not_allowed", detail, headers=exc.headers, request_id=request_id
            )
        case _:
            raise exc
