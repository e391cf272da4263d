"""How fast a sender may send: a bucket of tokens for each. Pure: the time is given.

A token is an event. The bucket fills steadily up to its size; a request is let in for one token, and
pays for the rest of its events once they are counted. So the bucket may owe: a batch larger than the
bucket passes now and then, instead of never.
"""

import math
from dataclasses import dataclass

MAX_WAIT_SECONDS = 3600
"""Longest wait that is asked for: SDKs believe no longer one, and a limit may have been raised."""
_BURST_SECONDS = 10
_ONE = 1 - 1e-9
"""A token, less what sums of fractions lose: whoever waits as long as told must not be told again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A limit: events a second in the long run, and how many at once."""

    per_second: float
    burst: int

    def policy(self) -> str:
        """Value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers)."""
        return f'"default";q={self.burst};w={self.fill_seconds(self.burst)}'

    def fill_seconds(self, tokens: float) -> int:
        """Whole seconds until so many tokens have come in, at least one."""
        return max(1, math.ceil(min(tokens / self.per_second, MAX_WAIT_SECONDS)))


def rate(per_second: float | None, burst: int | None) -> RateLimit | None:
    """The limit that settings ask for; without `burst`, ten seconds' worth."""
    if per_second is None:
        return None
    at_least = max(1, math.ceil(min(per_second * _BURST_SECONDS, 2**53)))
    return RateLimit(per_second=per_second, burst=burst or at_least)


@dataclass(frozen=True, slots=True)
class WithinLimit:
    """Let in, by this bucket."""

    limit: RateLimit
    bucket: "_Bucket"

    def told(self) -> str:
        """Value of `RateLimit`: events that may still come at once, and seconds until the bucket is full.

        As things stand when this is asked: what a request costs is known once its events are counted.
        """
        tokens = self.bucket.tokens
        full_after_seconds = self.limit.fill_seconds(self.limit.burst - tokens)
        return f'"default";r={max(0, math.floor(tokens))};t={full_after_seconds}'


@dataclass(frozen=True, slots=True)
class OverLimit:
    """Turned away: come again after so many seconds."""

    wait_seconds: int


class RateLimiter:
    """The buckets, by whoever sends; as many as there are senders with a limit."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def enter(self, sender: str, limit: RateLimit, now: float) -> WithinLimit | OverLimit:
        """Whether a request may come in at `now`, in seconds of a clock that never goes back."""
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = self._buckets[sender] = _Bucket(float(limit.burst), now)
        bucket.fill(limit, now)
        if bucket.tokens < _ONE:
            return OverLimit(limit.fill_seconds(1 - bucket.tokens))
        bucket.tokens -= 1
        return WithinLimit(limit, bucket)

    def pay(self, sender: str, events: int) -> None:
        """Take what a request that came in has cost beyond its first event."""
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
