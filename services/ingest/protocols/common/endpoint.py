"""Endpoints: methods, preflight, memory, rejections and rate-limit headers, the same for every protocol.

Touchpoints and Segment's calls are raw ASGI apps, subclasses of `ProtocolEndpoint`: Starlette's request and
response cost more than all the work on one event. The other protocols are functions, by `plain_route`.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace

from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from services.ingest.errors import ClientGone
from services.ingest.http import response
from services.ingest.http.rejections import RequestRejected
from services.ingest.http.response import CLOSE, PREFLIGHT, RawResponse
from services.ingest.intake import Ingest
from services.ingest.limits import Limits
from services.ingest.protocols.common.exchange import Exchange
from shared.http.problem import problem

POST = frozenset({"POST"})
GET = frozenset({"GET"})

Handler = Callable[[Exchange], Awaitable[RawResponse]]
"""Responds to one request. Raises RequestRejected and ClientGone."""


def as_problem(rejection: RequestRejected) -> RawResponse:
    """A rejection in the form of RFC 9457."""
    return response.of(
        problem(rejection.status, rejection.code, rejection.detail, headers=rejection.headers),
        headers=CLOSE if rejection.closes else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """How a protocol responds to what all protocols have in common."""

    methods: Collection[str] = POST
    """Methods of the handler; OPTIONS is the preflight request."""
    preflight: Callable[[Exchange], RawResponse] = lambda _: PREFLIGHT
    rejected: Callable[[RequestRejected], RawResponse] = as_problem
    """The form in which senders expect errors."""
    is_for_browsers: bool = True
    """Whether pages of other origins may call it. Calls that need a secret key are none of theirs."""
    takes_large_bodies: bool = False
    """Bodies up to `max_capture_bytes`: foreign SDKs and providers do not divide one that was too large."""

    def limits(self, limits: Limits) -> Limits:
        """The limits of a request of this protocol."""
        if not self.takes_large_bodies:
            return limits
        return replace(limits, max_body_bytes=limits.max_capture_bytes)


class ProtocolEndpoint(ABC):
    """One route as an ASGI app."""

    def __init__(self, ingest: Ingest, path: str, conventions: Conventions) -> None:
        """`path` is the template of the route, a label of metrics."""
        self.ingest = ingest
        self.path = path
        self.limits = conventions.limits(ingest.limits)
        self._methods = frozenset(conventions.methods)
        self._conventions = conventions
        self._not_allowed = _not_allowed(conventions.methods)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        method = scope["method"]
        if "route" not in scope:
            scope["route_template"] = self.path
        sent: RawResponse
        if method in self._methods:
            exchange = Exchange(scope, receive, self.ingest, self.limits, self.path)
            try:
                exchange.check_address()
                sent = await self.respond(exchange)
            except RequestRejected as rejection:
                sent = self._rejected(rejection, exchange)
            except ClientGone:
                return
            finally:
                exchange.lease.release()
            sender = exchange.sender
            if sender is not None and sender.within_limit is not None:
                sent = sent.with_headers(sender.within_limit.headers())
        elif method == "OPTIONS":
            sent = self._conventions.preflight(
                Exchange(scope, receive, self.ingest, self.limits, self.path)
            )
        else:
            sent = self._not_allowed
        if not self._conventions.is_for_browsers:
            sent = sent.without_cors()
        await sent(scope, receive, send)

    @abstractmethod
    async def respond(self, exchange: Exchange) -> RawResponse:
        """Respond to a request. Raises RequestRejected and ClientGone."""

    def _rejected(self, rejection: RequestRejected, exchange: Exchange) -> RawResponse:
        if exchange.principal is not None:
            self.ingest.accounting.rejected(
                rejection, exchange.principal, now=self.ingest.clock.now(), route=self.path
            )
        return self._conventions.rejected(rejection)


class _PlainEndpoint(ProtocolEndpoint):
    def __init__(
        self, ingest: Ingest, path: str, conventions: Conventions, handle: Handler
    ) -> None:
        super().__init__(ingest, path, conventions)
        self._handle = handle

    async def respond(self, exchange: Exchange) -> RawResponse:
        return await self._handle(exchange)


def plain_route(
    ingest: Ingest,
    path: str,
    handle: Handler,
    conventions: Conventions | None = None,
    *,
    label: str | None = None,
) -> Route:
    """A route with a function for handler.

    `label`: path template in metrics and documents, where the router needs another.
    """
    return Route(path, _PlainEndpoint(ingest, label or path, conventions or Conventions(), handle))


def _not_allowed(methods: Collection[str]) -> RawResponse:
    allowed = sorted(methods)
    return response.of(
        problem(
            405,
            "method_not_allowed",
            f"This takes {' or '.join(allowed)}.",
            headers={"Allow": ", ".join([*allowed, "OPTIONS"])},
        )
    )
