"""Requests that are turned away as a whole: nothing of them is stored.

Each route says so in the form that its senders read (`Endpoint.refused`); status, code and headers are
the same everywhere unless a protocol demands otherwise.
"""

from collections.abc import Mapping

from services.ingest.verdicts import BodyCode, BodyRefused
from shared.errors import StagelineError
from shared.http.auth import MissingScope, NotAuthenticated
from shared.keys.ring import AuthFailure


class TurnedAway(StagelineError):
    """Raised wherever it turns out; `detail` repeats nothing that was sent."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        closes: bool = False,
    ) -> None:
        """`closes`: the answer may come before the body has, so no next request can follow it."""
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.closes = closes


def later(code: str, detail: str, *, seconds: int = 2, status: int = 503) -> TurnedAway:
    """Try again: with an integer Retry-After, the only form that every SDK understands."""
    return TurnedAway(status, code, detail, headers={"Retry-After": str(seconds)})


def by_key(error: NotAuthenticated | MissingScope) -> TurnedAway:
    """What a key that does not open the door means."""
    if isinstance(error, MissingScope):
        return TurnedAway(403, "missing_scope", "This key may not send events.")
    if error.failure is AuthFailure.UNAVAILABLE:
        return later("keys_unavailable", "Keys cannot be checked now; try again.")
    return TurnedAway(
        401,
        "unauthenticated",
        "Send a valid key as `Authorization: Bearer <key>`, or where your SDK puts it.",
        headers={"WWW-Authenticate": 'Bearer realm="stageline"'},
    )


def by_log() -> TurnedAway:
    """The event log did not acknowledge: what was sent may or may not be stored."""
    return later(
        "log_unavailable",
        "The event log did not acknowledge in time; send the same events again, with the same"
        " message ids.",
    )


def by_body(refused: BodyRefused) -> TurnedAway:
    """What a body that cannot be taken means."""
    return TurnedAway(
        _STATUS[refused.code],
        refused.code,
        refused.detail,
        headers=_HEADERS.get(refused.code),
        closes=refused.code in _BODY_MAY_FOLLOW,
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
