"""Turns the rows of a file into touchpoints, encoded for ingest.

A row without a message id gets one from its content: the hash of the row, and its number among equal
rows. A file that is sent twice therefore counts once, and two equal rows of one file count twice. A row
with a message id gets the kind of row that the id counts in: `1` of two different files is two events.

Every row gets its line as `sequence`, negative in a file that runs newest first: rows of one time keep the
order of the file, however their requests arrive. It is no part of the message id.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from services.cli.importing.direction import SAMPLE_ROWS, runs_newest_first
from services.cli.importing.fields import FIELDS, OBJECTS, as_text, fitted
from services.cli.importing.formats.cells import REPORTED, RawRow, RowProblem, Shape
from services.cli.importing.formats.opening import open_file
from services.cli.importing.mangled import ID_FIELDS, MANGLED_ID, detail, is_mangled
from services.cli.importing.mapping import TIME_NAMES, ColumnMapping, did_you_mean, time_parts
from services.cli.importing.names import (
    NAMING_FIELDS,
    Occurrences,
    kind_of_row,
    row_name,
)
from services.cli.importing.times import instant, joined
from services.ingest.events import strict_json
from services.ingest.events.candidate import NUMBER_OUT_OF_RANGE
from services.ingest.events.verdicts import RefusalCode, Refused
from shared.contracts.names import cleaned
from shared.errors import FatalError

_SAMPLE_CHARS = 1 << 20

IN_THE_FUTURE = "in_the_future"
"""Code of rows that have not happened yet; ingest would take them for events of now."""
_IN_THE_FUTURE = (
    "it has not happened yet: import it once it has, or leave such rows out with --future skip"
)
_CLOCKS_DIFFER = timedelta(minutes=1)
"""How far ahead the clock may be of the system that wrote the file."""


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row: its touchpoint as JSON, or a problem."""

    line: int
    position: int
    """Progress through the file after this row, in the unit of `Rows.total`."""
    body: bytes = b""
    problem: RowProblem | None = None
    cells: Mapping[str, Any] | None = None
    """Cells of the row, if it could be read into cells."""
    raw: Sequence[str] | str | None = None
    """Text of the row, if it could not."""


@dataclass(slots=True)
class SkippedRows:
    """Rows that are left out because their time is yet to come."""

    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """An opened file."""

    columns: tuple[str, ...] | None
    """Names of the columns; None where each row has names of its own (NDJSON)."""
    total: int
    rows: Iterator[Row]
    skipped: SkippedRows
    """Of the rows read so far."""
    is_newest_first: bool
    """Whether of rows of one time the last happened first."""


@contextmanager
def open_rows(
    path: Path,
    mapping: ColumnMapping,
    shape: Shape,
    *,
    now: datetime | None = None,
    import_id: str | None = None,
) -> Iterator[Rows]:
    """Rows in file order, as touchpoints of the import that `import_id` names.

    `now`: a row that happens later is refused, or left out if the mapping says so; None: any time will do.

    Raises FatalError when the file as a whole cannot be read, OSError.
    Cost: one row in memory, at first those of `_first`, and about 20 bytes for each distinct row before it.
    """
    with open_file(path, shape) as opened:
        if opened.columns is not None:
            mapping = mapping.resolved(opened.columns)
            _check_columns(mapping, opened.columns)
        plan, seen = _plan(mapping, opened.columns, now, import_id), Occurrences()
        skipped = SkippedRows()
        first = _first(opened.rows)
        is_newest_first = mapping.newest_first
        if is_newest_first is None:
            is_newest_first = runs_newest_first(_readable(first, plan))
        direction = -1 if is_newest_first else 1
        rows: Iterator[Row] = (_row(raw, plan, seen, direction * raw.line, is_typed=opened.is_typed)
                for raw in chain(first, opened.rows))  # fmt: skip
        if mapping.future == "skip":
            rows = _without_future(rows, skipped)
        yield Rows(
            columns=opened.columns,
            total=opened.total,
            rows=rows,
            skipped=skipped,
            is_newest_first=is_newest_first,
        )


def _without_future(rows: Iterator[Row], skipped: SkippedRows) -> Iterator[Row]:
    for row in rows:
        if row.problem is not None and row.problem.code == IN_THE_FUTURE:
            skipped.number += 1
        else:
            yield row


def _first(raws: Iterator[RawRow]) -> list[RawRow]:
    """The rows that tell how the file runs: few, and no more than a few million characters."""
    first: list[RawRow] = []
    held_chars = 0
    for raw in raws:
        first.append(raw)
        held_chars += sum(len(cell) for cell in (raw.cells or {}).values() if isinstance(cell, str))
        if len(first) >= SAMPLE_ROWS or held_chars > _SAMPLE_CHARS:
            break
    return first


def _readable(raws: Sequence[RawRow], plan: "_FilePlan") -> Iterator[dict[str, Any]]:
    """The touchpoints of rows, without those that cannot be read."""
    for raw in raws:
        if raw.cells is not None:
            touchpoint = _touchpoint(raw.cells, plan)
            if not isinstance(touchpoint, Refused):
                yield touchpoint


