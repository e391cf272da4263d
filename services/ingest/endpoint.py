"""What every ingest route does the same: methods, preflight, leases, senders that hang up.

Raw ASGI: the framework's own body and response machinery costs more than our whole work.
"""

from abc import ABC, abstractmethod

from starlette.types import Receive, Scope, Send

from services.ingest import answers, body
from services.ingest.answers import Answer
from services.ingest.body import Lease
from services.ingest.errors import ClientGone
from services.ingest.service import Ingest
from services.ingest.verdicts import BodyRefused
from shared.http.problem import problem


class Headers:
    """The headers that ingest looks at, raw."""

    __slots__ = ("authorization", "content_encoding", "content_length", "content_type", "expect")

    def __init__(self, scope: Scope) -> None:
        self.authorization: str | None = None
        self.content_type = b""
        self.content_encoding: bytes | None = None
        self.content_length: bytes | None = None
        self.expect: bytes | None = None
        for name, value in scope["headers"]:
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


class Endpoint(ABC):
    """One route as an ASGI app; `path` is its metrics label too."""

    def __init__(self, ingest: Ingest, path: str) -> None:
        self.ingest = ingest
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        method = scope["method"]
        if method == "POST":
            lease = Lease(self.ingest.budget)
            try:
                answer = await self.post(Headers(scope), receive, lease)
            except ClientGone:
                return
            finally:
                lease.release()
        elif method == "OPTIONS":
            answer = answers.PREFLIGHT
        else:
            answer = _METHOD_NOT_ALLOWED
        await answer.send(send)

    async def read(self, receive: Receive, headers: Headers, lease: Lease) -> bytes | BodyRefused:
        """The body, within the limits; see `body.read`."""
        return await body.read(
            receive,
            content_length=headers.content_length,
            content_encoding=headers.content_encoding,
            may_answer_first=headers.expect is not None,
            limits=self.ingest.limits,
            lease=lease,
        )

    @abstractmethod
    async def post(self, headers: Headers, receive: Receive, lease: Lease) -> Answer:
        """Answer a POST. What is read of the body counts in `lease`. Raises ClientGone."""


_METHOD_NOT_ALLOWED = answers.of(
    problem(405, "method_not_allowed", "This takes POST.", headers={"Allow": "POST, OPTIONS"})
)
