"""Errors as `application/problem+json` (RFC 9457).

A problem names what was wrong and where; it never repeats what was sent, so an answer cannot be made
to carry somebody's input. `type` points into docs/problems.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from starlette.responses import Response

TYPE_BASE = "https://stageline.dev/problems/"
MEDIA_TYPE = "application/problem+json"


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
    """Build the answer. `code` is snake_case and stable: callers may switch on it.

    `detail` must not contain anything that the caller sent.
    """
    body: dict[str, object] = {
        "type": TYPE_BASE + code.replace("_", "-"),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
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


def unavailable(code: str, detail: str, *, retry_after_seconds: int = 2) -> Response:
    """503 with an integer Retry-After: the only form that every SDK understands."""
    return problem(503, code, detail, headers={"Retry-After": str(retry_after_seconds)})
