"""`stageline keys`: make, list and revoke API keys. Works on the database, not through the api."""

import os
import shlex
import stat
import sys
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.client.database import in_transaction
from services.cli.client.errors import fail
from shared.clock import SystemClock
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.keys.principal import Scope, StoredKey
from shared.keys.token import KeyKind, NewKey
from shared.sources.source import KINDS_WITH_KEYS
from shared.storage import keys, source_changes, workspaces

app = typer.Typer(no_args_is_help=True)

_Workspace = Annotated[str, typer.Option(help="Name or id of the workspace that the key leads to.")]
_DEFAULT = str(DEFAULT_WORKSPACE)
_Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


class KeyState(StrEnum):
    """State of a key at one instant."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@app.command()
def create(
    *,
    kind: Annotated[
        KeyKind,
        typer.Option(
            help="write: may only send events; secret: by scopes; operator: makes workspaces."
        ),
    ],
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    scope: Annotated[
        list[Scope] | None, typer.Option(help="Scope of the key; repeat it. Default: all.")
    ] = None,
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days until the key expires.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Name or id of the source that a write key is for.")
    ] = None,
    workspace: _Workspace = _DEFAULT,
    as_json: _Json = False,
) -> None:
    """Make a key. It is shown only once: the database has only its hash."""
    if source is not None and kind is not KeyKind.WRITE:
        fail("a source has write keys; a secret key is for the whole workspace", 2)
    if kind is KeyKind.OPERATOR and _goes_to_a_file():
        fail(
            "an operator's key opens the way to every workspace and is not written to a file: show it"
            " on a terminal, or pipe it into the store of secrets",
            2,
        )
    now = SystemClock().now()
    expires_at = now + timedelta(days=expires_in_days) if expires_in_days else None

    async def make(connection: AsyncConnection) -> NewKey:
        workspace_id = (await workspaces.find(connection, workspace)).workspace_id
        return await keys.create(
            connection,
            workspace_id=workspace_id,
            kind=kind,
            now=now,
            label=label,
            scopes=scope or None,
            expires_at=expires_at,
            source_id=await _source_id(connection, workspace_id, source),
        )

    try:
        key = in_transaction(make)
    except ValueError as exc:
        fail(str(exc))
    if as_json:
        _print_json({"key_id": key.key_id, "kind": key.kind, "key": key.token})
        return
    typer.echo(key.token)
    typer.secho(
        f"Keep it now, it is not shown again. To revoke: stageline keys revoke {key.key_id}",
        err=True,
        dim=True,
    )
    if kind is KeyKind.WRITE and source is None:
        typer.secho(
            "It belongs to no source, so no setting protects what it sends. For a page, make one by:"
            " stageline source create NAME --kind web, then: stageline source key NAME",
            err=True,
            dim=True,
        )


def _goes_to_a_file() -> bool:
    """Whether standard output is a file, which others may read and backups keep."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):  # closed, or none of the system's
        return False


async def _source_id(
    connection: AsyncConnection, workspace_id: WorkspaceId, source: str | None
) -> str | None:
    if source is None:
        return None
    stored = await source_changes.get(connection, workspace_id, source)
    stored = stored or await source_changes.by_name(connection, workspace_id, source)
    if stored is None:
        fail("there is no such source in this workspace; `stageline source list` shows them")
    if stored.kind not in KINDS_WITH_KEYS:
        fail(
            f"{stored.kind} sources are known by a secret:"
            f" stageline source secret add {shlex.quote(source)}"
        )
    return stored.source_id


@app.command("list")
def list_(*, workspace: _Workspace = _DEFAULT, as_json: _Json = False) -> None:
    """Show the keys of a workspace, never their secrets."""
    now = SystemClock().now()

    async def read(connection: AsyncConnection) -> list[StoredKey]:
        within = await workspaces.find(connection, workspace)
        return await keys.list_keys(connection, within.workspace_id)

    stored = in_transaction(read)
    if as_json:
        _print_json({"items": [_shown(key, now) for key in stored]})
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("id", no_wrap=True)  # to be copied
    for column in ("kind", "state", "label", "scopes", "created", "expires"):
        table.add_column(column, overflow="fold")
    for key in stored:
        table.add_row(
            key.key_id,
            key.kind,
            _state(key, now),
            "\n".join(each for each in (key.label, key.source_id) if each),
            "\n".join(sorted(key.scopes)),
            f"{key.created_at:%Y-%m-%d}",
            f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never",
        )
    Console().print(table)


@app.command()
def revoke(
    key_id: Annotated[
        str, typer.Argument(help="Id of the key: its second part, as in sl_sk_<id>_...")
    ],
    *,
    workspace: _Workspace = _DEFAULT,
    as_json: _Json = False,
) -> None:
    """Revoke a key for good. Running services refuse it within seconds."""
    now = SystemClock().now()

    async def end(connection: AsyncConnection) -> bool:
        within = await workspaces.find(connection, workspace)
        return await keys.revoke(connection, within.workspace_id, key_id, now)

    if not in_transaction(end):
        fail("there is no such key in this workspace; `stageline keys list` shows them")
    if as_json:
        _print_json({"key_id": key_id, "state": KeyState.REVOKED})
    else:
        typer.echo(f"{key_id} is revoked")


def _shown(key: StoredKey, now: datetime) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "kind": key.kind,
        "state": _state(key, now),
        "label": key.label,
        "source_id": key.source_id,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def _state(key: StoredKey, now: datetime) -> KeyState:
    if key.revoked_at is not None:
        return KeyState.REVOKED
    return (
        KeyState.EXPIRED
        if key.expires_at is not None and key.expires_at <= now
        else KeyState.ACTIVE
    )


def _print_json(answer: dict[str, Any]) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())
