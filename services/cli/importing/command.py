"""`stageline import FILE`: sends the events of a file to ingest."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer

from services.cli.client.errors import fail, sentence
from services.cli.client.target import (
    ApiTarget,
    given_key,
    home,
    of_this_folder,
    reading_target,
    target,
)
from services.cli.importing.check import check_rows
from services.cli.importing.event_hints import misspelt_events
from services.cli.importing.formats.cells import Format, Shape
from services.cli.importing.formats.opening import format_of, is_marked, is_tab_separated
from services.cli.importing.mapping import ColumnMapping, read_mapping, time_zone, with_options
from services.cli.importing.progress import ProgressFile, file_hash, new_import_id
from services.cli.importing.refused import RefusedFile
from services.cli.importing.report import STOPPED_BY_YOU, ImportReport, print_findings
from services.cli.importing.rows import Rows, open_rows
from services.cli.importing.sender import Batch, BatchSender, batches
from shared.clock import SystemClock

_USAGE = 2

Column = Annotated[str | None, typer.Option(metavar="COLUMN", rich_help_panel="Columns")]
Pairs = Annotated[
    list[str] | None, typer.Option(metavar="NAME[=COLUMN]", rich_help_panel="Columns")
]


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, NDJSON, XLSX or Parquet, plain or gzip.")],
    *,
    mapping: Annotated[
        Path | None, typer.Option(help="Mapping file (YAML); options override it.")
    ] = None,
    event_column: Column = None,
    account_column: Column = None,
    user_column: Column = None,
    anonymous_column: Column = None,
    email_column: Column = None,
    time_column: Annotated[
        str | None,
        typer.Option(
            "--time-column",
            "--time",
            metavar="COLUMN",
            help="Column of the time; day+hour joins two.",
            rich_help_panel="Columns",
        ),
    ] = None,
    message_id_column: Column = None,
    message_id_scope: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What numbers the rows: a message id counts once in each. [by columns and event]",
            rich_help_panel="Columns",
        ),
    ] = None,
    channel_column: Column = None,
    role_column: Column = None,
    value_column: Column = None,
    sentiment_column: Column = None,
    emotion_column: Column = None,
    friction_column: Column = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN",
            help="Column of any other field.",
            rich_help_panel="Columns",
        ),
    ] = None,
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
        list[str] | None,
        typer.Option(
            help="How times are written, e.g. '%d.%m.%Y %H:%M'; of several the first that fits counts."
        ),
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(metavar="[.|,]", help="Before the decimals of numbers. [.]")
    ] = None,
    newest_first: Annotated[
        bool | None,
        typer.Option(
            "--newest-first/--oldest-first",
            help="How the file runs, which orders rows of one time. [as its first rows tell]",
        ),
    ] = None,
    future: Annotated[
        str | None,
        typer.Option(
            metavar="[refuse|skip]",
            help="What becomes of rows that have not happened yet. [refuse]",
        ),
    ] = None,
    format_: Annotated[
        Format | None, typer.Option("--format", help="How the file is written. [by its name]")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Between the cells of a CSV. [comma; tab in .tsv]")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of a CSV or NDJSON, e.g. windows-1252. [UTF-8]")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Name or number of a workbook's sheet. [1]")
    ] = None,
    header_row: Annotated[
        int | None,
        typer.Option(
            min=1, help="Row that names the columns; titles may stand above. [first with content]"
        ),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Address of Stageline.")] = None,
    key: Annotated[str | None, typer.Option(help="Secret key, or a write key.")] = None,
    batch_rows: Annotated[int, typer.Option(min=1, max=1000, help="Rows in one request.")] = 500,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Requests at once.")] = 4,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to try a request again.")] = 300,
    restart: Annotated[bool, typer.Option("--restart", help="Send from the first line.")] = False,
    errors: Annotated[
        Path | None,
        typer.Option(
            help="Keep every refused row here as it came, as CSV or NDJSON, to correct and import;"
            " in a spreadsheet, open a CSV as text: its formulas would run."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read all, say what would be accepted, send nothing.")
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
    settled = with_options(
        read_mapping(mapping) if mapping else ColumnMapping(),
        columns={name: column for name, column in columns.items() if column} | _pairs(column),
        objects={
            "properties": _pairs(property),
            "traits": _pairs(trait),
            "account_traits": _pairs(account_trait),
        },
        constants={
            name: value
            for name, value in (
                ("event", event),
                ("channel", channel),
                ("message_id_scope", message_id_scope),
            )
            if value
        },
        rename=_pairs(rename),
        event_prefix=event_prefix,
        timezone=time_zone(timezone) if timezone else None,
        time_formats=tuple(time_format) if time_format else None,
        decimal=decimal,
        newest_first=newest_first,
        future=future,
    )
    if not file.is_file():
        fail(f"{file}: no such file")
    if errors is not None and errors.exists() and errors.samefile(file):
        fail("--errors names the file that is imported: name another", _USAGE)
    shape = _shape(
        file,
        format_ or settled.file.format,
        delimiter=delimiter or settled.file.delimiter,
        encoding=encoding or settled.file.encoding,
        sheet=sheet or settled.file.sheet,
        header_row=header_row or settled.file.header_row,
    )
    now = SystemClock().now()
    if dry_run:
        with (
            open_rows(file, settled, shape, now=now) as rows,
            _kept(errors, rows, shape, settled, file, is_continued=False) as kept,
        ):
            findings = check_rows(rows, settled, now=now, batch_rows=batch_rows, kept=kept)
        misspelt = misspelt_events(reading_target(url, key), findings.events)
        print_findings(findings, as_json=as_json, misspelt=misspelt)
        return
    destination = _destination(url, key)
    state_file = ProgressFile(
        home(),
        file_hash=file_hash(file),
        mapping=settled,
        shape=shape,
        to=destination,
    )
    if restart:
        state_file.clear()
    begun = state_file.load()
    # One that goes on is the same import, so that it is taken back as a whole.
    import_id = begun.import_id or new_import_id(now)
    with (
        open_rows(file, settled, shape, now=now, import_id=import_id) as rows,
        _kept(errors, rows, shape, settled, file, is_continued=begun.next_line > 0) as kept,
    ):
        report = ImportReport(state_file, rows.total, import_id=import_id, kept=kept, quiet=as_json)
        ahead = (row for row in rows.rows if row.line >= report.state.next_line)
        stopped = _run(
            batches(ahead, batch_rows=batch_rows),
            destination,
            report,
            concurrency=concurrency,
            patience_seconds=patience,
        )
    misspelt = misspelt_events(reading_target(url, key), report.events)
    report.finish(as_json=as_json, stopped=stopped, misspelt=misspelt, skipped=rows.skipped.number)


def _destination(url: str | None, key: str | None) -> ApiTarget:
    """Address and key; the secret key wherever there is one: a write key may not set every field."""
    key = key or given_key(secret=True) or given_key(secret=False)
    chosen, here = target(url, key, secret=False), of_this_folder()
    # A given key is used as it is; it is never replaced by the folder's.
    if key or here is None:
        return chosen
    return ApiTarget(url=chosen.url, key=here.secret_key)


def _pairs(given: list[str] | None) -> dict[str, str]:
    """`a=b` -> {a: b}; `a` -> {a: a}."""
    parted = (entry.partition("=") for entry in given or ())
    return {name: column or name for name, _, column in parted}


def _shape(
    file: Path,
    form: Format | None,
    *,
    delimiter: str | None,
    encoding: str | None,
    sheet: str | None,
    header_row: int | None,
) -> Shape:
    """How to read the file; exits with a sentence where options contradict it."""
    settled = format_of(file, form)
    if delimiter is None:
        delimiter = "\t" if is_tab_separated(file) else ","
    elif settled is not Format.CSV:
        fail("--delimiter is for CSV", _USAGE)
    elif len(delimiter) != 1 or delimiter in '\r\n"':
        fail("--delimiter is one character", _USAGE)
    if settled is not Format.XLSX and sheet is not None:
        fail("--sheet is for workbooks (XLSX)", _USAGE)
    if settled not in {Format.XLSX, Format.CSV} and header_row is not None:
        fail("--header-row is for CSV and workbooks (XLSX)", _USAGE)
    if settled in {Format.XLSX, Format.PARQUET} and encoding is not None:
        fail("--encoding is for CSV and NDJSON", _USAGE)
    return Shape(
        format=settled, sheet=sheet, header_row=header_row, delimiter=delimiter, encoding=encoding
    )


@contextmanager
def _kept(
    errors: Path | None,
    rows: Rows,
    shape: Shape,
    mapping: ColumnMapping,
    file: Path,
    *,
    is_continued: bool,
) -> Iterator[RefusedFile | None]:
    if errors is None:
        yield None
        return
    kept = RefusedFile(
        errors,
        shape=shape,
        mapping=mapping,
        columns=rows.columns,
        is_continued=is_continued,
        is_marked=is_marked(file),
    )
    try:
        yield kept
    finally:
        kept.close()


def _run(
    requests: Iterator[Batch],
    destination: ApiTarget,
    report: ImportReport,
    *,
    concurrency: int,
    patience_seconds: float,
) -> str | None:
    """Send all batches; the reason for stopping early, or None."""

    async def send() -> None:
        limits = httpx.Limits(max_connections=concurrency)
        async with httpx.AsyncClient(limits=limits) as client:
            sender = BatchSender(client, destination, report, patience_seconds=patience_seconds)
            await sender.send_all(requests, concurrency=concurrency)

    try:
        with report:
            asyncio.run(send())
    except KeyboardInterrupt:
        return STOPPED_BY_YOU
    except Exception as exc:
        if (message := sentence(exc)) is None:
            raise
        return message
    return None
