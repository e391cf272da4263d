"""PostHog's capture calls as its SDKs expect them: exactly 200 with JSON, errors as `{code, detail}`.

A refused event inside a readable body does not change the response: SDKs would send the whole batch again,
or drop it. Refusals are counted and logged by code. The newest call (`EVENTS`) has a verdict for each event,
which its SDKs hand on to their program.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from starlette.routing import Route

from services.ingest.decisions import Decisions
from services.ingest.events.instants import instant
from services.ingest.events.verdicts import BodyRefused
from services.ingest.http import body, response
from services.ingest.http.query import parameter
from services.ingest.http.rejections import RequestRejected, body_rejected
from services.ingest.http.response import CLOSE, RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common import strict_mode
from services.ingest.protocols.common.endpoint import Conventions, plain_route
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.posthog.event import RequestFields
from services.ingest.protocols.posthog.parse import (
    ParsedEvents,
    base64_decoded,
    form_data,
    parse,
)
from shared.http.auth import bearer_token
from shared.keys import token as tokens

BATCHES = ("/batch", "/i/v0/ai/batch")
"""Paths of server SDKs."""
SINGLES = ("/e", "/i/v0/e", "/capture", "/track")
"""Paths of browsers and apps, and of old server SDKs."""
CAPTURES = tuple(path + slash for path in (*BATCHES, *SINGLES) for slash in ("/", ""))
EVENTS = ("/i/v1/analytics/events", "/i/v1/analytics/events/")

OK = response.json(200, {"status": "Ok"})

_MAX_LIBRARY_CHARS = 100

PREFLIGHT = response.preflight(
    b"GET, POST",
    b"authorization, content-type, content-encoding, posthog-sdk-info, posthog-attempt,"
    b" posthog-request-id, posthog-request-timestamp, x-request-id, x-strict-mode, *",
)

_TRY_AGAIN = frozenset({408, 429})


def routes(ingest: Ingest) -> list[Route]:
    """Every path of the protocol."""
    return [
        *(_route(ingest, path, _receive_captures) for path in CAPTURES),
        *(_route(ingest, path, _receive_events) for path in EVENTS),
    ]


def _route(
    ingest: Ingest, path: str, handle: Callable[[Exchange], Awaitable[RawResponse]]
) -> Route:
    conventions = Conventions(
        preflight=lambda _: PREFLIGHT,
        rejected=partial(as_error, path=path),
        takes_large_bodies=True,
    )
    return plain_route(ingest, path, handle, conventions)


async def _receive_captures(exchange: Exchange) -> RawResponse:
    """Accept one event or several, by the older calls, all of which take the same bodies."""
    _, decisions = await _store(exchange, _fields_of_query)
    return strict_mode.verdicts(decisions) if strict_mode.is_requested(exchange) else OK


async def _receive_events(exchange: Exchange) -> RawResponse:
    """Accept events by the newest call, which always has verdicts."""
    parsed, decisions = await _store(exchange, _fields_of_headers)
    return response.json(200, {"results": results(parsed.uuids, decisions)})


def _fields_of_query(exchange: Exchange, received_at: datetime) -> RequestFields:
    sent_at = parameter(exchange.query, "sent_at", "_") or ""
    return RequestFields(received_at=received_at, sent_at=instant(sent_at))


def _fields_of_headers(exchange: Exchange, received_at: datetime) -> RequestFields:
    sent_at = exchange.header(b"posthog-request-timestamp") or b""
    library = (exchange.header(b"posthog-sdk-info") or b"").decode("latin-1")
    name, _, version = library[:_MAX_LIBRARY_CHARS].partition("/")
    return RequestFields(
        received_at=received_at,
        sent_at=instant(sent_at.decode("latin-1")),
        library={"name": name, "version": version} if name else None,
    )


async def _store(
    exchange: Exchange, fields_of: Callable[[Exchange, datetime], RequestFields]
) -> tuple[ParsedEvents, Decisions]:
    received_at = exchange.ingest.clock.now()
    for token in (
        bearer_token(exchange.authorization),
        parameter(exchange.query, "api_key", "token"),
    ):
        if token is not None and tokens.parse(token) is not None:
            await exchange.admit(token)
            break
    fields = fields_of(exchange, received_at)
    content = await _read(exchange)
    await exchange.admit_by_text(content)
    parsed = parse(content, fields, exchange.limits)
    if isinstance(parsed, BodyRefused):
        raise body_rejected(parsed)
    sender = await exchange.confirm(parsed.api_key)
    decisions = await exchange.ingest.store(
        parsed.items, sender=sender, received_at=received_at, route=exchange.route
    )
    return parsed, decisions


async def _read(exchange: Exchange) -> bytes:
    """The body's JSON, unwrapped. Raises RequestRejected and ClientGone."""
    content = await exchange.received(finds_gzip=True)
    if not isinstance(content, BodyRefused) and not content.startswith((b"{", b"[")):
        content = _unwrapped(content, exchange)
    if isinstance(content, BodyRefused):
        raise body_rejected(content)
    return content


def _unwrapped(content: bytes, exchange: Exchange) -> bytes | BodyRefused:
    """`content` out of base64, in a form or bare, which may hold gzip."""
    inner = form_data(content)
    if inner is None and parameter(exchange.query, "compression") == "base64":
        inner = base64_decoded(content.strip())
    if inner is None or isinstance(inner, BodyRefused):
        return content if inner is None else inner
    return body.gunzipped(inner, exchange.limits, exchange.lease)


def results(uuids: Sequence[str | None], decisions: Decisions) -> Mapping[str, Mapping[str, str]]:
    """Id of an event to its verdict; events without an id have none."""
    refused = {index: refusal.code.value for index, refusal in decisions.refused}
    return {
        uuid: {"result": "drop", "details": refused[index]} if index in refused else _OK_RESULT
        for index, uuid in enumerate(uuids)
        if uuid is not None
    }


_OK_RESULT = {"result": "ok"}


def as_error(rejection: RequestRejected, path: str) -> RawResponse:
    """A rejection in the form of PostHog's errors.

    Its browser SDK drops events after any 4xx, so on its paths 503 stands for "later".
    """
    from_browsers = path.rstrip("/") in SINGLES
    return response.json(
        503 if from_browsers and rejection.status in _TRY_AGAIN else rejection.status,
        {"code": rejection.code, "detail": rejection.detail},
        headers=[*response.raw(rejection.headers), *(CLOSE if rejection.closes else ())],
    )
