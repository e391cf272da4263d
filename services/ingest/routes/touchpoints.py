"""`POST /v1/touchpoints`: the native way in.

202 when at least one event was accepted (and the log has acknowledged it), with a verdict for each
that was not; 422 when none was; 4xx problems for bodies that cannot be read at all.
"""

from collections.abc import Sequence

from starlette.types import Receive

from services.ingest import answers
from services.ingest.adapters import native
from services.ingest.answers import CLOSE, Answer
from services.ingest.body import Lease
from services.ingest.endpoint import Endpoint, Headers
from services.ingest.verdicts import BodyCode, BodyRefused, Refused
from shared.errors import LogUnavailable
from shared.http.auth import MissingScope, NotAuthenticated, bearer_token, denial
from shared.http.problem import MEDIA_TYPE, members, problem, unavailable

PATH = "/v1/touchpoints"

_NDJSON = (
    b"application/x-ndjson",
    b"application/ndjson",
    b"application/jsonl",
    b"application/x-jsonlines",
)

_STATUS = {
    BodyCode.EMPTY_BODY: 400,
    BodyCode.MALFORMED_JSON: 400,
    BodyCode.NOT_UTF8: 400,
    BodyCode.TOO_DEEP: 400,
    BodyCode.BODY_TOO_LARGE: 413,
    BodyCode.TOO_MANY_EVENTS: 413,
    BodyCode.BODY_TIMEOUT: 408,
    BodyCode.UNSUPPORTED_ENCODING: 415,
    BodyCode.BROKEN_ENCODING: 400,
    BodyCode.INVALID_BATCH: 400,
    BodyCode.BUSY: 503,
}
_HEADERS = {
    BodyCode.UNSUPPORTED_ENCODING: {"Accept-Encoding": "gzip, deflate"},
    BodyCode.BUSY: {"Retry-After": "2"},
}
_BODY_MAY_FOLLOW = frozenset({BodyCode.BODY_TOO_LARGE, BodyCode.BODY_TIMEOUT, BodyCode.BUSY})

_ACCEPTED_ONE = answers.json(202, {"accepted": 1, "rejected": []})
NO_LOG = answers.of(
    unavailable(
        "log_unavailable",
        "The event log did not acknowledge in time; send the same events again, with the same"
        " message ids.",
    )
)


class TouchpointsEndpoint(Endpoint):
    """The route; see the module."""

    async def post(self, headers: Headers, receive: Receive, lease: Lease) -> Answer:
        """Take in one object, an array, or lines."""
        ingest = self.ingest
        received_at = ingest.clock.now()
        try:
            principal = await ingest.authenticate(bearer_token(headers.authorization), self.path)
        except (NotAuthenticated, MissingScope) as exc:
            return answers.of(denial(exc))
        body = await self.read(receive, headers, lease)
        if isinstance(body, BodyRefused):
            return refused_body(body)
        is_ndjson = headers.content_type.startswith(_NDJSON)
        items = native.parse(body, is_ndjson=is_ndjson, limits=ingest.limits)
        if isinstance(items, BodyRefused):
            return refused_body(items)
        try:
            intake = await ingest.store(
                items, principal=principal, received_at=received_at, route=self.path
            )
        except LogUnavailable:
            return NO_LOG
        return told(len(intake.records), intake.refused)


def told(accepted: int, refused: Sequence[tuple[int, Refused]]) -> Answer:
    """The answer to a body that could be read."""
    if accepted == 1 and not refused:
        return _ACCEPTED_ONE
    verdicts = {
        "accepted": accepted,
        "rejected": [
            {"index": index, "code": refusal.code, "detail": refusal.detail}
            for index, refusal in refused
        ],
    }
    if accepted or not refused:
        return answers.json(202, verdicts)
    none = members(
        422, "no_event_accepted", "No event was accepted; `rejected` says why, one by one."
    )
    return answers.json(422, {**none, **verdicts}, media_type=MEDIA_TYPE)


def refused_body(refused: BodyRefused) -> Answer:
    """The answer to a body of which nothing was stored."""
    response = problem(
        _STATUS[refused.code],
        refused.code,
        refused.detail,
        headers=_HEADERS.get(refused.code),
    )
    return answers.of(response, headers=CLOSE if refused.code in _BODY_MAY_FOLLOW else ())
