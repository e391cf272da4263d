"""Requests that are turned away as a whole: nothing of them is stored.

Each route says so in the form that its senders read (`Endpoint.refused`); status, code and headers are
the same everywhere unless a protocol demands otherwise.
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
"""Codes of known senders that may not come in now."""
_DAY_SECONDS = 86_400


class RequestRejected(StagelineError):
    """Raised wherever it turns out; `detail` repeats nothing that was sent."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        closes: bool = False,
        noted: str | None = None,
    ) -> None:
        """`closes`: the answer may come before the body has, so no next request can follow it.

        `noted`: what those who watch the source are told instead of `detail`, which strangers read.
        """
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.closes = closes
        self.noted = noted or detail


def later(code: str, detail: str, *, seconds: int = 2, status: int = 503) -> RequestRejected:
    """Try again: with an integer Retry-After, the only form that every SDK understands."""
    return RequestRejected(status, code, detail, headers={"Retry-After": str(seconds)})


def key_rejected(error: NotAuthenticated | MissingScope) -> RequestRejected:
    """What a key that does not open the door means."""
    if isinstance(error, MissingScope):
        return RequestRejected(
            403, "missing_scope", f"This key may not do that: it does not hold {error.scope}."
        )
    if error.failure is AuthFailure.UNAVAILABLE:
        return later("keys_unavailable", "Keys cannot be checked now; try again.")
    return RequestRejected(
        401,
        "unauthenticated",
        "Send a valid key as `Authorization: Bearer <key>`, or where your SDK puts it.",
        headers={"WWW-Authenticate": 'Bearer realm="stageline"'},
    )


def rules_unknown() -> RequestRejected:
    """Nothing may pass by rules that are not known."""
    return later(
        "source_unavailable",
        "The source of this key was removed, or its rules cannot be read now; try again later.",
        seconds=5,
    )


def source_paused() -> RequestRejected:
    """A person has paused the source; senders hold on to what they have."""
    return later("source_paused", "The source of this key is paused; try again later.", seconds=60)


def origin_not_allowed() -> RequestRejected:
    """The page is none of those that the source lets send."""
    return RequestRejected(
        403,
        "origin_not_allowed",
        "The source of this key takes events from the pages of certain origins alone, and this"
        " is none of them.",
    )


def rate_limited(policy: str, wait_seconds: int, now: datetime) -> RequestRejected:
    """More events a second than the sender may send, by the value of `RateLimit-Policy`."""
    return _too_many(
        "rate_limited",
        "More events come by this key than it may send; try again after Retry-After.",
        policy=policy,
        wait_seconds=wait_seconds,
        now=now,
    )


def quota_exceeded(quota: int, wait_seconds: int, now: datetime) -> RequestRejected:
    """The source has had its events of the day."""
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
    """The event log did not acknowledge: what was sent may or may not be stored."""
    return later(
        "log_unavailable",
        "The event log did not acknowledge in time; send the same events again, with the same"
        " message ids.",
    )


def body_rejected(refused: BodyRefused) -> RequestRejected:
    """What a body that cannot be taken means."""
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
