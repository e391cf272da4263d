"""Prints sources on a terminal: a list, or one source in full."""

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
    """Print a table with one row for each source."""
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
    """Print one source with keys, secrets (never their values) and usage; `url`: address of ingest."""
    _print_field("name", printable(source["name"]))
    _print_field("id", source["source_id"])
    _print_field("kind", source["kind"])
    _print_field("state", state(source))
    if source["webhook_path"]:
        _print_field("webhook", url + source["webhook_path"])
    for key in source["keys"]:
        ended = " revoked" if key["revoked_at"] else ""
        _print_field("key", f"{key['key_id']} {printable(key['label'])} {day(key)}{ended}")
    for secret in source["secrets"]:
        ends = f", ends {secret['expires_at']}" if secret["expires_at"] else ""
        _print_field("secret", f"{secret['secret_id']} {day(secret)}{ends}")
    for name, value in source["settings"].items():
        # Defaults are left out: among them, the settings that were changed would not be seen.
        if value != _DEFAULTS.get(name):
            for line in _written(name, value):
                _print_field("setting", printable(line))
    for each in usage:
        counts = (
            f"{each['accepted']} accepted, {each['refused']} refused, {each['dropped']} dropped"
        )
        _print_field(each["day"], counts)


def state(source: Mapping[str, Any]) -> str:
    """`paused` or `active`."""
    return "paused" if source["paused_at"] else "active"


def day(thing: Mapping[str, Any]) -> str:
    """Date of creation, YYYY-MM-DD."""
    return str(thing["created_at"])[:10]


def _written(name: str, value: object) -> Iterator[str]:
    """A setting in the form that `source set` reads; of a mapping, the number of rules."""
    if name == "mapping" and isinstance(value, dict):
        yield f"mapping of {len(value.get('rules', ()))} rules"
    elif isinstance(value, dict):
        for part, each in value.items():
            yield from _written(f"{name}.{part}", each)
    else:
        yield f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"


def _print_field(name: str, value: str) -> None:
    typer.echo(f"{name:<12}{value}")
