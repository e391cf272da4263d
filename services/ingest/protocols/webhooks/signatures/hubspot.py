"""HubSpot's signatures: v3 by default, v1 and v2 only where the source names them.

HubSpot sends a v1 signature beside the v3 one, and v1 covers neither time nor address: a source that
accepted either could be sent an old delivery again. Source: HubSpot's "Validating requests", with its
vectors in the tests.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from services.ingest.protocols.webhooks.signatures.request import (
    Failure,
    SignedRequest,
    Verdict,
    Verified,
    any_equal,
    instant,
    is_current,
)

_ESCAPES = re.compile(rb"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""Only `: / ? @ ! $ ' ( ) * , ;` are decoded in the address before it is signed."""


def needs_url(versions: Sequence[str]) -> bool:
    """Whether one of these versions signs the address that was called."""
    return versions != ("v1",)


def verify(
    signed: SignedRequest, secrets: Sequence[bytes], *, versions: Sequence[str], now: datetime
) -> Verdict:
    """Check the newest version that is both allowed and present."""
    newest = signed.header(b"x-hubspot-signature-v3")
    if newest is Failure.MALFORMED:
        return Failure.MALFORMED
    if "v3" in versions and isinstance(newest, bytes) and newest:
        return _third(signed, secrets, newest, now)
    older = signed.header(b"x-hubspot-signature")
    version = signed.header(b"x-hubspot-signature-version")
    if isinstance(older, Failure) or isinstance(version, Failure):
        return Failure.MALFORMED
    name = (version or b"").decode("latin-1").lower()
    if not older or name not in versions or name == "v3":
        return Failure.MISSING
    content = signed.body if name == "v1" else _method_and_url(signed) + signed.body
    expected = [sha256(secret + content).hexdigest().encode() for secret in secrets]
    return Verified() if any_equal([older.lower()], expected) else Failure.WRONG


def _third(
    signed: SignedRequest, secrets: Sequence[bytes], signature: bytes, now: datetime
) -> Verdict:
    timestamp = signed.header(b"x-hubspot-request-timestamp")
    if timestamp is None:
        return Failure.MISSING
    milliseconds = None if isinstance(timestamp, Failure) else instant(timestamp)
    if isinstance(timestamp, Failure) or milliseconds is None:
        return Failure.MALFORMED
    if not is_current(milliseconds / 1000, now):
        return Failure.EXPIRED
    content = _method_and_url(signed) + signed.body + timestamp
    expected = [base64.b64encode(hmac.digest(secret, content, "sha256")) for secret in secrets]
    return Verified() if any_equal([signature], expected) else Failure.WRONG


def _method_and_url(signed: SignedRequest) -> bytes:
    url = signed.url.encode()
    return signed.method.encode() + _ESCAPES.sub(
        lambda match: bytes.fromhex(match[1].decode()), url
    )
