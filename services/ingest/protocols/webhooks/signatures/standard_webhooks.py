"""Standard Webhooks, as Svix and many others sign: HMAC-SHA256 over `{id}.{timestamp}.{body}`.

The asymmetric scheme (`v1a`) is not supported. Source: the Standard Webhooks specification; its own
library makes the signatures of the tests.
"""

import base64
import binascii
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

_MOST_SIGNATURES = 32
_MOST_ID_CHARS = 256
_PREFIXES = (b"webhook-", b"svix-")
"""Svix preceded the standard and still sends its own names."""


def verify(signed: SignedRequest, secrets: Sequence[bytes], *, now: datetime) -> Verdict:
    """Check every `v1` against every secret. The id is the same for every attempt."""
    for prefix in _PREFIXES:
        headers = [signed.header(prefix + name) for name in (b"id", b"timestamp", b"signature")]
        if any(each is not None for each in headers):
            break
    if any(isinstance(each, Failure) for each in headers):
        return Failure.MALFORMED
    delivery_id, timestamp, header = (each if isinstance(each, bytes) else b"" for each in headers)
    if not (delivery_id and timestamp and header):
        return Failure.MISSING
    seconds = instant(timestamp)
    signatures = [
        each.removeprefix(b"v1,")
        for each in header.split(b" ", _MOST_SIGNATURES)
        if each.startswith(b"v1,")
    ]
    is_name = delivery_id.isascii() and delivery_id.decode("latin-1").isprintable()
    if seconds is None or not signatures or not is_name or len(delivery_id) > _MOST_ID_CHARS:
        return Failure.MALFORMED
    if not is_current(seconds, now):
        return Failure.EXPIRED
    content = b".".join((delivery_id, timestamp, signed.body))
    expected = [
        base64.b64encode(hmac.digest(key, content, "sha256"))
        for key in map(_key, secrets)
        if key is not None
    ]
    if not any_equal(signatures, expected):
        return Failure.WRONG
    return Verified(delivery_id=delivery_id.decode())


def _key(secret: bytes) -> bytes | None:
    """The key of `whsec_` and base64; None for other text, which cannot have signed anything."""
    try:
        return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True) or None
    except binascii.Error:
        return None
