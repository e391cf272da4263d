"""A request as it came, before anything of it is believed."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

WINDOW_SECONDS = 300
"""How far a sender's time may lie from ours, before or after."""

_MOST_DIGITS = 16
"""Of an instant in milliseconds, thousands of years from now."""


class Failure(StrEnum):
    """Why a webhook is not believed; label of `stageline_ingest_auth_failures_total`."""

    MISSING = "signature_missing"
    MALFORMED = "signature_malformed"
    WRONG = "signature_wrong"
    EXPIRED = "signature_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """It is from whom it says. `delivery_id` is the sender's signed name for it, if there is one."""

    delivery_id: str | None = None


Verdict = Verified | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What a signature can be over. `body` is as received, before any decompression."""

    method: str
    url: str
    """The public address that was called, with its query; empty where nobody has told us."""
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes | Failure | None:
        """The value, None where there is none. Two of a kind are a trick: MALFORMED."""
        found = [value for known, value in self.headers if known == name]
        if len(found) > 1:
            return Failure.MALFORMED
        return found[0].strip() if found else None


def instant(text: bytes) -> int | None:
    """A number of seconds or milliseconds, or None for what is no such number."""
    return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else None


def is_current(seconds: float, now: datetime) -> bool:
    """Whether the sender's time lies within the window around `now`."""
    return abs(now.timestamp() - seconds) <= WINDOW_SECONDS


def any_equal(presented: Iterable[bytes], expected: Iterable[bytes]) -> bool:
    """Whether one of these is one of those, in time that tells nothing about how nearly.

    Hashed first, so that lengths do not show either.
    """
    digests = [sha256(each).digest() for each in presented]
    found = False
    for each in expected:
        wanted = sha256(each).digest()
        for digest in digests:
            found |= hmac.compare_digest(digest, wanted)
    return found
