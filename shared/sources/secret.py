"""Secrets by which a source's webhooks are checked: made here, or as their provider gave them.

Pure but for chance.

They are kept as they are, because a signature can only be checked with the secret itself (decision
0011); whoever made one sees it once.
"""

import base64
import binascii
import secrets

from shared.sources.source import KINDS_WITH_KEYS, SourceKind

MADE_HERE = frozenset({SourceKind.STANDARD_WEBHOOKS, SourceKind.GENERIC})
"""Kinds whose secret we may make up; of the others the provider has made it or asks for ours."""

MIN_CHARS, MAX_CHARS = 8, 500

_PREFIX = "whsec_"
_RANDOM_BYTES = 32
_STANDARD_BYTES = range(24, 65)
"""Lengths that Standard Webhooks allows."""


class SecretInvalid(ValueError):
    """The text cannot be a secret of this kind; the message says why and repeats nothing."""


def made(kind: SourceKind) -> str:
    """A new secret. Raises SecretInvalid where we cannot make one up."""
    if kind not in MADE_HERE:
        raise SecretInvalid("Copy the secret from the provider: it is not made here.")
    return _PREFIX + base64.b64encode(secrets.token_bytes(_RANDOM_BYTES)).decode("ascii")


def checked(kind: SourceKind, text: str) -> str:
    """`text` as a secret, without the white space that copying adds. Raises SecretInvalid."""
    text = text.strip()
    if not MIN_CHARS <= len(text) <= MAX_CHARS or not text.isprintable():
        raise SecretInvalid(f"A secret has {MIN_CHARS} to {MAX_CHARS} printable characters.")
    if kind is SourceKind.STANDARD_WEBHOOKS and not _is_standard(text):
        raise SecretInvalid(f"A secret of this kind is `{_PREFIX}` and 24 to 64 bytes in base64.")
    return text


def takes_secrets(kind: SourceKind) -> bool:
    """Whether senders of this kind are known by a secret, and not by a key."""
    return kind not in KINDS_WITH_KEYS


def _is_standard(text: str) -> bool:
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(_PREFIX) and len(raw) in _STANDARD_BYTES
