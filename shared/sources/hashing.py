"""Keyed hashes of personal data. Pure.

HMAC-SHA-256 and not a plain hash: a list of known e-mail addresses would undo that in an afternoon.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

from shared.contracts import names

_PREFIX = "hmac1:"
"""Says how a value was hashed, so that the way can change later."""
_PSEUDONYM = re.compile(_PREFIX + "[0-9a-f]{64}")


def hashed(value: str, key: bytes) -> str:
    """The pseudonym of `value`: equal for equal values, whatever white space surrounds them.

    The hash is of the folded form (see shared.contracts.names). A pseudonym stays what it is.
    """
    return value if is_hashed(value) else _PREFIX + _mac(value, key).hex()


def is_hashed(value: str) -> bool:
    """Whether `value` is a pseudonym already: hashing again would make it another person."""
    return value.startswith(_PREFIX) and _PSEUDONYM.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name like `email:ann@acme.example`, ready to be hashed."""

    kind: bytes
    value: str
    """What is hashed with the workspace's key, unless `mac` is that hash already."""
    mac: bytes | None = None

    def digest(self, mac: bytes) -> bytes:
        """What the list of suppressed people holds for it, by the keyed hash of `value`."""
        return self.kind + mac


def person_name(person: str) -> PersonName:
    """Take a name apart. Raises ValueError for what is no name of a person."""
    prefix, value = names.split(names.folded(person))
    if not prefix or not value:
        message = f"a person's name begins with one of {', '.join(names.RESERVED_PREFIXES)}"
        raise ValueError(message)
    initial = prefix[:1].encode()
    if is_hashed(value):
        return PersonName(initial, value, bytes.fromhex(value[len(_PREFIX) :]))
    return PersonName(initial, value)


def person_digest(person: str, *, key: bytes) -> bytes:
    """What the list of suppressed people holds instead of a name like `email:ann@acme.example`.

    A name and its pseudonym (`email:hmac1:...`) have the same digest, so that a person is left alone
    whether an event names them openly or not. `key` is the workspace's. Raises ValueError for what is
    no name of a person.
    """
    name = person_name(person)
    return name.digest(name.mac or hmac.digest(key, name.value.encode(), sha256))


def _mac(value: str, key: bytes) -> bytes:
    return hmac.digest(key, names.folded_value(value).encode(), sha256)
