"""Refusals of a connection: responses to what is no request yet, or no valid one, before any application."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from shared.http.problem import problem
from shared.ids import new_request_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One reason to refuse a connection, which ends with the response."""

    status: int
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> bytes:
        """The whole response, with an id of its own as every request has one."""
        request_id = new_request_id()
        headers = {**self.headers, "X-Request-Id": request_id, "Connection": "close"}
        made = problem(self.status, self.code, self.detail, headers=headers, request_id=request_id)
        status_line = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}".encode()
        lines = [status_line, *(b"%b: %b" % pair for pair in made.raw_headers)]
        return b"\r\n".join([*lines, b"", bytes(made.body)])


TOO_MANY_CONNECTIONS = Refusal(
    status=503,
    code="too_many_connections",
    detail="Too many connections are open; try again.",
    headers={"Retry-After": "2"},
)
HEAD_TIMEOUT = Refusal(
    status=408, code="head_timeout", detail="The request did not arrive in time."
)
HEAD_TOO_LARGE = Refusal(status=431, code="head_too_large", detail="The headers are too large.")
MALFORMED_REQUEST = Refusal(
    status=400,
    code="malformed_request",
    detail="This is no valid HTTP request; in its address, percent-encode all but ASCII.",
)
INVALID_HOST = Refusal(
    status=400, code="invalid_host", detail="A request has exactly one header `Host`."
)

CODES = {
    each.code: each.status
    for each in (
        TOO_MANY_CONNECTIONS, HEAD_TIMEOUT, HEAD_TOO_LARGE, MALFORMED_REQUEST, INVALID_HOST,
    )
}  # fmt: skip
"""Code to status."""
