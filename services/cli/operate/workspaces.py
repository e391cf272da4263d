"""`stageline workspace`: create, list and rename workspaces. Works on the database, not through the api."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.client.database import in_transaction
from services.cli.client.errors import printable
from services.cli.client.http import print_json
from shared.clock import SystemClock
from shared.storage import workspaces

app = typer.Typer(no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it, such as a customer or a brand.")],
    *,
    as_json: _Json = False,
) -> None:
    """Make a workspace: its keys, maps and data are apart from those of all others."""
    now = SystemClock().now()
    made = in_transaction(lambda connection: workspaces.create(connection, name, now))
    if as_json:
        print_json(asdict(made))
        return
    typer.echo(f"{made.name} is made: {made.workspace_id}")
    typer.secho(
        f"Next: stageline keys create --kind secret --workspace {made.workspace_id}",
        err=True,
        dim=True,
    )


@app.command("list")
def list_(*, as_json: _Json = False) -> None:
    """Show the workspaces."""
    stored = in_transaction(workspaces.list_workspaces)
    if as_json:
        print_json({"items": [asdict(each) for each in stored]})
        return
    table = Table("id", "name", "created", box=None, padding=(0, 2, 0, 0))
    for each in stored:
        table.add_row(
            str(each.workspace_id), Text(printable(each.name)), f"{each.created_at:%Y-%m-%d}"
        )
    Console().print(table)


@app.command()
def rename(
    workspace: Annotated[str, typer.Argument(help="Name or id of the workspace.")],
    name: Annotated[str, typer.Argument(help="Its new name.")],
    *,
    as_json: _Json = False,
) -> None:
    """Give a workspace another name; keys and data stay as they are."""

    async def change(connection: AsyncConnection) -> workspaces.StoredWorkspace:
        current = await workspaces.find(connection, workspace)
        await workspaces.rename(connection, current, name)
        return current

    changed = in_transaction(change)
    if as_json:
        print_json(asdict(changed) | {"name": name})
    else:
        typer.echo(f"{printable(changed.name)} is called {name} now")
