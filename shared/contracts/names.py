"""Names of people and accounts: their kinds, the form in which they are stored, and which name nobody.

A subject of a journey is an account or a person. An account keeps the id that the customer gave it. A
person that belongs to no account is a subject under a prefixed name, so that an account `42` and a
user `42` never meet. Kinds of a person's names, strongest first: the sender's id of a known person, a
provider's record, an e-mail address, a device or browser.

There are two forms, and no others:

- The *stored* form (`normal`) is the key of every table: NFC, trimmed, without invisible characters. An
  e-mail address has no case, and an id of the form name@domain is that address. Any other id keeps its
  case, or two people whose ids differ by case alone would become one.
- The *folded* form (`folded`) decides whether two names are the same person for suppression and erasure,
  where missing one is worse than one too many. It is the stored form of the name, and the same for a name
  that was stored before the rules above.

`folded(normal(name)) == folded(name)` for every name, so both agree on what they are given.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

USER = "user:"
EXTERNAL = "external:"
EMAIL = "email:"
ANONYMOUS = "anonymous:"
RESERVED_PREFIXES = (USER, EXTERNAL, EMAIL, ANONYMOUS)
"""Kinds of a person's names, strongest first. An `account_id` may not begin with one; ingest refuses it."""
STRENGTH = {prefix: rank for rank, prefix in enumerate(RESERVED_PREFIXES)}
"""Rank of a kind; the lowest is the strongest."""

_INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
"""Characters that show nothing and join nothing. Joiners stay: several scripts spell with them."""
_BLANKS = re.compile(r"\s+")
_RECORD = re.compile(
    r"(?:hubspot|salesforce|pipedrive|stripe|zendesk|intercom):[a-z_]+:.", re.DOTALL
)
"""A provider's record, as adapters before `external_id` sent it for an anonymous id."""
_OBJECTS = frozenset({"deal", "ticket", "opportunity", "case"})
"""Kinds of records that are things of an account, and not people."""

_JUNK = frozenset(
    {
        "", "null", "undefined", "none", "nan", "nil", "0", "-1", "true", "false", "[object object]",
        "anonymous", "guest", "unknown", "n/a",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    }
)  # fmt: skip
_TEMPLATE = re.compile(r"\{\{.*\}\}|\$\{.*\}|%.+%|0+", re.DOTALL)
"""A template that was not filled in, or zeros only."""


def cleaned(text: str) -> str:
    """A text as it is stored and compared: NFC, trimmed, blanks plain, without invisible characters."""
    if text.isascii():
        return text.strip()
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    return _BLANKS.sub(" ", text).strip()


def is_junk(value: str) -> bool:
    """Whether an id names nobody, such as `undefined`, `null` or an unfilled template, in any case."""
    # Cached, because the stager asks for each id of each event; long texts would fill the memory.
    return _is_short_junk(value) if len(value) <= _MOST_CACHED_CHARS else _is_junk(value)


def _is_junk(value: str) -> bool:
    text = value.strip().casefold()
    return text in _JUNK or (text[:1] in "{$%0" and _TEMPLATE.fullmatch(text) is not None)


_MOST_CACHED_CHARS = 64
_is_short_junk = lru_cache(maxsize=16_384)(_is_junk)


def junk_word(text: str) -> str:
    """Form in which a workspace's list holds a word: cleaned, without case."""
    return cleaned(text).casefold()


@dataclass(frozen=True, slots=True)
class JunkNames:
    """Which ids name nobody in one workspace: those of `is_junk`, with words that it adds and removes.

    `added` and `removed` are in the form of `junk_word`; a word in both is removed.
    """

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    words: frozenset[str] = field(init=False, repr=False, compare=False)
    """Every word that an id is compared with, in that form. Templates and zeros are beside them."""

    def __post_init__(self) -> None:
        """Unite the words once: ingest looks into them for every id."""
        object.__setattr__(self, "words", _JUNK | self.added)

    def holds(self, value: str) -> bool:
        """Whether the id names nobody here."""
        word = junk_word(value)
        return word not in self.removed and (word in self.added or is_junk(word))

    def trusts(self, value: str) -> bool:
        """Whether the id is a name here although it is junk elsewhere."""
        return bool(self.removed) and junk_word(value) in self.removed and is_junk(value)


DEFAULT_JUNK = JunkNames()
"""The list of a workspace that has none of its own."""


def normal_email(address: str) -> str:
    """Form in which an e-mail address is stored and compared."""
    return cleaned(address).lower()


def is_address(value: str) -> bool:
    """Whether an id has the form name@domain, and so is taken for that e-mail address."""
    local, at, domain = value.partition("@")
    return bool(at and local and domain) and "@" not in domain and not _BLANKS.search(value)


