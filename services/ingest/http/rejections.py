"""Requests that are rejected as a whole: nothing of them is stored.

Status, code and headers are the same for every protocol; the form of the response is the protocol's own
(`Conventions.rejected`).
"""

import math
from collections.abc import Mapping
from datetime import datetime

from services.ingest.events.verdicts import BodyCode, BodyRefused
from shared.errors import StagelineError
from shared.http.auth import MissingScope, NotAuthenticated
from shared.keys.cache import AuthFailure

GATE_CODES = (
    "source_unavailable", "source_paused", "origin_not_allowed", "rate_limited", "quota_exceeded",
)  # fmt: skip
"""Codes of the gatekeeper's rejections: the sender is authenticated and may not send now."""
_DAY_SECONDS = 86_400


class RequestRejected(StagelineError):
    """Ends a request without storing anything; `detail` repeats nothing that was sent."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        closes: bool = False,
        operator_detail: str | None = None,
    ) -> None:
        """`closes`: the response may be sent before the whole body was read; the connection ends then.

        `operator_detail`: detail for the live view of the source, where `detail`, which any sender reads,
        must say less.
        """
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.closes = closes
        self.operator_detail = operator_detail or detail


def retry_later(code: str, detail: str, *, seconds: int = 2, status: int = 503) -> RequestRejected:
    """A rejection for some seconds; an integer Retry-After is the only form that every SDK understands."""
    return RequestRejected(status, code, detail, headers={"Retry-After": str(seconds)})


def key_rejected(error: NotAuthenticated | MissingScope) -> RequestRejected:
    """The key is missing, invalid, without the scope, or cannot be checked."""
    if isinstance(error, MissingScope):
        return RequestRejected(
            403, "missing_scope", f"This key may not do that: it does not hold {error.scope}."
        )
    if error.failure is AuthFailure.UNAVAILABLE:
        return retry_later("keys_unavailable", "Keys cannot be checked now; try again.")
    return RequestRejected(
        401,
        "unauthenticated",
        "Send a valid key as `Authorization: Bearer <key>`, or where your SDK puts it.",
        headers={"WWW-Authenticate": 'Bearer realm="stageline"'},
    )


def rules_unknown() -> RequestRejected:
    """The rules of the sender's source are unknown."""
    return retry_later(
        "source_unavailable",
        "The source of this key was removed, or its rules cannot be read now; try again later.",
        seconds=5,
    )


def source_paused() -> RequestRejected:
    """An operator has paused the source; senders keep their events."""
    return retry_later(
        "source_paused", "The source of this key is paused; try again later.", seconds=60
    )


def origin_not_allowed() -> RequestRejected:
    """The origin is not among those that the source allows."""
    return RequestRejected(
        403,
        "origin_not_allowed",
        "The source of this key takes events from the pages of certain origins alone, and this"
        " is none of them.",
    )


def rate_limited(policy: str, wait_seconds: int, now: datetime) -> RequestRejected:
    """Over the rate limit; `policy` is the value of `RateLimit-Policy`."""
    return _too_many(
        "rate_limited",
        "More events come by this key than it may send; try again after Retry-After.",
        policy=policy,
        wait_seconds=wait_seconds,
        now=now,
    )


def quota_exceeded(quota: int, wait_seconds: int, now: datetime) -> RequestRejected:
    """Over the daily quota."""
    return _too_many(
        "quota_exceeded",
        "The source of this key has had its events of today (UTC); try again after Retry-After.",
        policy=f'"daily";q={quota};w={_DAY_SECONDS}',
        wait_seconds=wait_seconds,
        now=now,
    )


def _too_many(
    code: str, detail: str, *, policy: str, wait_seconds: int, now: datetime
) -> RequestRejected:
    # draft-ietf-httpapi-ratelimit-headers: both begin with the policy's name.
    name = policy.partition(";")[0]
    headers = {
        "Retry-After": str(wait_seconds),
        "RateLimit-Policy": policy,
        "RateLimit": f"{name};r=0;t={wait_seconds}",
        # Senders of Segment's protocol know this one: seconds since 1970.
        "X-RateLimit-Reset": str(math.ceil(now.timestamp()) + wait_seconds),
    }
    return RequestRejected(429, code, detail, headers=headers)


def log_unavailable() -> RequestRejected:
    """The event log did not acknowledge: the events may or may not be stored."""
    return retry_later(
        "log_unavailable",
        "The event log did not acknowledge in time; send the same events again, with the same"
        " message ids.",
    )


def erasure_unavailable() -> RequestRejected:
    """The request to erase a person cannot be recorded, so it is not in the event log either."""
    return retry_later(
        "erasure_unavailable",
        "The request to erase a person cannot be recorded now; nothing was accepted, send it again.",
        seconds=5,
    )


def body_rejected(refused: BodyRefused) -> RequestRejected:
    """The body was refused as a whole."""
    return RequestRejected(
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
    BodyCode.TOO_MANY_PARTS: 413,
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
