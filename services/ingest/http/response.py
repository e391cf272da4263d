"""Answers of the ingest routes: bytes and headers made ready, open to browsers on any origin.

`*` and no credentials: the key in the request is the credential, a cookie never is.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from starlette.responses import Response
from starlette.types import Send

RawHeaders = list[tuple[bytes, bytes]]

_CORS: RawHeaders = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"retry-after, x-request-id, ratelimit, ratelimit-policy, x-ratelimit-reset",
    ),
]
_ALLOWED = (
    b"authorization, content-type, content-encoding, x-retry-count, x-request-id, anonymousid,"
    b" x-strict-mode, *"
)
"""`*` stands for what SDKs tell of their attempts, in headers that change with their versions, but not
for `authorization`; browsers that do not know it are told of the others."""
_PREFLIGHT: RawHeaders = [
    *_CORS,
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", _ALLOWED),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]
CLOSE: RawHeaders = [(b"connection", b"close")]
"""For an answer that comes before the body has: the rest of it is not a next request."""


class RawResponse:
    """One answer; may be sent any number of times."""

    __slots__ = ("_body", "_start", "body", "headers", "status")

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self._start = {"type": "http.response.start", "status": status, "headers": headers}
        self._body = {"type": "http.response.body", "body": body}

    def saying(self, headers: Sequence[tuple[bytes, bytes]]) -> "RawResponse":
        """The same with more headers."""
        return RawResponse(self.status, [*self.headers, *headers], self.body)

    async def send(self, send: Send) -> None:
        """Send it."""
        # A copy: whoever wraps `send` may add headers to the message.
        await send(dict(self._start))
        await send(self._body)


def json(
    status: int,
    payload: object,
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    media_type: str = "application/json",
) -> RawResponse:
    """A JSON answer."""
    body = msgspec.json.encode(payload)
    own = [
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    return RawResponse(status, [*own, *_CORS, *headers], body)


def of_bytes(status: int, body: bytes, headers: RawHeaders) -> RawResponse:
    """An answer of any form; `headers` name its type."""
    return RawResponse(status, [(b"content-length", b"%d" % len(body)), *_CORS, *headers], body)


def empty(status: int, headers: RawHeaders) -> RawResponse:
    """An answer that is all headers."""
    return of_bytes(status, b"", headers)


def of(response: Response, *, headers: Sequence[tuple[bytes, bytes]] = ()) -> RawResponse:
    """A ready response, opened to browsers."""
    return RawResponse(
        response.status_code, [*response.raw_headers, *_CORS, *headers], bytes(response.body)
    )


def raw(headers: Mapping[str, str]) -> RawHeaders:
    """Headers as they go over the wire."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


PREFLIGHT = RawResponse(HTTPStatus.NO_CONTENT, _PREFLIGHT, b"")
