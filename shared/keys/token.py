"""The key itself: `sl_wk_<id>_<secret>` (write), `sl_sk_...` (secret) or `sl_ok_...` (operator).

The prefix lets secret scanners find a leaked key; the id finds the row; only a SHA-256 of the secret
is stored. The secret has 192 random bits, so a slow password hash would add cost and no safety.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

_MARK = "sl_"
_PREFIX = {"wk": "write", "sk": "secret", "ok": "operator"}
_IN_TEXT = re.compile(rb"sl_[wso]k_[0-9A-Za-z]{1,64}+_[0-9A-Za-z]{1,256}+")
"""Bounded, well above the lengths of an id and a secret: longer ones would be hashed for nothing."""
_MOST_MATCHES = 10_000
"""A batch may repeat one key in each event; a text with more of them is hostile."""
_ID_BYTES = 6
_SECRET_BYTES = 24


class KeyKind(StrEnum):
    """What a key is for.

    `write` may only send events, `secret` acts by its scopes within its workspace, `operator` makes
    and names workspaces and sees nothing within any.
    """

    WRITE = "write"
    SECRET = "secret"  # noqa: S105 - the kind's name, not a secret
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A fresh key. `token` is shown once and never stored."""

    kind: KeyKind
    key_id: str
    token: str
    secret_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedToken:
    """The parts of a token; nothing is verified yet."""

    kind: KeyKind
    key_id: str
    secret: str


def generate(kind: KeyKind) -> NewKey:
    """Make a key with a random id (48 bits) and a random secret (192 bits)."""
    short = next(short for short, name in _PREFIX.items() if name == kind)
    key_id = secrets.token_hex(_ID_BYTES)
    secret = secrets.token_hex(_SECRET_BYTES)
    return NewKey(
        kind=kind,
        key_id=key_id,
        token=f"sl_{short}_{key_id}_{secret}",
        secret_hash=_hash(secret),
    )


def looks_like_ours(token: str) -> bool:
    """Whether a token begins like a key of Stageline, rather than of another system."""
    return token.startswith(_MARK)


def parse(token: str) -> ParsedToken | None:
    """Parts of a token, or None when it does not have the form of a key."""
    parts = token.strip().split("_")
    if len(parts) != 4 or parts[0] != "sl" or parts[1] not in _PREFIX:  # noqa: PLR2004 - the form
        return None
    if not parts[2].isalnum() or not parts[3].isalnum() or not token.isascii():
        return None
    return ParsedToken(kind=KeyKind(_PREFIX[parts[1]]), key_id=parts[2], secret=parts[3])


def keys_in(text: bytes, *, most: int) -> Sequence[str]:
    """The first `most` different tokens in a text of any form; nothing of it is decoded.

    Cost: one pass in C. A token that is written with JSON's escapes is not among them.
    """
    different: dict[str, None] = {}
    for match in islice(_IN_TEXT.finditer(text), _MOST_MATCHES):
        different[match[0].decode("ascii")] = None
        if len(different) == most:
            break
    return list(different)


def matches(parsed: ParsedToken, secret_hash: bytes) -> bool:
    """Whether the token's secret is the one that was hashed; constant time in the secret."""
    return hmac.compare_digest(_hash(parsed.secret), secret_hash)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