def normal(name: str) -> str:
    """Stored form of a name: a person's with its prefix, or an account's id."""
    prefix, value = split(name)
    value = cleaned(value)
    if not prefix:
        return value
    if prefix in (USER, ANONYMOUS) and is_address(value):
        prefix = EMAIL
    elif prefix == ANONYMOUS and is_record(value):
        prefix = EXTERNAL
    return prefix + (value.lower() if prefix == EMAIL else value)


def is_plain(value: str, words: frozenset[str]) -> bool:
    """Whether an id is stored as it is sent and is none of `words`, for sure. Cost: no call but into C.

    False where that needs a closer look, as for an address, a record or an id that begins with a zero.
    """
    return (
        "0" < value[:1] < "{"  # begins no template and no zeros
        and value[-1] > " "
        and value.isascii()
        and "@" not in value
        and ":" not in value
        and value.lower() not in words
    )


def stored_value(prefix: str, value: str) -> str:
    """Stored form of an id: the part behind the prefix of `normal`; without prefix, of an account's."""
    value = cleaned(value)
    if prefix == EMAIL or (prefix in (USER, ANONYMOUS) and is_address(value)):
        return value.lower()
    return value


def folded_value(value: str) -> str:
    """Folded form of the part of a name behind its prefix."""
    value = cleaned(value)
    return value.lower() if is_address(value) else value


def folded(name: str) -> str:
    """Folded form of a person's name; equal for two names of one kind that are the same person's.

    The address in a record (`list:member:Ann@x.example`) has no case either.
    """
    prefix, value = split(normal(name))
    return prefix + folded_value(value)


def split(name: str) -> tuple[str, str]:
    """Prefix and value of a person's name; an empty prefix for any other text."""
    for prefix in RESERVED_PREFIXES:
        if name.startswith(prefix):
            return prefix, name[len(prefix) :]
    return "", name


def email_of(name: str) -> str | None:
    """The e-mail name of an id that is an address, such as `email:ann@x.example` of `user:Ann@x.example`.

    None for any other name. Suppression and erasure of an address count wherever it stands.
    """
    prefix = split(name)[0]
    stored = normal(name)
    return stored if prefix in {USER, ANONYMOUS} and stored.startswith(EMAIL) else None


def is_person(name: str) -> bool:
    """Whether a subject is a person rather than an account."""
    return name.startswith(RESERVED_PREFIXES)


def is_device(name: str) -> bool:
    """Whether a person's name is a device or browser, which different people use in turn."""
    return name.startswith(ANONYMOUS)


def is_record(value: str) -> bool:
    """Whether an id is a known provider's record, such as `hubspot:company:701`."""
    return _RECORD.match(value) is not None


def record_kind(name: str) -> str | None:
    """Provider and kind of a record, `hubspot:contact` of `external:hubspot:contact:8301`; else None."""
    if not name.startswith(EXTERNAL):
        return None
    provider, _, rest = name.removeprefix(EXTERNAL).partition(":")
    return f"{provider}:{rest.partition(':')[0]}"


def is_object(name: str) -> bool:
    """Whether a record is a thing of an account, such as a deal or a ticket, and no person."""
    kind = record_kind(name)
    return kind is not None and kind.rpartition(":")[2] in _OBJECTS


def person_names(
    *,
    user_id: str | None,
    email: str | None,
    anonymous_id: str | None,
    external_id: str | None = None,
) -> list[str]:
    """Stored names of the person in an event, strongest first; a name that two fields hold counts once."""
    given = ((USER, user_id), (EXTERNAL, external_id), (EMAIL, email), (ANONYMOUS, anonymous_id))
    stored = {normal(prefix + value): None for prefix, value in given if value and cleaned(value)}
    if len(stored) > 1:
        return sorted(stored, key=strength)
    return list(stored)


def strength(name: str) -> int:
    """Rank of a person's name by its kind; the lowest is the strongest."""
    return STRENGTH[split(name)[0]]


def names_of_any_kind(value: str) -> list[str]:
    """Names that an id of unknown kind may be: the address or record that it shows, else user and device."""
    value = cleaned(value)
    if not value:
        return []
    device = normal(ANONYMOUS + value)
    return [USER + value, device] if device.startswith(ANONYMOUS) else [device]


def person_ref(
    *,
    user_id: str | None,
    email: str | None,
    anonymous_id: str | None,
    external_id: str | None = None,
) -> str | None:
    """Strongest stored name of the person in an event, or None when the event names no person."""
    # Ingest calls it for every event, and most have a plain user id.
    if user_id and user_id.isascii() and "@" not in user_id:
        return USER + user_id.strip()
    names = person_names(
        user_id=user_id, email=email, anonymous_id=anonymous_id, external_id=external_id
    )
    return names[0] if names else None


def partition_key(workspace_id: int, subject: str) -> bytes:
    """Key of the record in the event log: equal subjects land on one partition.

    Sixteen bytes of a hash and not the subject itself: no personal data in log keys
    (docs/decisions/0001).
    """
    return blake2b(f"{workspace_id}:{subject}".encode(), digest_size=16).digest()
