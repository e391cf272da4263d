"""One request on its way: the headers that every protocol reads, and steps 1 and 2 of `intake`."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import Receive
from starlette.types import Scope as AsgiScope

from services.ingest.events.verdicts import BodyRefused
from services.ingest.gatekeeper.rules import Sender
from services.ingest.http import body
from services.ingest.http.body import Lease
from services.ingest.http.query import holds_secret_key, secret_key_in_address
from services.ingest.http.rejections import body_rejected
from services.ingest.intake import Ingest
from services.ingest.limits import Limits
from shared.http.raw_path import percent_decoded
from shared.keys import token as tokens
from shared.keys.cache import AuthFailure
from shared.keys.principal import Principal

_MOST_KEYS = 3
"""Different texts in the form of a key that are tried before a body is decoded: an unknown one may cost a
read of the database."""


class Exchange:
    """State of one request. Headers stay raw: decoding all of them costs more than parsing an event."""

    __slots__ = (
        "_key_in_text", "authorization", "content_encoding", "content_length", "content_type",
        "expect", "headers", "ingest", "lease", "limits", "method", "origin", "principal", "query",
        "receive", "route", "scope", "sender",
    )  # fmt: skip

    def __init__(
        self, scope: AsgiScope, receive: Receive, ingest: Ingest, limits: Limits, route: str
    ) -> None:
        """`limits` bound the body; `route` is the path template, a label of metrics."""
        self.ingest = ingest
        self.limits = limits
        self.route = route
        self.receive = receive
        self.scope = scope
        self.lease = Lease(ingest.budget)
        self.method: str = scope["method"]
        self.query: bytes = scope["query_string"]
        self.headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        self.principal: Principal | None = None
        """Set as soon as it is authenticated: a later rejection shows in the live view of its source."""
        self.sender: Sender | None = None
        self._key_in_text: str | None = None
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

    def check_address(self) -> None:
        """Refuse a secret key in the query or the path, whatever it is for. Raises RequestRejected."""
        parts = [self.query] if self.query else []
        # A path without parameters is one of ours.
        if self.scope.get("path_params"):
            parts.append(self.scope["path"].encode("utf-8", "surrogatepass"))
        if any(map(holds_secret_key, parts)):
            self.ingest.accounting.unauthenticated("secret_key_in_address", self.route)
            raise secret_key_in_address()

    @property
    def request(self) -> Request:
        """Starlette's view of the request, for protocols that are not in a hurry."""
        return Request(self.scope)

    def path_parameter(self, name: str) -> str | None:
        """A parameter of the path, percent-decoded; None where it is not UTF-8 or holds NUL."""
        try:
            return percent_decoded(self.request.path_params[name])
        except ValueError:
            return None

    def header(self, name: bytes) -> bytes | None:
        """Value of a header by its name in lower case; the first of several."""
        return next((value for each, value in self.headers if each == name), None)

    async def admit(self, token: str | None) -> Sender:
        """Authenticate the sender by an API key and apply its limits. Raises RequestRejected."""
        ingest = self.ingest
        principal = self.principal = await ingest.authenticate(token, self.route)
        sender = self.sender = await ingest.gatekeeper.admit(
            principal, method=self.method, origin=self.origin
        )
        return sender

    async def admit_by_text(self, content: bytes) -> None:
        """Admit a sender whose key may be inside the body, before the body is decoded.

        The first valid key counts, wherever in the text it is; `confirm` compares it with the key in its
        place. Nothing happens where a key outside of the body was admitted. Raises RequestRejected.
        """
        if self.sender is not None:
            return
        chosen: str | None = None
        for chosen in tokens.keys_in(content, most=_MOST_KEYS):
            verdict = await self.ingest.keys.authenticate(chosen)
            if not isinstance(verdict, AuthFailure) or verdict is AuthFailure.UNAVAILABLE:
                break
        await self.admit(chosen)
        self._key_in_text = chosen

    async def confirm(self, key: str | None) -> Sender:
        """The sender by the `key` in its place in the decoded body. Raises RequestRejected."""
        if self.sender is None or self._key_in_text not in (None, key):
            return await self.admit(key)
        return self.sender

    async def admit_principal(self, principal: Principal) -> Sender:
        """Apply the limits of a sender that is authenticated. Raises RequestRejected."""
        self.principal = principal
        self.sender = await self.ingest.gatekeeper.admit(
            principal, method=self.method, origin=self.origin
        )
        return self.sender

    async def read(self) -> bytes:
        """The decompressed body, see `body.read`. Raises RequestRejected and ClientGone."""
        content = await self.received()
        if isinstance(content, BodyRefused):
            raise body_rejected(content)
        return content

    async def received(
        self, *, finds_gzip: bool = False, is_raw: bool = False
    ) -> bytes | BodyRefused:
        """The body, or why it is refused, see `body.read`. Raises ClientGone."""
        if self.principal is None:
            self.lease = Lease(self.ingest.keyless_budget)
        return await body.read(
            self.receive,
            content_length=self.content_length,
            content_encoding=self.content_encoding,
            may_answer_first=self.expect is not None,
            limits=self.limits,
            lease=self.lease,
            finds_gzip=finds_gzip,
            is_raw=is_raw,
        )
