"""Segment's API as its SDKs expect it: exactly 200 with `{"success": true}`, errors as `{code, message}`.

An event that is refused inside a readable body does not change the answer: SDKs would send the whole
batch again, or drop it. Refusals are counted and logged by code.
"""

from starlette.types import Receive

from services.ingest import answers
from services.ingest.adapters import segment
from services.ingest.answers import CLOSE, Answer
from services.ingest.body import Lease
from services.ingest.endpoint import Endpoint, Headers
from services.ingest.service import Ingest
from services.ingest.verdicts import BodyCode, BodyRefused
from shared.errors import LogUnavailable
from shared.http.auth import MissingScope, NotAuthenticated, basic_user, bearer_token
from shared.keys import token as tokens
from shared.keys.ring import AuthFailure

CALLS: dict[str, segment.Call | None] = {
    **{f"/v1/{kind}": kind for kind in segment.TYPES},
    **{f"/v1/{kind[0]}": kind for kind in segment.TYPES},
    "/v1/batch": None,
    "/v1/b": None,
}
"""Path to the type of its call; a batch names a type for each item."""

_STATUS = {
    BodyCode.BODY_TIMEOUT: 408,
    BodyCode.UNSUPPORTED_ENCODING: 415,
    BodyCode.BUSY: 503,
}
_BODY_MAY_FOLLOW = frozenset({BodyCode.BODY_TOO_LARGE, BodyCode.BODY_TIMEOUT, BodyCode.BUSY})
_RETRY_AFTER = [(b"retry-after", b"2")]

SUCCESS = answers.json(200, {"success": True})


class TrackingEndpoint(Endpoint):
    """One path of the API; see the module."""

    def __init__(self, ingest: Ingest, path: str, call: segment.Call | None) -> None:
        super().__init__(ingest, path)
        self._call = call

    async def post(self, headers: Headers, receive: Receive, lease: Lease) -> Answer:
        """Take in one call or a batch."""
        try:
            refused = await self._take_in(headers, receive, lease)
        except NotAuthenticated as exc:
            return NO_KEYS if exc.failure is AuthFailure.UNAVAILABLE else NO_KEY
        except MissingScope:
            return NO_SCOPE
        except LogUnavailable:
            return NO_LOG
        return SUCCESS if refused is None else refused_body(refused)

    async def _take_in(
        self, headers: Headers, receive: Receive, lease: Lease
    ) -> BodyRefused | None:
        ingest = self.ingest
        received_at = ingest.clock.now()
        token = basic_user(headers.authorization) or bearer_token(headers.authorization)
        # A bearer that is no key of ours is an OAuth token of the sender's; its key is in the body.
        key_in_header = token is not None and tokens.parse(token) is not None
        principal = await ingest.authenticate(token, self.path) if key_in_header else None
        body = await self.read(receive, headers, lease)
        if isinstance(body, BodyRefused):
            return body
        parsed = segment.parse(body, self._call, ingest.limits)
        if isinstance(parsed, BodyRefused):
            return parsed
        if principal is None:
            principal = await ingest.authenticate(parsed.write_key or token, self.path)
        await ingest.store(
            parsed.items, principal=principal, received_at=received_at, route=self.path
        )
        return None


def _error(
    status: int, code: str, message: str, *, headers: answers.RawHeaders | None = None
) -> Answer:
    return answers.json(status, {"code": code, "message": message}, headers=headers or ())


def _unavailable(code: str, message: str) -> Answer:
    return _error(503, code, message, headers=_RETRY_AFTER)


def refused_body(refused: BodyRefused) -> Answer:
    """The answer to a body of which nothing was stored."""
    headers: answers.RawHeaders = []
    if refused.code is BodyCode.BUSY:
        headers += _RETRY_AFTER
    if refused.code in _BODY_MAY_FOLLOW:
        headers += CLOSE
    return _error(_STATUS.get(refused.code, 400), refused.code, refused.detail, headers=headers)


NO_KEY = _error(401, "unauthenticated", "Send a valid write key.")
NO_SCOPE = _error(403, "missing_scope", "This key may not send events.")
NO_KEYS = _unavailable("keys_unavailable", "Keys cannot be checked now; try again.")
NO_LOG = _unavailable("log_unavailable", "The event log did not acknowledge in time.")
