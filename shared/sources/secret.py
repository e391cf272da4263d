"""Secrets that sign a source's webhooks: generated here, or copied from the provider.

Pure but for random bytes. Secrets are stored unhashed, because checking a signature takes the secret
itself (decision 0011); the api shows one only once, when it is created.
"""

import base64
import binascii
import secrets

from shared.sources.source import KINDS_WITH_KEYS, SourceKind

MADE_HERE = frozenset({SourceKind.STANDARD_WEBHOOKS, SourceKind.GENERIC})
"""Kinds with secrets generated here; those of the others come from the provider."""

MIN_CHARS, MAX_CHARS = 8, 500

_PREFIX = "whsec_"
_RANDOM_BYTES = 32
_STANDARD_BYTES = range(24, 65)
"""Lengths that Standard Webhooks allows."""


class SecretInvalid(ValueError):
    """The text cannot be a secret of this kind; the message says why without repeating it."""


def made(kind: SourceKind) -> str:
    """Generate a secret. Raises SecretInvalid for kinds whose provider generates it."""
    if kind not in MADE_HERE:
        raise SecretInvalid("Copy the secret from the provider: it is not made here.")
    return _PREFIX + base64.b64encode(secrets.token_bytes(_RANDOM_BYTES)).decode("ascii")


def checked(kind: SourceKind, text: str) -> str:
    """`text` as a secret, stripped of white space. Raises SecretInvalid."""
    text = text.strip()
    if not MIN_CHARS <= len(text) <= MAX_CHARS or not text.isprintable():
        raise SecretInvalid(f"A secret has {MIN_CHARS} to {MAX_CHARS} printable characters.")
    if kind is SourceKind.STANDARD_WEBHOOKS and not _is_standard(text):
        raise SecretInvalid(f"A secret of this kind is `{_PREFIX}` and 24 to 64 bytes in base64.")
    return text


def takes_secrets(kind: SourceKind) -> bool:
    """Whether senders of this kind authenticate by a secret instead of a key."""
    return kind not in KINDS_WITH_KEYS


def _is_standard(text: str) -> bool:
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(_PREFIX) and len(raw) in _STANDARD_BYTES
