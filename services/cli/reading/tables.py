"""Prints tables of reading commands."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPED_CHARS = 10_000


def console() -> Console:
    """A console as wide as the terminal; off a terminal a row is one line, for other programs."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_CHARS)


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Text]], *, empty: str) -> None:
    """Print a table; without rows, the sentence `empty` on standard error."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        # Ids are copied, and instants are read as one: other columns give way.
        table.add_column(name, overflow="fold", no_wrap=name == "account" or "(UTC)" in name)
    for row in rows:
        table.add_row(*row)
    if not table.rows:
        typer.echo(empty, err=True)
        return
    console().print(table)


def print_fields(fields: Iterable[tuple[str, Text]]) -> None:
    """Print one thing: a line for each field."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in fields:
        grid.add_row(name, value)
    console().print(grid)


def print_next_page(answer: Mapping[str, Any]) -> None:
    """Say on standard error how to get the next page, if there is one."""
    if answer["next_cursor"] is not None:
        typer.secho(
            f"More: the same command with --cursor {answer['next_cursor']}", err=True, dim=True
        )
