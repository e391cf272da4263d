"""Settings as somebody wrote them, read with every mistake named: place, sentence, near miss. Pure.

A complaint repeats nothing of what was written, so that it may go into an answer or a log.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.sources.expressions import is_storable
from shared.sources.mapping import MappingProblem, compile_mapping
from shared.sources.source import ConsentRule, SourceSettings, settings_from

FIELDS = SourceSettings.__struct_fields__


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One mistake. `path` leads to it from the settings; it holds names of ours and positions alone."""

    path: tuple[str, ...]
    detail: str

    @property
    def pointer(self) -> str:
        """JSON Pointer (RFC 6901) from the settings."""
        return "".join(f"/{step}" for step in self.path)


class SettingsInvalid(ValueError):
    """The settings cannot be used; `complaints` has every mistake that was found."""

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        super().__init__(f"{len(complaints)} mistakes in the settings")
        self.complaints = complaints


def read_settings(written: Mapping[str, Any]) -> SourceSettings:
    """Settings out of what somebody wrote; null means the default. Raises SettingsInvalid."""
    given = {name: value for name, value in written.items() if value is not None}
    complaints = tuple(_complaints(given))
    if complaints:
        raise SettingsInvalid(complaints)
    return settings_from(given)


def near(name: str, known: tuple[str, ...] = FIELDS) -> str:
    """` Did you mean ...?` where `name` is nearly one of `known`, else what there is."""
    found = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.5)
    return f"did you mean `{found[0]}`?" if found else f"there are: {', '.join(known)}"


def _complaints(given: Mapping[str, Any]) -> Iterator[Complaint]:
    for name, value in given.items():
        if name not in FIELDS:
            yield Complaint(path=(), detail=f"a setting is not known here; {near(name)}")
        elif not is_storable(value):
            yield Complaint(path=(name,), detail=_NOT_STORABLE)
        else:
            yield from _of_one(name, value)


def _of_one(name: str, value: object) -> Iterator[Complaint]:
    try:
        settings_from({name: value})
    except (msgspec.ValidationError, RecursionError) as exc:
        path = _path(str(exc)) or (name,)
        yield Complaint(path=path, detail=_sentence(path, str(exc), value))
        return
    if name == "mapping" and isinstance(value, dict):
        try:
            compile_mapping(value)
        except MappingProblem as exc:
            yield Complaint(path=(name,), detail=str(exc))


def _path(message: str) -> tuple[str, ...]:
    """Steps of the path in a decoder's message, without positions, which it does not tell."""
    found = re.search(r"- at `\$\.?([^`]*)`", message)
    return tuple(step for step in re.split(r"[.\[\]]+", found[1]) if step) if found else ()


def _sentence(path: tuple[str, ...], message: str, value: object) -> str:
    if message.startswith("Object contains unknown field") and isinstance(value, dict):
        known = ConsentRule.__struct_fields__
        unknown = next((name for name in value if name not in known), "")
        return f"something here is not known; {near(str(unknown), known)}"
    return _EXPECTED.get(path[0], message.partition(" - at ")[0])


_NOT_STORABLE = "something in it cannot be stored: NUL, half a surrogate pair, or no finite number"

_PATHS = "like properties.card, traits.phone or context.page.url"
_POSITIVE = "a number above 0"
_EXPECTED = {
    "allowed_origins": "a list of origins as a browser writes them: https://shop.example or"
    " https://*.shop.example, without a path",
    "allow_properties": f"a list of paths {_PATHS}",
    "deny_properties": f"a list of paths {_PATHS}, or thought, question, logged_by",
    "hash_fields": f"a list of: email, user_id, anonymous_id, account_id, logged_by, or paths {_PATHS}",
    "ip": "keep, truncate or drop",
    "consent": "an object: required is a list of categories, when_missing is accept or drop",
    "events_per_second": _POSITIVE,
    "burst": f"{_POSITIVE}, a whole one",
    "events_per_day": f"{_POSITIVE}, a whole one",
    "hubspot_signatures": "a list of: v1, v2, v3",
    "salesforce_organizations": "a list of organization ids, 15 or 18 characters each",
    "account_id_property": "the name of a property, a text",
    "mapping": "an object with rules, see docs/mapping.md",
}
"""What is wanted, by setting: the decoder's own words speak of patterns."""
