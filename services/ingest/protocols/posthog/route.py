"""PostHog's capture calls as its SDKs expect them: exactly 200 with JSON, errors as `{code, detail}`.

An event that is refused inside a readable body does not change the answer: SDKs would send the whole
batch again, or drop it. Refusals are counted and logged by code. The newest call (`EVENTS`) has a verdict
for each event, which its SDKs tell their program.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from starlette.routing import Route
from starlette.types import Receive

from services.ingest.decisions import Decisions
from services.ingest.events.verdicts import BodyRefused
from services.ingest.http import body
from services.ingest.http import response as answers
from services.ingest.http.body import Lease
from services.ingest.http.query import parameter
from services.ingest.http.rejections import RequestRejected, body_rejected
from services.ingest.http.response import CLOSE, RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common import strict_mode as strict
from services.ingest.protocols.common.endpoint import Endpoint, Request
from services.ingest.protocols.common.instants import instant
from services.ingest.protocols.posthog import parse as posthog
from services.ingest.protocols.posthog.event import RequestFields
from services.ingest.protocols.posthog.parse import ParsedEvents
from shared.http.auth import bearer_token
from shared.keys import token as tokens
from shared.keys.principal import Principal

BATCHES = ("/batch", "/i/v0/ai/batch")
"""Where the SDKs of servers send."""
SINGLES = ("/e", "/i/v0/e", "/capture", "/track")
"""Where browsers and apps send, and servers of old."""
CAPTURES = tuple(path + slash for path in (*BATCHES, *SINGLES) for slash in ("/", ""))
EVENTS = ("/i/v1/analytics/events", "/i/v1/analytics/events/")

OK = answers.json(200, {"status": "Ok"})

_MAX_LIBRARY_CHARS = 100
_MAX_EPOCH_DIGITS = 16

_ALLOWED = (
    b"authorization, content-type, content-encoding, posthog-sdk-info, posthog-attempt,"
    b" posthog-request-id, posthog-request-timestamp, x-request-id, x-strict-mode, *"
)
PREFLIGHT = answers.empty(
    204,
    [
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", _ALLOWED),
        (b"access-control-max-age", b"86400"),
    ],
)
"""`*` does not stand for `authorization`, but for whatever a page has its SDK send along."""


class CaptureEndpoint(Endpoint):
    """One path of the older calls, all of which take the same bodies."""

    def __init__(self, ingest: Ingest, path: str) -> None:
        super().__init__(ingest, path)
        self.limits = replace(ingest.limits, max_body_bytes=ingest.limits.max_capture_bytes)

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Take in one event or several."""
        parsed, intake = await self._taken_in(request, receive, lease)
        return self.told(request, parsed, intake)

    def told(self, request: Request, parsed: ParsedEvents, intake: Decisions) -> RawResponse:
        """The answer to a body that could be read."""
        del parsed
        return strict.told(intake) if strict.is_wanted(request) else OK

    async def _taken_in(
        self, request: Request, receive: Receive, lease: Lease
    ) -> tuple[ParsedEvents, Decisions]:
        ingest = self.ingest
        received_at = ingest.clock.now()
        token = bearer_token(request.authorization)
        key_in_header = token is not None and tokens.parse(token) is not None
        principal = await self.sender(token, request) if key_in_header else None
        around = self.around(request, received_at)
        text = await self.read(receive, request, lease)
        parsed = posthog.parse(text, around, self.limits)
        if isinstance(parsed, BodyRefused):
            raise body_rejected(parsed)
        principal = principal or await self._by_body(parsed, request)
        intake = await ingest.store(
            parsed.items, principal=principal, received_at=received_at, route=self.path
        )
        return parsed, intake

    def around(self, request: Request, received_at: datetime) -> RequestFields:
        """What a request says of all its events beside its body."""
        told = parameter(request.query, "sent_at", "_") or ""
        is_epoch = told.isdecimal() and len(told) <= _MAX_EPOCH_DIGITS
        sent_at = instant(int(told) if is_epoch else told)
        return RequestFields(received_at=received_at, sent_at=sent_at)

    async def _by_body(self, parsed: ParsedEvents, request: Request) -> Principal:
        token = parsed.api_key or parameter(request.query, "api_key", "token")
        return await self.sender(token, request)

    async def read(self, receive: Receive, request: Request, lease: Lease) -> bytes:
        """The body's JSON, out of whatever it is wrapped in. Raises RequestRejected and ClientGone."""
        found = await body.read(
            receive,
            content_length=request.content_length,
            content_encoding=request.content_encoding,
            may_answer_first=request.expect is not None,
            limits=self.limits,
            lease=lease,
            finds_gzip=True,
        )
        if not isinstance(found, BodyRefused) and not found.startswith((b"{", b"[")):
            found = self._unwrapped(found, request, lease)
        if isinstance(found, BodyRefused):
            raise body_rejected(found)
        return found

    def _unwrapped(self, text: bytes, request: Request, lease: Lease) -> bytes | BodyRefused:
        """Base64, in a form or bare, in which there may be gzip."""
        found = posthog.form_data(text)
        if found is None and parameter(request.query, "compression") == "base64":
            found = posthog.base64_decoded(text.strip())
        if found is None or isinstance(found, BodyRefused):
            return text if found is None else found
        return body.gunzipped(found, self.limits, lease)

    def options(self, request: Request) -> RawResponse:
        """Whatever headers a page has its SDK send."""
        del request
        return PREFLIGHT

    def refused(self, away: RequestRejected) -> RawResponse:
        """`{code, detail}`, which the SDKs read."""
        return as_error(away, self.path)


