"""Responses of ingest: Starlette responses with ready headers, open to browsers on any origin.

`without_cors` closes one. `*` without credentials: the key in the request is the credential, a cookie
never is.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from services.ingest.events.joins import Remark
from services.ingest.events.verdicts import Refused

RawHeaders = list[tuple[bytes, bytes]]

_CORS: RawHeaders = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"retry-after, x-request-id, ratelimit, ratelimit-policy, x-ratelimit-reset",
    ),
]
CLOSE: RawHeaders = [(b"connection", b"close")]
"""For a response that is sent before the whole body was read: the rest of it is no next request."""


class RawResponse(Response):
    """A response made of raw headers; the same object may be sent any number of times.

    Starlette's own constructor would encode the same headers for each response.
    """

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        # Not `super().__init__`: it would build what `headers` already is.
        self.status_code = status
        self.raw_headers = headers
        self.body = body
        self.background = None

    async def __call__(self, _scope: AsgiScope, _receive: Receive, send: Send) -> None:
        """Send it, without Starlette's checks for websockets and background tasks."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        await send({"type": "http.response.body", "body": self.body})

    def with_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> "RawResponse":
        """A copy with further headers."""
        return RawResponse(self.status_code, [*self.raw_headers, *headers], bytes(self.body))

    def without_cors(self) -> "RawResponse":
        """A copy that no page of another origin can read."""
        own = [each for each in self.raw_headers if not each[0].startswith(b"access-control-")]
        return RawResponse(self.status_code, own, bytes(self.body))


def json(
    status: int,
    payload: object,
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    media_type: str = "application/json",
) -> RawResponse:
    """A JSON response."""
    body = msgspec.json.encode(payload)
    own = [
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    return RawResponse(status, [*own, *_CORS, *headers], body)


def of_bytes(status: int, body: bytes, headers: RawHeaders) -> RawResponse:
    """A response with any body; `headers` name its type."""
    return RawResponse(status, [(b"content-length", b"%d" % len(body)), *_CORS, *headers], body)


def empty(status: int, headers: RawHeaders) -> RawResponse:
    """A response without a body."""
    return of_bytes(status, b"", headers)


def of(response: Response, *, headers: Sequence[tuple[bytes, bytes]] = ()) -> RawResponse:
    """`response` with the CORS headers, and further ones."""
    return RawResponse(
        response.status_code, [*response.raw_headers, *_CORS, *headers], bytes(response.body)
    )


def raw(headers: Mapping[str, str]) -> RawHeaders:
    """Headers in the form of ASGI."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def rejections(refused: Sequence[tuple[int, Refused]]) -> list[dict[str, object]]:
    """Refused events as the `rejected` member of a response."""
    return [
        {"index": index, "code": refusal.code, "detail": refusal.detail}
        for index, refusal in refused
    ]


def remarks(
    ignored: Sequence[tuple[int, Mapping[str, str]]], remarked: Sequence[tuple[int, Remark]] = ()
) -> dict[str, object]:
    """What is to say of accepted events: the members `ignored_ids` and `remarks`, each if it has any.

    `ignored` holds the ids that named nobody.
    """
    members: dict[str, object] = {}
    if ignored:
        members["ignored_ids"] = [{"index": index, "ids": ids} for index, ids in ignored]
    if remarked:
        members["remarks"] = [
            {"index": index, "code": each.code, "detail": each.detail} for index, each in remarked
        ]
    return members


def preflight(methods: bytes, allowed: bytes) -> RawResponse:
    """The response to a browser's preflight request.

    `*` in `allowed` covers headers that SDKs add with their versions, but not `authorization`, which is
    named for that reason; browsers without support for `*` read the names beside it.
    """
    return RawResponse(
        HTTPStatus.NO_CONTENT,
        [
            *_CORS,
            (b"access-control-allow-methods", methods),
            (b"access-control-allow-headers", allowed),
            (b"access-control-max-age", b"86400"),
            (b"content-length", b"0"),
        ],
        b"",
    )


PREFLIGHT = preflight(
    b"POST",
    b"authorization, content-type, content-encoding, x-retry-count, x-request-id, anonymousid,"
    b" x-strict-mode, *",
)
