"""Reads the settings of a source and reports every mistake: place, sentence, similar name. Pure.

A mistake never repeats a value that was sent, so that it may go into a response or a log.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from shared.sources.expressions import is_storable
from shared.sources.mapping import MappingProblem, compile_mapping
from shared.sources.source import (
    DEFAULTS_OF_KIND,
    ConsentRule,
    SourceKind,
    SourceSettings,
    settings_from,
    settings_json,
)
from shared.wording import nearest

FIELDS = SourceSettings.__struct_fields__

MOST_MISTAKES = 50
"""Looking for a name that resembles an unknown one takes about 0.06 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake. `path` leads to it from the settings and holds only names of settings and positions."""

    path: tuple[str, ...]
    detail: str

    @property
    def pointer(self) -> str:
        """JSON Pointer (RFC 6901) from the settings."""
        return "".join(f"/{step}" for step in self.path)


class SettingsInvalid(ValueError):
    """The settings cannot be used; `mistakes` holds the first of them."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__(f"{len(mistakes)} mistakes in the settings")
        self.mistakes = mistakes


def read_settings(written: Mapping[str, Any]) -> SourceSettings:
    """Validate settings as a client sent them; null means the default. Raises SettingsInvalid."""
    given = {name: value for name, value in written.items() if value is not None}
    mistakes = tuple(islice(_mistakes(given), MOST_MISTAKES))
    if mistakes:
        raise SettingsInvalid(mistakes)
    return settings_from(given)


def new_settings(kind: SourceKind, written: Mapping[str, Any]) -> SourceSettings:
    """Settings of a new source: those written, else the defaults of its kind. Raises SettingsInvalid."""
    given = {name: value for name, value in written.items() if value is not None}
    return read_settings({**DEFAULTS_OF_KIND.get(kind, {}), **given})


def changed_settings(
    kind: SourceKind, present: SourceSettings, written: Mapping[str, Any]
) -> SourceSettings:
    """Settings with those written in place of the present ones; null is the default of the kind.

    Raises SettingsInvalid.
    """
    defaults = DEFAULTS_OF_KIND.get(kind, {})
    changes = {
        name: defaults.get(name) if value is None else value for name, value in written.items()
    }
    return read_settings({**settings_json(present), **changes})


def near(name: str, names: tuple[str, ...] = FIELDS) -> str:
    """`did you mean ...?` where `name` resembles one of `names`, else the list of them."""
    match = nearest(name.lower().replace("-", "_"), names, cutoff=0.5)
    return f"did you mean `{match}`?" if match else f"there are: {', '.join(names)}"


def _mistakes(given: Mapping[str, Any]) -> Iterator[Mistake]:
    for name, value in given.items():
        if name not in FIELDS:
            yield Mistake(path=(), detail=f"a setting is not known here; {near(name)}")
        elif not is_storable(value):
            yield Mistake(path=(name,), detail=_NOT_STORABLE)
        else:
            yield from _of_one(name, value)


def _of_one(name: str, value: object) -> Iterator[Mistake]:
    try:
        settings_from({name: value})
    except (msgspec.ValidationError, RecursionError) as exc:
        path = _path(str(exc)) or (name,)
        yield Mistake(path=path, detail=_sentence(path, str(exc), value))
        return
    if name == "mapping" and isinstance(value, dict):
        try:
            compile_mapping(value)
        except MappingProblem as exc:
            yield Mistake(path=(name,), detail=str(exc))


def _path(message: str) -> tuple[str, ...]:
    """Steps of the path in a decoder's message, without positions, which the decoder does not report."""
    match = re.search(r"- at `\$\.?([^`]*)`", message)
    return tuple(step for step in re.split(r"[.\[\]]+", match[1]) if step) if match else ()


def _sentence(path: tuple[str, ...], message: str, value: object) -> str:
    if message.startswith("Object contains unknown field") and isinstance(value, dict):
        fields = ConsentRule.__struct_fields__
        unknown = next((name for name in value if name not in fields), "")
        return f"something here is not known; {near(str(unknown), fields)}"
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
    "max_age_days": f"{_POSITIVE}, at most 36,500",
    "value": "keep or drop",
    "account_traits": "keep or drop",
    "joins": "keep or drop",
    "hubspot_signatures": "a list of: v1, v2, v3",
    "salesforce_organizations": "a list of organization ids, 15 or 18 characters each",
    "account_id_property": "the name of a property, a text",
    "equal_bodies": "daily, hourly or once",
    "mapping": "an object with rules, see docs/mapping.md",
}
"""Setting to the form that it takes; the messages of the decoder show regular expressions instead."""
