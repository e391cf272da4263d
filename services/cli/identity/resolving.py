"""The job that resolves names again, as an operator sees and starts it. Works on the database."""

from functools import partial
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.client.database import in_transaction
from services.cli.client.http import print_json
from shared.storage.identity import resolving
from shared.storage.identity.resolving import Position, Progress

_Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]

_CHUNK = 10_000
"""Names that one transaction marks: batches that change one of them wait for it."""
_BEFORE_ALL: Position = (0, "")


def progress(*, as_json: _Json = False) -> None:
    """Show how many names the stager has yet to resolve again: after an upgrade, or `resolve-again`."""
    _print(in_transaction(resolving.progress), as_json=as_json)


def resolve_again(*, as_json: _Json = False) -> None:
    """Let the stager resolve all names of all workspaces once more from the kept events.

    For a changed limit to count for what was resolved before. Names keep their person until it is their turn.
    """
    in_transaction(resolving.start)
    position: Position | None = _BEFORE_ALL
    while position is not None:
        position = in_transaction(partial(_mark, after=position))
    _print(in_transaction(resolving.progress), as_json=as_json)


async def _mark(connection: AsyncConnection, *, after: Position) -> Position | None:
    return await resolving.mark(connection, after, _CHUNK)


def _print(job: Progress, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "total": job.total,
                "done": job.done,
                "left": job.left,
                "created_at": job.created_at.isoformat(),
                "finished_at": None if job.finished_at is None else job.finished_at.isoformat(),
            }
        )
        return
    if job.left == 0:
        typer.echo("no name waits to be resolved again")
        return
    typer.echo(f"{job.done:,} of {job.total:,} names resolved again, {job.left:,} wait")
