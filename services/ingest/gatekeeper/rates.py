"""Rate limits: a token bucket for each sender. Pure: the time is an argument.

A token is one event. The bucket refills steadily up to its size. A request is admitted for one token and
pays for the rest of its events once they are counted, so the balance may become negative: a batch larger
than the bucket is admitted now and then, instead of never.
"""

import math
from dataclasses import dataclass

MAX_WAIT_SECONDS = 3600
"""Longest Retry-After: SDKs ignore longer ones, and the limit may have been raised by then."""
_BURST_SECONDS = 10
_ONE = 1 - 1e-9
"""One token, less rounding: a sender that has waited for its Retry-After must be admitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Events a second in the long run, and events at once."""

    per_second: float
    burst: int

    def policy(self) -> str:
        """Value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers)."""
        return f'"default";q={self.burst};w={self.fill_seconds(self.burst)}'

    def fill_seconds(self, tokens: float) -> int:
        """Whole seconds in which so many tokens refill, at least one."""
        return max(1, math.ceil(min(tokens / self.per_second, MAX_WAIT_SECONDS)))


def rate_limit(per_second: float | None, burst: int | None) -> RateLimit | None:
    """The limit of these settings; without `burst`, ten seconds' worth at once."""
    if per_second is None:
        return None
    default_burst = max(1, math.ceil(min(per_second * _BURST_SECONDS, 2**53)))
    return RateLimit(per_second=per_second, burst=burst or default_burst)


@dataclass(frozen=True, slots=True)
class WithinLimit:
    """Admitted, at the cost of a token of `bucket`."""

    limit: RateLimit
    bucket: "_Bucket"

    def remaining(self) -> str:
        """Value of `RateLimit`: events that may still be sent at once, and seconds until the bucket is full.

        Of the moment of the call: a request is charged once its events are counted.
        """
        tokens = self.bucket.tokens
        full_after_seconds = self.limit.fill_seconds(self.limit.burst - tokens)
        return f'"default";r={max(0, math.floor(tokens))};t={full_after_seconds}'

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of the response, raw."""
        return [
            (b"ratelimit-policy", self.limit.policy().encode()),
            (b"ratelimit", self.remaining().encode()),
        ]


@dataclass(frozen=True, slots=True)
class OverLimit:
    """Not admitted for so many seconds."""

    wait_seconds: int


class RateLimiter:
    """The buckets of all senders with a limit."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def enter(self, sender: str, limit: RateLimit, now: float) -> WithinLimit | OverLimit:
        """Charge one token at `now`, in seconds of a monotonic clock."""
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = self._buckets[sender] = _Bucket(float(limit.burst), now)
        bucket.fill(limit, now)
        if bucket.tokens < _ONE:
            return OverLimit(limit.fill_seconds(1 - bucket.tokens))
        bucket.tokens -= 1
        return WithinLimit(limit, bucket)

    def pay(self, sender: str, events: int) -> None:
        """Charge the events of an admitted request beyond its first."""
        bucket = self._buckets.get(sender)
        if bucket is not None and events > 1:
            bucket.tokens -= events - 1


class _Bucket:
    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at

    def fill(self, limit: RateLimit, now: float) -> None:
        self.tokens = min(float(limit.burst), self.tokens + (now - self.at) * limit.per_second)
        self.at = now
