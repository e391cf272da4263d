"""What a source's settings leave out of an event, cut down or hash, before the log. Pure.

In this order: what is denied goes, of the rest only what is allowed stays, addresses of the internet
are cut down, and what is to be hashed becomes a pseudonym. An e-mail address that is hashed is hashed
wherever it stands in the event: a trait, a user id, an address bar. Where `email` is to be hashed, no
address stays, whoever's it is: an event may name a person nowhere but in a property.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from msgspec.structs import asdict, replace

from services.ingest.events.candidate import is_email
from services.ingest.privacy import emails, nested
from services.ingest.privacy.addresses import Keeping, cut_down, cut_down_within
from services.ingest.privacy.nested import JsonValue, Keys
from shared.contracts.envelope import Envelope
from shared.contracts.names import normal_email
from shared.sources.hashing import hashed, is_hashed
from shared.sources.paths import OBJECTS, WORDS, EventPath, to_hash, to_keep, to_leave_out
from shared.sources.source import SourceSettings

_TRAITS_OF_EMAIL = (EventPath("traits", ("email",)), EventPath("context", ("traits", "email")))
"""Where the address stands a second time, or the only time, by every convention that we know."""
_NAMES = ("account_id", "previous_account_id", "user_id", "anonymous_id", "previous_id")
"""Fields that may hold an address as somebody's name."""
_TEXTS = (*_NAMES, "email", *WORDS, "channel", "role", "emotion", "friction")
"""Fields outside of the objects in which an address may stand."""
_ALIKE = {
    "account_id": ("account_id", "previous_account_id"),
    "anonymous_id": ("anonymous_id", "previous_id"),
}
"""Fields with those that hold former values of them: hashed alike, or they would no longer meet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """The settings, ready for use."""

    ip: Keeping = "truncate"
    denied: tuple[EventPath, ...] = ()
    allowed: Mapping[str, tuple[Keys, ...]] | None = None
    """Field to the paths inside it that stay; a field without any loses everything."""
    hashed: tuple[EventPath, ...] = ()
    key: bytes = field(default=b"", repr=False)

    hashes_emails: bool = False
    """No e-mail address may reach the log."""
    is_plain: bool = True
    """Only addresses of the internet are looked for."""


def redaction(settings: SourceSettings, key: bytes) -> Redaction:
    """Read the settings of a source; `key` is the workspace's, for pseudonyms."""
    allowed = settings.allow_properties
    hashed_paths = tuple(map(to_hash, settings.hash_fields))
    return Redaction(
        ip=settings.ip,
        denied=tuple(map(to_leave_out, settings.deny_properties)),
        allowed=None if allowed is None else _by_field(map(to_keep, allowed)),
        hashed=hashed_paths,
        key=key,
        hashes_emails=any(path.field == "email" for path in hashed_paths),
        is_plain=not (settings.deny_properties or hashed_paths) and allowed is None,
    )


def _by_field(paths: Iterable[EventPath]) -> Mapping[str, tuple[Keys, ...]]:
    found: dict[str, list[Keys]] = {}
    for path in paths:
        found.setdefault(path.field, []).append(path.keys)
    return {name: tuple(keys) for name, keys in found.items()}


def redact(envelope: Envelope, rules: Redaction) -> Envelope:
    """The event as it may be stored; itself where nothing is to be done.

    Raises RecursionError for an event that nests too deep.
    """
    if envelope.type == "unmapped":
        # Nobody knows yet where in it an address stands.
        envelope = replace(envelope, properties=cut_down_within(envelope.properties, rules.ip))
    if rules.is_plain:
        context, properties = cut_down(envelope.context, envelope.properties, rules.ip)
        if context is envelope.context and properties is envelope.properties:
            return envelope
        return replace(envelope, context=context, properties=properties)
    parts = {name: getattr(envelope, name) for name in OBJECTS}
    words: dict[str, Any] = {}
    _leave_out(parts, words, rules)
    parts["context"], parts["properties"] = cut_down(
        parts["context"], parts["properties"], rules.ip
    )
    changed = replace(envelope, **parts, **words)
    return _hash(changed, rules) if rules.hashed else changed