class EventsEndpoint(CaptureEndpoint):
    """The newest call: the key as bearer, a verdict for each event."""

    def around(self, request: Request, received_at: datetime) -> RequestFields:
        """The sender's clock and the library are in headers."""
        sent_at = request.header(b"posthog-request-timestamp") or b""
        library = (request.header(b"posthog-sdk-info") or b"").decode("latin-1")
        name, _, version = library[:_MAX_LIBRARY_CHARS].partition("/")
        return RequestFields(
            received_at=received_at,
            sent_at=instant(sent_at.decode("latin-1")),
            library={"name": name, "version": version} if name else None,
        )

    def told(self, request: Request, parsed: ParsedEvents, intake: Decisions) -> RawResponse:
        """A verdict for each event that has an id, whether it is asked for or not."""
        del request
        return answers.json(200, {"results": results(parsed.uuids, intake)})


def results(uuids: Sequence[str | None], intake: Decisions) -> Mapping[str, Mapping[str, str]]:
    """Id of an event to what became of it."""
    refused = {index: refusal.code.value for index, refusal in intake.refused}
    return {
        uuid: {"result": "drop", "details": refused[index]} if index in refused else _TAKEN
        for index, uuid in enumerate(uuids)
        if uuid is not None
    }


_TAKEN = {"result": "ok"}

_TRY_AGAIN = frozenset({408, 429})


def as_error(away: RequestRejected, path: str) -> RawResponse:
    """The form of PostHog's errors.

    Its browser SDK gives up what is answered with any 4xx, so on its paths 503 says "later".
    """
    from_browsers = path.rstrip("/") in SINGLES
    return answers.json(
        503 if from_browsers and away.status in _TRY_AGAIN else away.status,
        {"code": away.code, "detail": away.detail},
        headers=[*answers.raw(away.headers), *(CLOSE if away.closes else ())],
    )


def routes(ingest: Ingest) -> list[Route]:
    """Every path of the protocol."""
    return [
        *(Route(path, CaptureEndpoint(ingest, path)) for path in CAPTURES),
        *(Route(path, EventsEndpoint(ingest, path)) for path in EVENTS),
    ]
