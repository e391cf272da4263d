"""`Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>]`: HMAC-SHA256 over `{t}.{body}`.

Source: Stripe's "Verify webhook signatures"; Stripe's own library makes the signatures of the tests.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

from services.ingest.protocols.webhooks.signatures.request import (
    Failure,
    SignedRequest,
    Verdict,
    Verified,
    any_equal,
    instant,
    is_current,
)

_MOST_PARTS = 32


def verify(signed: SignedRequest, secrets: Sequence[bytes], *, now: datetime) -> Verdict:
    """Check every `v1` against every secret; other schemes (`v0` of test mode) do not count."""
    header = signed.header(b"stripe-signature")
    if header is None:
        return Failure.MISSING
    if isinstance(header, Failure):
        return header
    pairs = [part.strip().partition(b"=") for part in header.split(b",", _MOST_PARTS)]
    times = [value for name, _, value in pairs if name == b"t"]
    signatures = [value for name, _, value in pairs if name == b"v1"]
    seconds = instant(times[0]) if len(times) == 1 else None
    if seconds is None or not signatures:
        return Failure.MALFORMED
    if not is_current(seconds, now):
        return Failure.EXPIRED
    content = times[0] + b"." + signed.body
    expected = [hmac.digest(secret, content, "sha256").hex().encode() for secret in secrets]
    return Verified() if any_equal(signatures, expected) else Failure.WRONG
