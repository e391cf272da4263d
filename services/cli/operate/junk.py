"""`stageline identity junk`: which ids name nobody. Works on the database, not through the api."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.client.database import in_transaction
from services.cli.client.errors import printable
from services.cli.client.http import print_json
from shared.contracts.names import DEFAULT_JUNK, JunkNames
from shared.ids import DEFAULT_WORKSPACE
from shared.storage import workspaces
from shared.storage.identity import junk

app = typer.Typer(no_args_is_help=True)

_Word = Annotated[str, typer.Argument(help="The id as senders write it, in any case.")]
_Workspace = Annotated[
    str | None, typer.Option("--workspace", help="Name or id of the workspace. [the first]")
]
_Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


@app.command("list")
def list_(*, workspace: _Workspace = None, as_json: _Json = False) -> None:
    """Show the words: those of every workspace, with what this one adds and removes."""
    names = _changed(workspace, junk.read)
    if as_json:
        _print(names)
        return
    always = DEFAULT_JUNK.words - names.removed
    for word in sorted(always | names.added):
        is_own = word in names.added and word not in DEFAULT_JUNK.words
        typer.echo(f"{printable(word) or '(blank)'}{'  added' if is_own else ''}")
    typer.echo("and unfilled templates: {{...}}, ${...}, %...%; zeros alone")
    for word in sorted(names.removed):
        typer.echo(f"{printable(word)}  removed: it is a name here")


@app.command()
def add(word: _Word, *, workspace: _Workspace = None, as_json: _Json = False) -> None:
    """Let a word name nobody: events lose it from now on, and live on by their other names."""
    names = _changed(workspace, lambda connection, of: junk.add(connection, of, word))
    if as_json:
        _print(names)
    else:
        typer.echo(f"{printable(word)} names nobody, within five seconds")


@app.command()
def remove(word: _Word, *, workspace: _Workspace = None, as_json: _Json = False) -> None:
    """Let a word be a name: events keep it from now on. Earlier ones stay without it."""
    names = _changed(workspace, lambda connection, of: junk.remove(connection, of, word))
    if as_json:
        _print(names)
    else:
        typer.echo(f"{printable(word)} is a name, within five seconds")


def _changed(
    workspace: str | None,
    change: Callable[[AsyncConnection, workspaces.StoredWorkspace], Awaitable[JunkNames]],
) -> JunkNames:
    async def work(connection: AsyncConnection) -> JunkNames:
        name = str(DEFAULT_WORKSPACE) if workspace is None else workspace
        return await change(connection, await workspaces.find(connection, name))

    return in_transaction(work)


def _print(names: JunkNames) -> None:
    print_json({"added": sorted(names.added), "removed": sorted(names.removed)})
