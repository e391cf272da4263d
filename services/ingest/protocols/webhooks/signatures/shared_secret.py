"""Senders that send a secret instead of signing: in a header, as bearer token, as password, in the query.

`X-Hub-Signature-256` and `X-Hub-Signature` (HMAC over the body, as Intercom and GitHub sign) are accepted too
where a source allows it. None of these has a timestamp: a repeated delivery counts once by its message id.
"""

import base64
import binascii
import hmac
from collections.abc import Iterator, Sequence
from urllib.parse import unquote_to_bytes

from services.ingest.protocols.webhooks.signatures.request import (
    Failure,
    SignedRequest,
    Verdict,
    Verified,
    any_equal,
)

HEADER = b"x-stageline-secret"
QUERY = b"secret"

_HUB = {b"x-hub-signature-256": "sha256", b"x-hub-signature": "sha1"}
"""SHA-1 is broken for collisions, not for HMAC, and Intercom offers nothing else."""


def verify(signed: SignedRequest, secrets: Sequence[bytes], *, takes_hub: bool) -> Verdict:
    """Check every secret and signature in the request; one valid one suffices.

    One in a header counts before one in the query, which is marked as such.
    """
    for name in (b"authorization", HEADER, *_HUB):
        if isinstance(signed.header(name), Failure):
            return Failure.MALFORMED
    shown = [each for each in _in_headers(signed) if each]
    if any_equal(shown, secrets):
        return Verified()
    hubs = [(signed.header(name), algorithm) for name, algorithm in _HUB.items() if takes_hub]
    for header, algorithm in hubs:
        if isinstance(header, bytes):
            shown.append(header)
            expected = [
                f"{algorithm}={hmac.digest(secret, signed.body, algorithm).hex()}".encode()
                for secret in secrets
            ]
            if any_equal([header.lower()], expected):
                return Verified()
    in_query = _in_query(signed)
    if in_query and any_equal([in_query], secrets):
        return Verified(is_by_address=True)
    return Failure.WRONG if shown or in_query else Failure.MISSING


def verify_password(signed: SignedRequest, secrets: Sequence[bytes]) -> Verdict:
    """Check HTTP Basic alone: the secret is the password, or `user:password`."""
    header = signed.header(b"authorization")
    if header is None:
        return Failure.MISSING
    shown = [] if isinstance(header, Failure) else [*_basic(header)]
    if not shown:
        return Failure.MALFORMED
    return Verified() if any_equal(shown, secrets) else Failure.WRONG


def _in_headers(signed: SignedRequest) -> Iterator[bytes]:
    own = signed.header(HEADER)
    if isinstance(own, bytes):
        yield own
    authorization = signed.header(b"authorization")
    if isinstance(authorization, bytes):
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() == b"bearer":
            yield token.strip()
        yield from _basic(authorization)


def _in_query(signed: SignedRequest) -> bytes | None:
    for pair in signed.query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == QUERY:
            return unquote_to_bytes(value)
    return None


def _basic(authorization: bytes) -> Iterator[bytes]:
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return
    try:
        both = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return
    password = both.partition(b":")[2]
    if password:
        yield password
        yield both
