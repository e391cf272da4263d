"""Keyed hashes of personal data. Pure.

HMAC-SHA-256 and not a plain hash: a list of known e-mail addresses would undo that in an afternoon.
"""

import hmac
from hashlib import sha256

from shared.ids import WorkspaceId

_PREFIX = "hmac1:"
"""Says how a value was hashed, so that the way can change later."""


def hashed(value: str, key: bytes) -> str:
    """The pseudonym of `value`: equal for equal values whatever their case and outer white space."""
    normal = value.strip().lower().encode()
    return _PREFIX + hmac.digest(key, normal, sha256).hex()


def is_hashed(value: str) -> bool:
    """Whether `value` is a pseudonym already: hashing again would make it another person."""
    return value.startswith(_PREFIX)


def person_digest(person: str, *, workspace_id: WorkspaceId, key: bytes) -> bytes:
    """What the list of suppressed people holds instead of a name like `email:ann@acme.example`."""
    return hmac.digest(key, f"{workspace_id}:{person}".encode(), sha256)
