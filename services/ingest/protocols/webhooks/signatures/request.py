"""A request that is not authenticated yet, and helpers to check its signature. Pure."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

WINDOW_SECONDS = 300
"""Largest difference between the sender's time and ours, in either direction."""

_MOST_DIGITS = 16
"""Of an instant in milliseconds, thousands of years from now."""


class Failure(StrEnum):
    """Why a signature was not accepted; label of `stageline_ingest_auth_failures_total`."""

    MISSING = "signature_missing"
    MALFORMED = "signature_malformed"
    WRONG = "signature_wrong"
    EXPIRED = "signature_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The signature is valid. `delivery_id` is the sender's signed id of the delivery, if it has one."""

    delivery_id: str | None = None
    is_by_address: bool = False
    """The secret came in the query alone, where logs and referrers show it."""


Verdict = Verified | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """Everything that a signature can cover. `body` is as received, before any decompression."""

    method: str
    url: str
    """The public address that was called, with its query; empty if it is not configured."""
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes | Failure | None:
        """The value; None without one, MALFORMED for several: no provider repeats a header."""
        values = [value for each, value in self.headers if each == name]
        if len(values) > 1:
            return Failure.MALFORMED
        return values[0].strip() if values else None


def instant(text: bytes) -> int | None:
    """A number of seconds or milliseconds; None for other text."""
    return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else None


def is_current(seconds: float, now: datetime) -> bool:
    """Whether the sender's time lies within the window around `now`."""
    return abs(now.timestamp() - seconds) <= WINDOW_SECONDS


def any_equal(presented: Iterable[bytes], expected: Iterable[bytes]) -> bool:
    """Whether one of `presented` equals one of `expected`, in time that does not depend on the contents.

    Both are hashed first, so that time does not depend on lengths either.
    """
    digests = [sha256(each).digest() for each in presented]
    is_equal = False
    for each in expected:
        wanted = sha256(each).digest()
        for digest in digests:
            is_equal |= hmac.compare_digest(digest, wanted)
    return is_equal
