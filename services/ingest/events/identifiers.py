"""The names of an event as they are stored: in their normal form, without ids that name nobody. Pure.

An id that names nobody (`undefined`, `null`, an unfilled template) is taken off; the event lives on by its
other names, and `ignored` says what was taken off. An address and a name of `previous_names` are ids, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from services.ingest.events.candidate import Candidate, ForeignCandidate, is_email, wrong_form
from services.ingest.events.verdicts import RefusalCode, Refused
from shared.contracts.envelope import MAX_EVENT_CHARS, MAX_ID_CHARS, fits_id
from shared.contracts.names import (
    ANONYMOUS,
    DEFAULT_JUNK,
    EMAIL,
    EXTERNAL,
    RESERVED_PREFIXES,
    USER,
    JunkNames,
    cleaned,
    is_plain,
    normal,
    split,
    stored_value,
)

_ACCOUNT = ""
"""The ids of accounts have no prefix."""
KINDS = {
    "account_id": _ACCOUNT,
    "user_id": USER,
    "anonymous_id": ANONYMOUS,
    "email": EMAIL,
    "external_id": EXTERNAL,
    "account_external_id": _ACCOUNT,
}
"""Field of an id to the prefix of its kind. Each of them is a name, so one is enough for an event."""
_FORMER = {"previous_id": ANONYMOUS, "previous_account_id": _ACCOUNT}
_ALL_KINDS = KINDS | _FORMER
_PERSONS = frozenset({USER, ANONYMOUS, EMAIL})
"""Prefixes of kinds whose ids may be addresses."""
_RECORDS = frozenset({"external_id", "account_external_id"})
_MOST_CACHED, _LONGEST_CACHED = 10_000, 64
"""Texts of one field, and the length of each: a few megabytes altogether."""

_RESERVED = Refused(
    RefusalCode.RESERVED_ACCOUNT_ID,
    f"`account_id` does not begin with {', '.join(RESERVED_PREFIXES)}: those name persons.",
)
_RESERVED_RECORD = Refused(
    RefusalCode.INVALID_ACCOUNT_EXTERNAL_ID,
    f"`account_external_id` does not begin with {', '.join(RESERVED_PREFIXES)}: those name persons.",
)
_NO_EMAIL = Refused(RefusalCode.INVALID_EMAIL, "`email` has the form name@domain.")
_NO_NAMES = Refused(
    RefusalCode.INVALID_PREVIOUS_NAMES,
    f"A name in `previous_names` is an id behind one of {', '.join(RESERVED_PREFIXES)}.",
)
_NO_IDENTITY = Refused(
    RefusalCode.MISSING_IDENTITY,
    f"An event names somebody: at least one of {', '.join(KINDS)}.",
)
_JUNK_NAMES = Refused(
    RefusalCode.JUNK_NAMES,
    "No id of the event names somebody: words like `undefined` or `null` and unfilled templates are left"
    " out. Send the id itself; if the word is one, see `stageline identity junk`.",
)


@dataclass(frozen=True, slots=True)
class Identifiers:
    """The ids of one event; a field without one is left out."""

    stored: Mapping[str, str]
    previous_names: Sequence[str]
    ignored: Mapping[str, str]
    """Field to the text that was taken off it, as sent; several names of one field with commas between."""
    trusted: Sequence[str]
    """Fields whose id names somebody in this workspace, although it would name nobody elsewhere."""


class _Cache(dict[str, str | None]):
    """Stored forms by the text as sent; computes those that it lacks. None is never kept."""

    __slots__ = ("_stored", "_words")

    def __init__(
        self, stored: Callable[[str], str | None], words: frozenset[str] | None = None
    ) -> None:
        """An id that is plain beside `words` is stored as it is; None: `stored` decides about all."""
        super().__init__()
        self._stored = stored
        self._words = words

    def __missing__(self, sent: str) -> str | None:
        words = self._words
        value = sent if words is not None and is_plain(sent, words) else self._stored(sent)
        if value is not None and len(sent) <= _LONGEST_CACHED:
            if len(self) >= _MOST_CACHED:
                # What is in use comes back at once; the rest was of past visitors.
                self.clear()
            self[sent] = value
        return value


class NameForms:
    """The stored forms of names by the list of junk names of one workspace.

    Each field has a cache: most names of a stream were in it before, and their normal form costs as much as
    all the rest of validation. A cache gives None for a name that needs `identifiers`: for a remark or a
    refusal; an empty text is a blank name.
    """

    __slots__ = ("accounts", "devices", "emails", "events", "junk", "of_field", "users")

    def __init__(self, junk: JunkNames = DEFAULT_JUNK) -> None:
        self.junk = junk
        self.events = _Cache(_event)
        self.of_field = {
            name: _Cache(partial(self._stored, name, kind), None if kind == EMAIL else junk.words)
            for name, kind in _ALL_KINDS.items()
        }
        self.accounts = self.of_field["account_id"]
        self.users = self.of_field["user_id"]
        self.devices = self.of_field["anonymous_id"]
        self.emails = self.of_field["email"]

    def identifiers(self, candidate: Candidate) -> Identifiers | Refused:
        """The ids of one event, or why it is refused for them."""
        stored: dict[str, str] = {}
        ignored: dict[str, str] = {}
        trusted: list[str] = []
        foreign = candidate if isinstance(candidate, ForeignCandidate) else None
        for name in KINDS if foreign is None else _ALL_KINDS:
            sent = getattr(candidate, name)
            value = "" if sent is None else self.of_field[name][sent]
            if value is None:
                value = stored_value(_ALL_KINDS[name], sent)
                if self._is_junk(value, is_record=name in _RECORDS):
                    ignored[name] = sent
                    continue
                if (refused := _wrong(name, value)) is not None:
                    return refused
                trusted.append(name)
            if value:
                stored[name] = value
        names: Sequence[str] = ()
        if foreign is not None and foreign.previous_names:
            if not all(map(_is_name, foreign.previous_names)):
                return _NO_NAMES
            names = self._previous_names(foreign.previous_names, ignored, trusted)
        # An unmapped item names no person or account until a mapping reads it.
        is_unmapped = foreign is not None and foreign.type == "unmapped"
        if stored.keys().isdisjoint(KINDS) and not is_unmapped:
            return _JUNK_NAMES if ignored else _NO_IDENTITY
        return Identifiers(stored, names, ignored, trusted)

    def _stored(self, name: str, kind: str, sent: str) -> str | None:
        """The stored form of an id; None where it is junk, trusted or of the wrong form."""
        value = stored_value(kind, sent)
        if not value:
            return ""
        if kind in _PERSONS and self._is_plain_address(value):
            return value
        if self._is_junk(value, is_record=name in _RECORDS) or self.junk.trusts(value):
            return None
        return value if _wrong(name, value) is None else None

    def _is_plain_address(self, value: str) -> bool:
        """Whether an id is an address and surely no junk: most addresses are spared the closer look."""
        return (
            "0" < value[:1] < "{"
            and value.isascii()
            and len(value) <= MAX_ID_CHARS
            and value not in self.junk.words
            and is_email(value)
        )

    def _previous_names(
        self, sent: Sequence[str], ignored: dict[str, str], trusted: list[str]
    ) -> Sequence[str]:
        kept: dict[str, None] = {}
        junk_names: list[str] = []
        for name in sent:
            value = cleaned(split(name)[1])
            if self._is_junk(value, is_record=name.startswith(EXTERNAL)):
                junk_names.append(name)
                continue
            kept[normal(name)] = None
            if self.junk.trusts(value) and "previous_names" not in trusted:
                trusted.append("previous_names")
        if junk_names:
            ignored["previous_names"] = ", ".join(junk_names)
        return list(kept)

    def _is_junk(self, value: str, *, is_record: bool) -> bool:
        """Of a record, such as `stripe:customer:null`, the last part counts as well."""
        if self.junk.holds(value):
            return True
        return is_record and ":" in value and self.junk.holds(value.rpartition(":")[2])


def _wrong(name: str, value: str) -> Refused | None:
    """The refusal for an id of a form that its field does not take."""
    # A character may become several in the normal form.
    if not fits_id(value):
        return wrong_form(name)
    if name == "account_id" and value.startswith(RESERVED_PREFIXES):
        return _RESERVED
    if name == "account_external_id" and value.startswith(RESERVED_PREFIXES):
        return _RESERVED_RECORD
    if name == "email" and value and not is_email(value):
        return _NO_EMAIL
    return None


def _is_name(name: str) -> bool:
    prefix, value = split(name)
    value = cleaned(value)
    return bool(prefix and value and fits_id(value))


def _event(sent: str) -> str | None:
    stored = cleaned(sent)
    return stored if len(stored) <= MAX_EVENT_CHARS else None


@lru_cache(maxsize=256)
def name_forms(junk: JunkNames) -> NameForms:
    """The forms by a list; equal lists share their caches, so these outlive a read of the rules."""
    return NameForms(junk)


DEFAULT_FORMS = name_forms(DEFAULT_JUNK)
"""The forms of a workspace without a list of its own."""
