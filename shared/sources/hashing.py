"""Keyed hashes of personal data. Pure.

HMAC-SHA-256 instead of a plain hash, which a dictionary of e-mail addresses would reverse in hours.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

from shared.contracts import names

_PREFIX = "hmac1:"
"""Names the algorithm, so that it can change later."""
_PSEUDONYM = re.compile(_PREFIX + "[0-9a-f]{64}")


def hashed(value: str, key: bytes) -> str:
    """The pseudonym of `value`: equal for equal values, whatever white space surrounds them.

    The hash is of the folded form (see shared.contracts.names). A pseudonym is returned as is.
    """
    return value if is_hashed(value) else _PREFIX + _mac(value, key).hex()


def is_hashed(value: str) -> bool:
    """Whether `value` is a pseudonym already; hashing it again would make it another person."""
    return value.startswith(_PREFIX) and _PSEUDONYM.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name like `email:ann@acme.example`, ready to be hashed."""

    kind: bytes
    value: str
    """Input of the workspace's keyed hash, unless `mac` is that hash already."""
    mac: bytes | None = None

    def digest(self, mac: bytes) -> bytes:
        """Entry in the suppression list, made of the keyed hash of `value`."""
        return self.kind + mac


_INITIALS = {names.USER: b"u", names.EXTERNAL: b"x", names.EMAIL: b"e", names.ANONYMOUS: b"a"}
"""Prefix of a name to the first byte of its digest."""


def person_name(person: str) -> PersonName:
    """Split a name into kind and value. Raises ValueError for text that names no person."""
    prefix, value = names.split(names.folded(person))
    if not prefix or not value:
        message = f"a person's name begins with one of {', '.join(names.RESERVED_PREFIXES)}"
        raise ValueError(message)
    initial = _INITIALS[prefix]
    if is_hashed(value):
        return PersonName(initial, value, bytes.fromhex(value[len(_PREFIX) :]))
    return PersonName(initial, value)


def person_digest(person: str, *, key: bytes) -> bytes:
    """Entry in the suppression list for a name like `email:ann@acme.example`.

    A name and its pseudonym (`email:hmac1:...`) have the same digest, so that suppression covers events
    with either. `key` is the workspace's. Raises ValueError for text that names no person.
    """
    name = person_name(person)
    return name.digest(name.mac or hmac.digest(key, name.value.encode(), sha256))


def stored_digests(person: str, *, key: bytes) -> frozenset[bytes]:
    """Every entry that a suppression list may hold for a name. Raises ValueError as `person_digest` does.

    The kind of an id may be seen in its text alone: an address in `user_id`, a record in `anonymous_id`. Its
    pseudonym does not show it, and neither did entries of before such ids had a kind of their own.
    """
    digest = person_digest(person, key=key)
    prefix, value = names.split(person)
    prefixes = {prefix}
    if is_hashed(names.cleaned(value)):
        # Its text could show another kind.
        prefixes |= {names.EMAIL, names.EXTERNAL} if prefix == names.ANONYMOUS else {names.EMAIL}
    elif digest[:1] == _INITIALS[names.EXTERNAL]:
        prefixes.add(names.ANONYMOUS)
    return frozenset({digest, *(_INITIALS[each] + digest[1:] for each in prefixes)})


def _mac(value: str, key: bytes) -> bytes:
    return hmac.digest(key, names.folded_value(value).encode(), sha256)
