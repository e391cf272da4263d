"""Redaction of an event by the settings of its source, before the log. Pure.

In this order: denied parts are removed, of the rest only allowed parts stay, IP addresses are truncated,
and fields to hash become pseudonyms. An e-mail address that is hashed is hashed everywhere in the event: in
a trait, a user id, a URL. Where `email` is hashed, every address in the event is: an event may name a person
in a property alone.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from msgspec.structs import asdict, replace

from services.ingest.events.candidate import is_email
from services.ingest.events.verdicts import RefusalCode, Refused, event_too_large
from services.ingest.privacy import nested
from services.ingest.privacy.addresses import Keeping, cut_down, cut_down_within
from services.ingest.privacy.emails import ANY, MORE, may_be_in
from services.ingest.privacy.nested import JsonValue, Keys
from shared.contracts.envelope import Envelope, encode
from shared.contracts.names import ANONYMOUS, EMAIL, EXTERNAL, USER, normal_email, split
from shared.sources.hashing import hashed, is_hashed
from shared.sources.paths import OBJECTS, WORDS, EventPath, to_hash, to_keep, to_leave_out
from shared.sources.source import SourceSettings

_TRAITS_OF_EMAIL = (EventPath("traits", ("email",)), EventPath("context", ("traits", "email")))
"""Conventional places of the e-mail address beside its own field."""
_NAMES = (
    "account_id", "previous_account_id", "user_id", "anonymous_id", "previous_id",
    "external_id", "account_external_id",
)  # fmt: skip
"""Fields that may hold an e-mail address as an id."""
_TEXTS = (*_NAMES, "email", *WORDS, "reason", "channel", "role", "emotion", "friction")
"""Text fields that may contain an e-mail address."""
_ALIKE = {
    "account_id": ("account_id", "previous_account_id"),
    "anonymous_id": ("anonymous_id", "previous_id"),
    # A former id of unknown kind may be a user id: it must not reach the log where those are hashed.
    "user_id": ("user_id", "previous_id"),
}
_KIND_OF_PREFIX = {
    USER: "user_id",
    EXTERNAL: "external_id",
    EMAIL: "email",
    ANONYMOUS: "anonymous_id",
}
"""Prefix of a name in `previous_names` to the field whose ids are hashed alike."""
"""Field to the fields with its former values: hashed alike, or a merge would not match them."""
_MOST_NAMED = 50
"""Addresses that are searched one by one in the texts of their event; with more, any address is hashed."""
_TOO_MANY_UNUSUAL = Refused(
    RefusalCode.INVALID_EMAIL,
    f"An event holds at most {_MOST_NAMED} e-mail addresses of unusual characters.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """Compiled redaction settings of a source."""

    ip: Keeping = "truncate"
    denied: tuple[EventPath, ...] = ()
    allowed: Mapping[str, tuple[Keys, ...]] | None = None
    """Field to the paths that are kept inside it; a field without any becomes empty."""
    hashed: tuple[EventPath, ...] = ()
    key: bytes = field(default=b"", repr=False)

    hashes_emails: bool = False
    """No e-mail address may reach the log."""
    is_plain: bool = True
    """Only IP addresses are redacted."""


def redaction(settings: SourceSettings, key: bytes) -> Redaction:
    """Compile the settings of a source; `key` is the workspace's, for pseudonyms."""
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
    by_field: dict[str, list[Keys]] = {}
    for path in paths:
        by_field.setdefault(path.field, []).append(path.keys)
    return {name: tuple(keys) for name, keys in by_field.items()}


def redact(envelope: Envelope, rules: Redaction, *, max_bytes: int) -> Envelope | Refused:
    """The event as it may be stored; the same object where nothing is redacted.

    `max_bytes`: a larger event is refused before its addresses are searched and hashed, which costs more
    than any other step. Raises RecursionError for an event that nests too deep.
    """
    if envelope.type == "unmapped":
        # An unmapped item may hold an address anywhere.
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
    if not rules.hashed:
        return changed
    if len(encode(changed)) > max_bytes:
        return event_too_large(max_bytes)
    return _hash(changed, rules)


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


