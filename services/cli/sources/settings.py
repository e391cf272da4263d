"""Parses settings of a source from command-line pairs: `ip=drop`, `consent.required=analytics`.

Commas separate the items of a list, an empty value restores the default, `mapping=@FILE` reads a file,
and `mapping=zendesk` uses a mapping that is part of the product.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
import yaml

from services.cli.client.errors import REFUSED, fail
from shared.sources import mappings
from shared.sources.settings_reader import FIELDS, SettingsInvalid, near, read_settings
from shared.sources.source import ConsentRule, SourceSettings

_CONSENT = ConsentRule.__struct_fields__
_NUMBERS = frozenset({"events_per_second", "burst", "events_per_day", "max_age_days"})


def changed_settings(
    pairs: Sequence[str], file: Path | None, *, present: Mapping[str, Any]
) -> dict[str, Any]:
    """Changes to the settings `present`, by name. Exits with a sentence for each mistake.

    Raises OSError for a file that cannot be read.
    """
    changes = _from_file(file) if file is not None else {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            fail(f"write a setting as name=value, not {pair!r}", 2)
        _change(changes, name.strip(), value.strip(), present)
    _check({**present, **changes})
    return changes


def _from_file(file: Path) -> dict[str, Any]:
    try:
        settings = yaml.safe_load(file.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        fail(f"{file}: this is neither YAML nor JSON", REFUSED)
    if not isinstance(settings, dict) or not all(isinstance(name, str) for name in settings):
        fail(f"{file}: settings are an object, a line each: `ip: drop`", REFUSED)
    return settings


def _change(changes: dict[str, Any], name: str, value: str, present: Mapping[str, Any]) -> None:
    top, dot, part = name.partition(".")
    if top not in FIELDS:
        fail(f"there is no setting {name!r}; {near(name)}", REFUSED)
    if top == "consent" and value:
        if not dot or part not in _CONSENT:
            fail(
                f"consent is set in parts, like consent.required=analytics; {near(part, _CONSENT)}"
            )
        consent = changes.get("consent") or dict(present.get("consent") or {})
        changes["consent"] = {**consent, part: _listed(value) if part == "required" else value}
    elif dot and top != "consent":
        fail(f"{top} has no parts: write {top}=...", REFUSED)
    elif not value:
        changes[top] = None
    elif top == "mapping":
        changes[top] = _mapping(value)
    elif _is_list(top):
        changes[top] = _listed(value)
    else:
        changes[top] = _number(value) if top in _NUMBERS else value


def _mapping(value: str) -> dict[str, Any]:
    """A mapping of the product by its name, or the one in a file."""
    if value in mappings.names():
        ready: dict[str, Any] = yaml.safe_load(mappings.read(value))
        return ready
    file = Path(value.removeprefix("@"))
    if not value.startswith("@") and not file.exists():
        fail(
            f"there is no mapping and no file of that name; ready mappings:"
            f" {', '.join(mappings.names())}; one of your own: mapping=@FILE",
            REFUSED,
        )
    return _from_file(file)


def _check(settings: Mapping[str, Any]) -> None:
    try:
        read_settings(settings)
    except SettingsInvalid as exc:
        for mistake in exc.mistakes:
            typer.echo(f"{'.'.join(mistake.path) or 'settings'}: {mistake.detail}", err=True)
        fail("the settings are not taken; nothing was changed", REFUSED)


def _is_list(name: str) -> bool:
    kind = SourceSettings.__annotations__[name]
    return any(get_origin(each) is tuple for each in (kind, *get_args(kind)))


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _number(value: str) -> object:
    """The number, or the text unchanged: the check of the settings then reports it."""
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            continue
    return value
