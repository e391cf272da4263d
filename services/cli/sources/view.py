"""Sources on a terminal: a list, and one of them in full."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.client.errors import printable
from shared.sources.source import SourceSettings, settings_json

_DEFAULTS = settings_json(SourceSettings())


def print_list(items: Sequence[Mapping[str, Any]]) -> None:
    """One line each."""
    if not items:
        typer.echo("there is no source yet: stageline source create NAME --kind web", err=True)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("name", overflow="fold")
    table.add_column("id", no_wrap=True)  # to be copied
    for column in ("kind", "state", "created"):
        table.add_column(column)
    for item in items:
        table.add_row(
            Text(printable(item["name"])), item["source_id"], item["kind"], state(item), day(item)
        )
    Console().print(table)


def print_one(source: Mapping[str, Any], usage: Sequence[Mapping[str, Any]], url: str) -> None:
    """All that may be shown of it; `url` takes its events."""
    _say("name", printable(source["name"]))
    _say("id", source["source_id"])
    _say("kind", source["kind"])
    _say("state", state(source))
    if source["webhook_path"]:
        _say("webhook", url + source["webhook_path"])
    for key in source["keys"]:
        ended = " revoked" if key["revoked_at"] else ""
        _say("key", f"{key['key_id']} {printable(key['label'])} {day(key)}{ended}")
    for secret in source["secrets"]:
        ends = f", ends {secret['expires_at']}" if secret["expires_at"] else ""
        _say("secret", f"{secret['secret_id']} {day(secret)}{ends}")
    for name, value in source["settings"].items():
        # What nobody has set would hide what somebody has.
        if value != _DEFAULTS.get(name):
            for line in _written(name, value):
                _say("setting", printable(line))
    for each in usage:
        counts = (
            f"{each['accepted']} accepted, {each['refused']} refused, {each['dropped']} dropped"
        )
        _say(each["day"], counts)


def state(source: Mapping[str, Any]) -> str:
    """Whether its senders are let in."""
    return "paused" if source["paused_at"] else "active"


def day(thing: Mapping[str, Any]) -> str:
    """When it was made."""
    return str(thing["created_at"])[:10]


def _written(name: str, value: object) -> Iterator[str]:
    """The setting as `source set` takes it, but for mappings."""
    if name == "mapping" and isinstance(value, dict):
        yield f"mapping of {len(value.get('rules', ()))} rules"
    elif isinstance(value, dict):
        for part, each in value.items():
            yield from _written(f"{name}.{part}", each)
    else:
        yield f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"


def _say(name: str, value: str) -> None:
    typer.echo(f"{name:<12}{value}")