def _hash(envelope: Envelope, rules: Redaction) -> Envelope | Refused:
    hashed_emails: set[str] = set()

    def pseudonym(value: str) -> str:
        plain = value.strip()
        if not plain or is_hashed(plain):
            return value
        if is_email(plain):
            hashed_emails.add(normal_email(plain))
        return hashed(plain, rules.key)

    changes: dict[str, Any] = {}
    for path in rules.hashed:
        _hash_path(envelope, path, changes, pseudonym)
    if rules.hashes_emails:
        _hash_addresses(envelope, changes, pseudonym)
    if envelope.account_id is not None and envelope.account_id == envelope.account_external_id:
        # Both say that the record is an account of its own, as long as they are equal.
        record = envelope.account_external_id
        changes["account_id"] = changes.get("account_external_id", record)
    if envelope.previous_names:
        fields = {path.field for path in rules.hashed}
        changes["previous_names"] = [
            _hashed_name(name, fields, pseudonym) for name in envelope.previous_names
        ]
    changed = replace(envelope, **changes)
    if not (hashed_emails or rules.hashes_emails):
        return changed
    pattern = _pattern(hashed_emails, is_any=rules.hashes_emails)
    return pattern if isinstance(pattern, Refused) else _everywhere(changed, pattern, rules.key)


def _hash_addresses(
    envelope: Envelope, changes: dict[str, Any], pseudonym: Callable[[str], str]
) -> None:
    for path in _TRAITS_OF_EMAIL:
        _hash_path(envelope, path, changes, pseudonym)
    for name in _NAMES:
        value = changes.get(name, getattr(envelope, name))
        if value is not None and is_email(value):
            changes[name] = pseudonym(value)


def _hashed_name(name: str, fields: Collection[str], pseudonym: Callable[[str], str]) -> str:
    """A name with its prefix, hashed where `fields` holds the field of its kind, or the address it is."""
    prefix, value = split(name)
    is_hashed_here = _KIND_OF_PREFIX[prefix] in fields or ("email" in fields and is_email(value))
    return prefix + pseudonym(value) if is_hashed_here else name


def _pattern(hashed_emails: set[str], *, is_any: bool) -> "_EmailPattern | Refused":
    if len(hashed_emails) > _MOST_NAMED:
        if sum(not _is_usual(each) for each in hashed_emails) > _MOST_NAMED:
            return _TOO_MANY_UNUSUAL
        is_any = True
    return _EmailPattern(hashed_emails, is_any=is_any)


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
    return quote(address, safe="@+") == address and ANY.fullmatch(address) is not None


class _EmailPattern:
    """Regular expression for e-mail addresses, plain or percent-encoded; compiled at its first use."""

    __slots__ = ("_emails", "_is_any", "_pattern")

    def __init__(self, emails: Iterable[str], *, is_any: bool) -> None:
        """Matches `emails`, and any other address where `is_any`."""
        self._emails = emails
        self._is_any = is_any
        self._pattern: re.Pattern[str] | None = None

    def __call__(self) -> re.Pattern[str]:
        if self._pattern is None:
            named = sorted(self._emails)
            if self._is_any:
                # `ANY` matches usual addresses whole; of an unusual one it would leave a part.
                named = [each for each in named if not _is_usual(each)]
            self._pattern = self._made(named) if named else ANY
        return self._pattern

    def _made(self, named: Iterable[str]) -> re.Pattern[str]:
        forms = [
            form
            for each in named
            for form in (each, each.replace("@", "%40"), quote(each, safe=""))
        ]
        pattern = "|".join(map(re.escape, dict.fromkeys(forms)))
        if self._is_any:
            pattern = f"(?:{pattern}){MORE}|{ANY.pattern}"
        return re.compile(pattern, re.IGNORECASE)


def _everywhere(envelope: Envelope, pattern: Callable[[], re.Pattern[str]], key: bytes) -> Envelope:
    """The event with a pseudonym for every match of `pattern`, which is compiled at its first use."""
    pseudonyms: dict[str, str] = {}

    def pseudonym(match: re.Match[str]) -> str:
        address = match[0]
        if address not in pseudonyms:
            pseudonyms[address] = hashed(unquote(address), key)
        return pseudonyms[address]

    def change(text: str) -> str:
        if not may_be_in(text):
            return text
        changed = pattern().sub(pseudonym, text)
        # An equal new string would make `nested.rewritten` copy everything around it.
        return text if changed == text else changed

    changes: dict[str, Any] = {
        name: nested.rewritten(value, change, keys=True)
        for name in (*OBJECTS, "previous_names", "ignored_ids")
        if (value := getattr(envelope, name))
    }
    changes |= {
        name: change(value) for name in _TEXTS if (value := getattr(envelope, name)) is not None
    }
    if envelope.campaign is not None:
        texts = {name: value for name, value in asdict(envelope.campaign).items() if value}
        changes["campaign"] = replace(
            envelope.campaign, **{name: change(value) for name, value in texts.items()}
        )
    return replace(envelope, **changes)