def unused_columns(mapping: ColumnMapping, columns: Sequence[str]) -> list[str]:
    """Columns that touchpoints are not made from."""
    used = mapping.resolved(columns).used_columns() | set(REPORTED)
    reached = {column.partition(".")[0] for column in used}
    return [column for column in columns if column not in used | reached]


def _check_columns(mapping: ColumnMapping, columns: Sequence[str]) -> None:
    def is_there(column: str) -> bool:
        return column in columns or column.partition(".")[0] in columns

    listed = f"its columns are {', '.join(columns)}"
    parts = {part for name in mapping.time_columns() for part in time_parts(name, columns)}
    named_columns = mapping.named_columns()
    if (time := mapping.columns.get("occurred_at")) in named_columns:
        named_columns = named_columns - {time} | parts
    missing = sorted(column for column in named_columns if not is_there(column))
    if missing:
        named = ", ".join(f"{column}{did_you_mean(column, columns)}" for column in missing)
        raise FatalError(f"the file has no column {named}; {listed}")
    # Without them, every row of the file would be refused.
    if "event" not in mapping.constants and not is_there(mapping.columns.get("event", "event")):
        hint = did_you_mean("event", columns)
        raise FatalError(
            f"no column names the event: --event-column or --event does{hint}; {listed}; if titles stand"
            " above the names, --header-row says where these are"
        )
    if "occurred_at" not in mapping.constants and not any(map(is_there, parts)):
        hint = next(filter(None, (did_you_mean(name, columns) for name in TIME_NAMES)), "")
        raise FatalError(f"no column tells the time: --time-column does{hint}; {listed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _FilePlan:
    """The mapping for one file: without entries whose columns the file does not have."""

    fields: tuple[tuple[str, str, Mapping[str, Any], Any], ...]
    """Field, its column, values to replace, value for rows without one."""
    objects: tuple[tuple[str, Mapping[str, str]], ...]
    times: tuple[tuple[str, ...], ...]
    """Columns that may hold the time, each of one part or several that are joined."""
    rename: Mapping[str, str]
    mapping: ColumnMapping
    latest: str
    """Latest time of a row, as text that sorts by time."""
    import_id: str | None
    kind: tuple[tuple[str, str], ...]
    """Field and column of what names a row: see `names.kind_of_row`."""


def _plan(
    mapping: ColumnMapping,
    columns: Sequence[str] | None,
    now: datetime | None,
    import_id: str | None,
) -> _FilePlan:
    def may_be_there(column: str) -> bool:
        return columns is None or column in columns or "." in column

    wanted = (
        (name, mapping.columns.get(name, name), _table(mapping.values.get(name, {})))
        for name in FIELDS
        if name != "occurred_at"
    )
    return _FilePlan(
        fields=tuple(
            (name, column, values, mapping.constants.get(name))
            for name, column, values in wanted
            if may_be_there(column) or name in mapping.constants
        ),
        objects=tuple(
            (name, keys)
            for name in OBJECTS
            if (keys := mapping.objects.get(name, {})) or may_be_there(name)
        ),
        times=tuple(time_parts(name, columns) for name in mapping.time_columns()),
        rename={cleaned(name): event for name, event in mapping.rename.items()},
        kind=_kind(mapping, columns),
        latest=(now + _CLOCKS_DIFFER if now else datetime.max.replace(tzinfo=UTC)).isoformat(),
        import_id=import_id,
        mapping=mapping,
    )


def _table(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values to replace, by their stored form: blanks and accents of a cell may be spelt otherwise."""
    return {cleaned(value): replacement for value, replacement in values.items()}


def _kind(mapping: ColumnMapping, columns: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """The columns that say which event a row is, as far as the file has them."""
    named = [(name, mapping.columns.get(name, name)) for name in NAMING_FIELDS]
    named += [
        ("occurred_at", part)
        for name in mapping.time_columns()
        for part in time_parts(name, columns)
    ]
    return tuple(each for each in named if columns is None or each[1] in columns)


def _row(raw: RawRow, plan: _FilePlan, seen: Occurrences, sequence: int, *, is_typed: bool) -> Row:
    body, problem = b"", raw.problem
    if raw.cells is not None:
        touchpoint = _touchpoint(raw.cells, plan)
        made = (
            touchpoint
            if isinstance(touchpoint, Refused)
            else _named(
                {**touchpoint, "sequence": sequence}, raw.cells, plan, seen, is_typed=is_typed
            )
        )
        if (mangled := _mangled(raw.cells, plan)) is not None:
            problem = RowProblem(line=raw.line, code=MANGLED_ID, detail=detail(mangled))
        elif not isinstance(touchpoint, Refused) and touchpoint["occurred_at"] > plan.latest:
            problem = RowProblem(line=raw.line, code=IN_THE_FUTURE, detail=_IN_THE_FUTURE)
        elif isinstance(made, Refused):
            problem = RowProblem(line=raw.line, code=made.code, detail=made.detail)
        else:
            body = made
    return Row(
        line=raw.line,
        position=raw.position,
        body=body,
        problem=problem,
        cells=raw.cells,
        raw=raw.raw,
    )


def _mangled(cells: Mapping[str, Any], plan: _FilePlan) -> str | None:
    """The field of an id that has lost digits."""
    for name, column, _, _ in plan.fields:
        if name in ID_FIELDS and is_mangled(_cell(cells, column)):
            return name
    return None


def _named(
    touchpoint: dict[str, Any],
    cells: Mapping[str, Any],
    plan: _FilePlan,
    seen: Occurrences,
    *,
    is_typed: bool,
) -> bytes | Refused:
    """The touchpoint as JSON, with a message id if it has none, and else with what numbers the rows."""
    if "message_id" in touchpoint:
        if "message_id_scope" not in touchpoint:
            event = _cell(cells, plan.mapping.columns.get("event", "event"))
            if event is None:
                event = plan.mapping.constants.get("event")
            touchpoint["message_id_scope"] = kind_of_row(plan.kind, cleaned(as_text(event)))
    else:
        # As text, so that a table has the same message ids as CSV, workbook and Parquet.
        content = {column: as_text(cell) for column, cell in cells.items()} if is_typed else cells
        touchpoint["message_id"] = row_name(content, seen)
    if plan.import_id is not None:
        touchpoint["import_id"] = plan.import_id
    try:
        return msgspec.json.encode(touchpoint)
    except UnicodeEncodeError:
        return _BAD_TEXT


_NO_EVENT = Refused(RefusalCode.MISSING_EVENT, "no event name")
_NO_TIME = Refused(RefusalCode.INVALID_OCCURRED_AT, "no time")
_BAD_TIME = Refused(
    RefusalCode.INVALID_OCCURRED_AT, "the time cannot be read; --time-format says how it is written"
)
_BAD_ZONE = Refused(
    RefusalCode.INVALID_OCCURRED_AT,
    "the time cannot be read; the %Z of --time-format takes UTC, GMT, CET, CEST, EST, EDT and the like, or"
    " Europe/Berlin: for any other name write it out in the format, and name the zone with --timezone",
)
_BAD_TEXT = Refused(RefusalCode.INVALID_UNICODE, "the row holds half of a surrogate pair")


def _touchpoint(cells: Mapping[str, Any], plan: _FilePlan) -> dict[str, Any] | Refused:
    fields: dict[str, Any] = {}
    for name, column, values, constant in plan.fields:
        value = _cell(cells, column)
        if value is None or _is_blank(value):
            value = constant
        elif values:
            value = values.get(cleaned(as_text(value)), value)
        if value is not None:
            fields[name] = fitted(name, value, plan.mapping.decimal)
    for name, keys in plan.objects:
        if gathered := _gathered(cells, name, keys):
            # JSON has no infinity, and the encoder would write null.
            if any(isinstance(cell, float) and math.isinf(cell) for cell in gathered.values()):
                return NUMBER_OUT_OF_RANGE
            fields[name] = gathered
    if "event" not in fields:
        return _NO_EVENT
    event = cleaned(str(fields["event"]))
    fields["event"] = plan.mapping.event_prefix + plan.rename.get(event, event)
    return _with_time(fields, cells, plan)


def _with_time(
    fields: dict[str, Any], cells: Mapping[str, Any], plan: _FilePlan
) -> dict[str, Any] | Refused:
    mapping = plan.mapping
    written: Any = mapping.constants.get("occurred_at")
    for parts in plan.times:
        values = [_cell(cells, part) for part in parts]
        if (cell := values[0] if len(parts) == 1 else joined(values)) is not None:
            written = cell
            break
    if written is None:
        return _NO_TIME
    moment = instant(written, mapping.timezone, mapping.time_formats, mapping.epoch)
    if moment is None:
        return _BAD_ZONE if any("%Z" in form for form in mapping.time_formats) else _BAD_TIME
    fields["occurred_at"] = moment.isoformat()
    return fields


def _gathered(cells: Mapping[str, Any], name: str, keys: Mapping[str, str]) -> dict[str, Any]:
    own = cells.get(name)
    if isinstance(own, str) and own.lstrip().startswith("{"):
        # Exports of databases have an object as JSON in a cell.
        own = strict_json.decode(own.encode("utf-8", "surrogatepass"))
    gathered = dict(own) if isinstance(own, dict) else {}
    for key, column in keys.items():
        if (value := _cell(cells, column)) is not None:
            gathered[key] = value
    return gathered


def _is_blank(value: object) -> bool:
    """Whether nothing of it would be stored: blanks of any kind, invisible characters."""
    return isinstance(value, str) and not cleaned(value)


def _cell(cells: Mapping[str, Any], column: str) -> Any:  # noqa: ANN401 - a JSON value
    """Value of a column, None if absent or empty; a dot steps into an object."""
    value = cells.get(column)
    if value is None and "." in column:
        value = cells
        for part in column.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return None if value == "" else value
