"""What every ingest route does the same: methods, preflight, leases, senders that hang up.

Raw ASGI: the framework's own body and response machinery costs more than our whole work.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from services.ingest.errors import ClientGone
from services.ingest.events.verdicts import BodyRefused
from services.ingest.gatekeeper.gatekeeper import Told
from services.ingest.http import body
from services.ingest.http import response as answers
from services.ingest.http.body import Lease
from services.ingest.http.rejections import RequestRejected, body_rejected
from services.ingest.http.response import CLOSE, RawResponse
from services.ingest.intake import Ingest
from shared.http.problem import problem
from shared.keys.principal import Principal


class Request:
    """What ingest looks at of a request before its body: headers raw, most of them on demand."""

    __slots__ = (
        "authorization", "content_encoding", "content_length", "content_type", "expect", "headers",
        "method", "origin", "params", "principal", "query", "scheme", "told",
    )  # fmt: skip

    def __init__(self, scope: AsgiScope) -> None:
        self.method: str = scope["method"]
        self.query: bytes = scope["query_string"]
        self.scheme: str = scope.get("scheme", "http")
        self.params: Mapping[str, str] = scope.get("path_params") or {}
        self.headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        self.principal: Principal | None = None
        """Who sends, from the moment that it is known: whoever finds out notes it here."""
        self.told: Told | None = None
        """Headers for whatever answer it gets."""
        self.authorization: str | None = None
        self.content_type = b""
        self.content_encoding: bytes | None = None
        self.content_length: bytes | None = None
        self.expect: bytes | None = None
        self.origin: str | None = None
        for name, value in self.headers:
            if name == b"authorization":
                self.authorization = value.decode("latin-1")
            elif name == b"content-type":
                self.content_type = value.lower()
            elif name == b"content-length":
                self.content_length = value
            elif name == b"content-encoding":
                self.content_encoding = value
            elif name == b"expect":
                self.expect = value
            elif name == b"origin":
                self.origin = value.decode("latin-1")

    def header(self, name: bytes) -> bytes | None:
        """Value of a header by its name in lower case; the first, should there be several."""
        return next((value for known, value in self.headers if known == name), None)


class Endpoint(ABC):
    """One route as an ASGI app; `path` is its metrics label too."""

    methods: ClassVar[frozenset[str]] = frozenset({"POST"})
    """Those that `answer` is for. OPTIONS is answered for all routes alike, see `options`."""

    def __init__(self, ingest: Ingest, path: str) -> None:
        self.ingest = ingest
        self.path = path
        self.limits = ingest.limits

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        method = scope["method"]
        if "route" not in scope:
            scope["route_template"] = self.path
        if method in self.methods:
            lease = Lease(self.ingest.budget)
            request = Request(scope)
            try:
                answer = await self.answer(request, receive, lease)
            except RequestRejected as away:
                if request.principal is not None:
                    self.ingest.note_turned_away(away, request.principal, self.path)
                answer = self.refused(away)
            except ClientGone:
                return
            finally:
                lease.release()
            if request.told is not None:
                answer = answer.saying(request.told())
        elif method == "OPTIONS":
            answer = self.options(Request(scope))
        else:
            answer = _not_allowed(self.methods)
        await answer.send(send)

    async def sender(self, token: str | None, request: Request) -> Principal:
        """Who sends by an API key, and may do so now. Raises RequestRejected."""
        principal = await self.ingest.authenticate(token, self.path)
        request.principal = principal
        request.told = await self.ingest.gatekeeper.admit(
            principal, method=request.method, origin=request.origin
        )
        return principal

    async def read(self, receive: Receive, request: Request, lease: Lease) -> bytes:
        """The body, within the limits; see `body.read`. Raises RequestRejected and ClientGone."""
        found = await body.read(
            receive,
            content_length=request.content_length,
            content_encoding=request.content_encoding,
            may_answer_first=request.expect is not None,
            limits=self.limits,
            lease=lease,
        )
        if isinstance(found, BodyRefused):
            raise body_rejected(found)
        return found

    @abstractmethod
    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Answer a request. What is read of the body counts in `lease`.

        Raises RequestRejected and ClientGone.
        """

    def options(self, request: Request) -> RawResponse:
        """Answer a preflight request of a browser."""
        del request
        return answers.PREFLIGHT

    def refused(self, away: RequestRejected) -> RawResponse:
        """Say that nothing was stored, in the form of this route: a problem, unless it says else."""
        return as_problem(away)


def as_problem(away: RequestRejected) -> RawResponse:
    """RFC 9457's form."""
    return answers.of(
        problem(away.status, away.code, away.detail, headers=away.headers),
        headers=CLOSE if away.closes else (),
    )


def _not_allowed(methods: frozenset[str]) -> RawResponse:
    allowed = sorted(methods)
    return answers.of(
        problem(
            405,
            "method_not_allowed",
            f"This takes {' or '.join(allowed)}.",
            headers={"Allow": ", ".join([*allowed, "OPTIONS"])},
        )
    )