def _leave_out(parts: dict[str, JsonValue], words: dict[str, Any], rules: Redaction) -> None:
    for path in rules.denied:
        if path.field in parts:
            parts[path.field] = nested.without(parts[path.field], path.keys) if path.keys else {}
        else:
            words[path.field] = None
    if rules.allowed is not None:
        for name, part in parts.items():
            kept = rules.allowed.get(name)
            parts[name] = nested.only(part, kept) if kept else {}


def _hash(envelope: Envelope, rules: Redaction) -> Envelope:
    found: set[str] = set()
    """E-mail addresses that became pseudonyms."""

    def pseudonym(value: str) -> str:
        plain = value.strip()
        if not plain or is_hashed(plain):
            return value
        if is_email(plain):
            found.add(normal_email(plain))
        return hashed(plain, rules.key)

    changes: dict[str, Any] = {}
    for path in rules.hashed:
        _hash_path(envelope, path, changes, pseudonym)
    if rules.hashes_emails:
        for path in _TRAITS_OF_EMAIL:
            _hash_path(envelope, path, changes, pseudonym)
        for name in _NAMES:
            value = changes.get(name, getattr(envelope, name))
            if value is not None and is_email(value):
                changes[name] = pseudonym(value)
    changed = replace(envelope, **changes)
    if not (found or rules.hashes_emails):
        return changed
    return _everywhere(changed, _Finder(found, is_any=rules.hashes_emails), rules.key)


def _hash_path(
    envelope: Envelope, path: EventPath, changes: dict[str, Any], pseudonym: Callable[[str], str]
) -> None:
    for name in _ALIKE.get(path.field, (path.field,)):
        value = changes[name] if name in changes else getattr(envelope, name)
        if not value:
            continue
        changes[name] = (
            nested.replaced(value, path.keys, pseudonym) if path.keys else pseudonym(value)
        )


def _is_usual(address: str) -> bool:
    return quote(address, safe="@+") == address and emails.ANY.fullmatch(address) is not None


class _Finder:
    """Finds addresses as they are, and as the part of a link. Made when it is first needed."""

    __slots__ = ("_found", "_is_any", "_pattern")

    def __init__(self, found: Iterable[str], *, is_any: bool) -> None:
        """`found` are looked for, and all others too where `is_any`."""
        self._found = found
        self._is_any = is_any
        self._pattern: re.Pattern[str] | None = None

    def __call__(self) -> re.Pattern[str]:
        if self._pattern is None:
            named = sorted(self._found)
            if self._is_any:
                # Unusual ones, of which `ANY` would leave a part, have to be looked for themselves.
                named = [each for each in named if not _is_usual(each)]
            self._pattern = self._made(named) if named else emails.ANY
        return self._pattern

    def _made(self, named: Iterable[str]) -> re.Pattern[str]:
        forms = [
            form
            for each in named
            for form in (each, each.replace("@", "%40"), quote(each, safe=""))
        ]
        alternatives = list(map(re.escape, dict.fromkeys(forms)))
        if self._is_any:
            alternatives.append(emails.ANY.pattern)
        return re.compile("|".join(alternatives), re.IGNORECASE)


def _everywhere(envelope: Envelope, pattern: Callable[[], re.Pattern[str]], key: bytes) -> Envelope:
    """The event with a pseudonym for all that `pattern` finds; it is made when it is needed."""

    def pseudonym(found: re.Match[str]) -> str:
        return hashed(unquote(found[0]), key)

    def change(text: str) -> str:
        if not emails.may_be_in(text):
            return text
        changed = pattern().sub(pseudonym, text)
        # A new text that is equal would cost a copy of everything around it.
        return text if changed == text else changed

    changes: dict[str, Any] = {}
    for name in OBJECTS:
        value = getattr(envelope, name)
        if value:
            changes[name] = nested.rewritten(value, change, keys=True)
    for name in _TEXTS:
        value = getattr(envelope, name)
        if value is not None:
            changes[name] = change(value)
    if envelope.campaign is not None:
        told = {name: value for name, value in asdict(envelope.campaign).items() if value}
        changes["campaign"] = replace(
            envelope.campaign, **{name: change(value) for name, value in told.items()}
        )
    return replace(envelope, **changes)
