"""`stageline dlq`: lists, shows and replays records that the stager could not apply."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Row

from services.cli.client.database import in_transaction, transact
from services.cli.client.errors import fail
from services.cli.queries import dead_letters
from shared.clock import SystemClock
from shared.contracts.message_ids import as_sent
from shared.eventlog.factory import open_writer
from shared.eventlog.port import MAX_RECORD_BYTES, LogWriter, NewRecord
from shared.settings import CommonSettings, load

app = typer.Typer(no_args_is_help=True)

_PAGE = 1000
_BY_MAPPING = "`stageline source replay` puts such records through the mapping of their source"

AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
Number = Annotated[int, typer.Argument(help="Number of the dead letter, as `dlq list` shows it.")]


@app.command("list")
def list_(
    after: Annotated[int, typer.Option(help="Only those after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    every: Annotated[bool, typer.Option("--all", help="Replayed ones as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """List dead letters, oldest first."""
    rows = in_transaction(
        lambda connection: dead_letters.list_dead_letters(
            connection, after=after, limit=limit, is_pending_only=not every
        )
    )
    if as_json:
        typer.echo(json.dumps({"items": [_facts(row) for row in rows]}))
        return
    if not rows:
        typer.echo("no dead letters")
        return
    table = Table("number", "when", "position", "reason", "detail", "replayed")
    for row in rows:
        table.add_row(
            str(row.dead_letter_id),
            f"{row.created_at:%Y-%m-%d %H:%M:%S}",
            f"{row.partition}/{row.record_offset}",
            row.reason,
            _escaped(row.detail),
            "yes" if row.replayed_at else "",
        )
    Console().print(table)


@app.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show one dead letter with its bytes."""
    row = in_transaction(lambda connection: dead_letters.get_dead_letter(connection, number))
    if row is None:
        fail(f"there is no dead letter {number}")
    value = bytes(row.record_value or b"")
    if as_json:
        typer.echo(json.dumps(_facts(row) | {"value_base64": base64.b64encode(value).decode()}))
        return
    for name, fact in _facts(row).items():
        typer.echo(f"{name}: {_printable(str(fact))}")
    # Bytes of an untrusted sender: control characters in them must not reach the terminal.
    typer.echo(f"value: {value.decode('utf-8', 'replace')!r}")


@app.command()
def replay(
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers of dead letters.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that were not replayed yet.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Append dead letters to the event log again, after the cause of the failure is fixed.

    Unmapped ones are left out: `stageline source replay` applies a mapping to them.
    Safe to repeat: a touchpoint that was applied meanwhile counts as a duplicate.
    """
    if bool(numbers) == everything:
        fail("name the numbers to replay, or --all", 2)
    done, unmapped = asyncio.run(_replay(load(CommonSettings), numbers))
    if as_json:
        typer.echo(json.dumps({"replayed": done, "unmapped": unmapped}))
        return
    typer.echo(f"{done} replayed")
    if unmapped:
        typer.echo(f"{unmapped} wait for a mapping: {_BY_MAPPING}")


async def _replay(settings: CommonSettings, numbers: list[int] | None) -> tuple[int, int]:
    """(number of replayed dead letters, number that is unmapped)."""
    database_url = settings.database_url.get_secret_value()
    writer = open_writer(settings)
    await writer.start()
    done = 0
    try:
        async for number in _chosen(database_url, numbers):
            await _replay_one(database_url, writer, number)
            done += 1
    finally:
        await writer.stop()
    return done, await transact(database_url, dead_letters.count_unmapped)


async def _chosen(database_url: str, numbers: list[int] | None) -> AsyncIterator[int]:
    if numbers:
        for number in numbers:
            yield number
        return
    after = 0
    while rows := await transact(
        database_url, partial(dead_letters.replayable, after=after, limit=_PAGE)
    ):
        for row in rows:
            after = row.dead_letter_id
            yield after


async def _replay_one(database_url: str, writer: LogWriter, number: int) -> None:
    row = await transact(database_url, lambda c: dead_letters.get_dead_letter(c, number))
    if row is None:
        fail(f"there is no dead letter {number}")
    if row.reason == "unmapped":
        fail(f"dead letter {number} was refused because no mapping knows it: {_BY_MAPPING}")
    if row.reason == "erased":
        fail(f"dead letter {number} was emptied with the person whom it named")
    record = NewRecord(key=bytes(row.record_key or b""), value=bytes(row.record_value or b""))
    if (size := len(record.key) + len(record.value)) > MAX_RECORD_BYTES:
        fail(f"dead letter {number} has {size} bytes, the event log takes {MAX_RECORD_BYTES}")
    # Append before marking: a crash between the two replays it again, which is harmless.
    await writer.append([record])
    now = SystemClock().now()
    await transact(database_url, lambda c: dead_letters.mark_replayed(c, number, now))


def _escaped(detail: str) -> str:
    """Untrusted text without control characters, escaped for rich's markup."""
    return escape(_printable(detail))


def _printable(words: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in words)


def _facts(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return {
        "number": row.dead_letter_id,
        "workspace_id": row.workspace_id,
        "topic": row.topic,
        "partition": row.partition,
        "offset": row.record_offset,
        "message_id": None if row.message_id is None else as_sent(row.message_id),
        "reason": row.reason,
        "detail": row.detail,
        "created_at": row.created_at.isoformat(),
        "replayed_at": row.replayed_at.isoformat() if row.replayed_at else None,
    }
