"""Message ids as they are stored: the id as it was sent, behind the scope in which it counts once. Pure.

    ~w.0a1b2c/1001              sent as `1001` with a write key of the source `src_0a1b2c`
    ~s.0a1b2c/stripe:evt_1      by a secret of the source: a webhook, or a secret key that belongs to it
    ~s/invoice-117              with a secret key without a source; `~w/` with a write key
    ~s..5f0c9e21aa/1            in a narrower scope that the sender named, here without a source

A write key is public, so it never shares a scope with a secret. An id without a scope was made here for an
event that came without one, or was stored by a release that had no scopes. Ids of one scope keep their
order, which breaks ties between events of one instant. Decision 0025 has the reasons.
"""

import re
from hashlib import sha256

MAX_STORED_CHARS = 200
"""Longest stored id: 100 characters as sent, and the scope."""

_MARK = "~"
_SOURCE_PREFIX = "src_"
_FORM = re.compile(r"~[ws](?:\.[0-9A-Za-z_-]*){0,2}/")
_NARROW_CHARS = 10


def scope(*, is_public: bool, source_id: str | None) -> str:
    """What precedes the ids of one sender. `is_public`: whether its key can be read in a page."""
    trust = "w" if is_public else "s"
    if source_id is None:
        return f"{_MARK}{trust}/"
    return f"{_MARK}{trust}.{source_id.removeprefix(_SOURCE_PREFIX)}/"


def narrowed(scope: str, name: str) -> str:
    """The scope of this name within the scope of a sender; about 1 us."""
    return narrowed_by_digest(scope, sha256(name.encode("utf-8", "surrogatepass")).digest())


def narrowed_by_digest(scope: str, digest: bytes) -> str:
    """The same by a digest, of which the first forty bits count."""
    within = scope[:-1] if "." in scope else scope[:-1] + "."
    return f"{within}.{digest.hex()[:_NARROW_CHARS]}/"


def as_sent(stored: str) -> str:
    """The id as its sender knows it."""
    if not stored.startswith(_MARK):
        return stored
    form = _FORM.match(stored)
    return stored if form is None else stored[form.end() :]


def scope_of(stored: str) -> str | None:
    """The scope that precedes the id; None for an id without one."""
    form = _FORM.match(stored)
    return None if form is None else form[0]
