"""`stageline import FILE`: any event file, through the same door as every other event."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli import import_mapping, import_rows, import_send
from services.cli.connection import Target, target
from services.cli.friendly import REFUSED, fail, sentence
from services.cli.import_mapping import Mapping
from services.cli.import_rows import Row
from services.cli.import_send import Batch, Problem, Sender, Sent
from services.cli.import_state import Progress as State
from services.cli.import_state import ProgressFile
from services.standalone.credentials import HOME

_INTERRUPTED = 130
_SHOWN_PROBLEMS = 20

Column = Annotated[str | None, typer.Option(metavar="COLUMN", rich_help_panel="Columns")]
Pairs = Annotated[
    list[str] | None, typer.Option(metavar="NAME[=COLUMN]", rich_help_panel="Columns")
]


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV or NDJSON, plain or gzip.")],
    *,
    mapping: Annotated[
        Path | None, typer.Option(help="Mapping file (YAML); options are laid over it.")
    ] = None,
    event_column: Column = None,
    account_column: Column = None,
    user_column: Column = None,
    anonymous_column: Column = None,
    email_column: Column = None,
    time_column: Column = None,
    message_id_column: Column = None,
    channel_column: Column = None,
    role_column: Column = None,
    value_column: Column = None,
    sentiment_column: Column = None,
    emotion_column: Column = None,
    friction_column: Column = None,
    property: Pairs = None,  # noqa: A002 - the option's name
    trait: Pairs = None,
    account_trait: Pairs = None,
    event: Annotated[str | None, typer.Option(help="Event name of rows that have none.")] = None,
    channel: Annotated[str | None, typer.Option(help="Channel of rows that have none.")] = None,
    event_prefix: Annotated[str | None, typer.Option(help="Put before every event name.")] = None,
    rename: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="Send event OLD as NEW.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Zone of times that name none, e.g. Europe/Berlin. [UTC]")
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(help="How times are written, e.g. '%d.%m.%Y %H:%M'.")
    ] = None,
    delimiter: Annotated[str, typer.Option(help="Between the cells of a CSV.")] = ",",
    url: Annotated[str | None, typer.Option(help="Address of Stageline.")] = None,
    key: Annotated[str | None, typer.Option(help="Write key.")] = None,
    batch_rows: Annotated[int, typer.Option(min=1, max=1000, help="Rows in one request.")] = 500,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Requests at once.")] = 4,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to try a request again.")] = 300,
    restart: Annotated[bool, typer.Option("--restart", help="Send from the first line.")] = False,
    errors: Annotated[
        Path | None, typer.Option(help="Write every refused row here, a JSON object a line.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and map, show the first rows, send nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with a JSON object.")] = False,
) -> None:
    """Send the events of a file. Safe to repeat: a row counts once, however often it is sent.

    A stopped import goes on where it was. Exit code 3: some rows were refused.
    """
    columns = {
        "event": event_column,
        "account_id": account_column,
        "user_id": user_column,
        "anonymous_id": anonymous_column,
        "email": email_column,
        "occurred_at": time_column,
        "message_id": message_id_column,
        "channel": channel_column,
        "role": role_column,
        "value": value_column,
        "sentiment": sentiment_column,
        "emotion": emotion_column,
        "friction": friction_column,
    }
    settled = import_mapping.merged(
        import_mapping.read(mapping) if mapping else Mapping(),
        columns={name: column for name, column in columns.items() if column},
        objects={
            "properties": _pairs(property),
            "traits": _pairs(trait),
            "account_traits": _pairs(account_trait),
        },
        constants={
            name: value for name, value in (("event", event), ("channel", channel)) if value
        },
        rename=_pairs(rename),
        event_prefix=event_prefix,
        timezone=import_mapping.zone(timezone) if timezone else None,
        time_format=time_format,
    )
    if len(delimiter) != 1:
        fail("--delimiter is one character")
    if not file.is_file():
        fail(f"{file}: no such file")
    rows = import_rows.read(file, settled, delimiter=delimiter)
    if dry_run:
        _show(rows)
        return
    destination = target(url, key, secret=False)
    state_file = ProgressFile(
        HOME, file_hash=import_rows.file_hash(file), mapping=settled, url=destination.url
    )
    if restart:
        state_file.clear()
    report = _Report(state_file, file.stat().st_size, errors_to=errors, quiet=as_json)
    ahead = (row for row in rows if row.line >= report.state.next_line)
    stopped = _run(
        import_send.batches(ahead, batch_rows=batch_rows),
        destination,
        report,
        concurrency=concurrency,
        patience_seconds=patience,
    )
    report.finish(as_json=as_json, stopped=stopped)


def _pairs(given: list[str] | None) -> dict[str, str]:
    """`a=b` -> {a: b}; `a` -> {a: a}."""
    parted = (entry.partition("=") for entry in given or ())
    return {name: column or name for name, _, column in parted}


def _show(rows: Iterator[Row]) -> None:
    for row, _ in zip(rows, range(5), strict=False):
        typer.echo(json.dumps(row.touchpoint or {"line": row.line, "problem": row.problem}))


def _run(
    cut: Iterator[Batch],
    destination: Target,
    report: "_Report",
    *,
    concurrency: int,
    patience_seconds: float,
) -> str | None:
    """Send; answers why it stopped early, or None."""

    async def send() -> None:
        limits = httpx.Limits(max_connections=concurrency)
        async with httpx.AsyncClient(limits=limits) as client:
            sender = Sender(client, destination, report, patience_seconds=patience_seconds)
            await sender.send_all(cut, concurrency=concurrency)

    try:
        with report:
            asyncio.run(send())
    except KeyboardInterrupt:
        return "stopped by you"
    except Exception as exc:
        if (message := sentence(exc)) is None:
            raise
        return message
    return None


class _Report:
    """Progress on the terminal, in the state file and in the closing line."""

    def __init__(
        self, state_file: ProgressFile, size: int, *, errors_to: Path | None, quiet: bool
    ) -> None:
        self.state = state_file.load()
        self._state_file = state_file
        self._accepted = self.state.accepted
        self._refused = self.state.refused
        self._waiting: list[Sent] = []
        self._shown = 0
        self._errors = errors_to.open("w", encoding="utf-8") if errors_to else None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[accepted]:,} events"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("Importing", total=size, accepted=self._accepted)
        if self.state.next_line:
            self._say(f"going on at line {self.state.next_line}")

    def __enter__(self) -> None:
        self._bar.start()

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        if self._errors:
            self._errors.close()

    def sent(self, batch: Sent, safe: Sent | None) -> None:
        """Note an answered batch; the state moves over an unbroken run of them alone."""
        self._accepted += batch.accepted
        self._refused += len(batch.problems)
        self._waiting.append(batch)
        for problem in batch.problems:
            self._problem(problem)
        if safe is not None:
            settled = [known for known in self._waiting if known.next_line <= safe.next_line]
            self._waiting = [known for known in self._waiting if known not in settled]
            self.state = State(
                next_line=safe.next_line,
                accepted=self.state.accepted + sum(known.accepted for known in settled),
                refused=self.state.refused + sum(len(known.problems) for known in settled),
            )
            self._state_file.save(self.state)
            self._bar.update(self._task, completed=safe.position, accepted=self._accepted)

    def waiting(self, seconds: float, reason: str) -> None:
        """Say that ingest is being waited for."""
        self._say(f"{reason}: trying again in {seconds:.1f} s")

    def finish(self, *, as_json: bool, stopped: str | None) -> None:
        """Say how it went and leave with the exit code that fits."""
        if stopped is None:
            self._state_file.clear()
        if as_json:
            summary = {
                "accepted": self._accepted,
                "refused": self._refused,
                "complete": not stopped,
            }
            typer.echo(json.dumps(summary))
        else:
            typer.echo(f"{self._accepted:,} events accepted, {self._refused:,} rows refused")
        if stopped is not None:
            resume = "" if "same command" in stopped else "; the same command goes on from here"
            interrupted = stopped == "stopped by you"
            fail(stopped + resume, _INTERRUPTED if interrupted else 1)
        if self._refused:
            raise typer.Exit(REFUSED)

    def _problem(self, problem: Problem) -> None:
        if self._errors:
            entry = {"line": problem.line, "code": problem.code, "detail": problem.detail}
            self._errors.write(json.dumps(entry) + "\n")
        self._shown += 1
        if self._shown <= _SHOWN_PROBLEMS:
            self._say(f"line {problem.line}: {problem.code}: {problem.detail}")
        elif self._shown == _SHOWN_PROBLEMS + 1:
            self._say("more rows were refused; --errors FILE keeps all of them")

    def _say(self, text: str) -> None:
        if self._bar.disable:
            typer.echo(text, err=True)
        else:
            self._bar.console.print(text, markup=False, highlight=False)
