"""A file, row by row, as touchpoints ready to send.

Every row has a name that depends on its content alone: the hash of the row and how often the same
row stood in the file before. Sending a file twice therefore counts once, and two equal rows count
twice.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from services.cli.importing.fields import FIELDS, OBJECTS, as_text, fitted
from services.cli.importing.formats.cells import RawRow, RowProblem, Shape
from services.cli.importing.formats.opening import open_file
from services.cli.importing.mapping import ColumnMapping
from services.cli.importing.names import REPORTED, Occurrences, row_name
from services.cli.importing.times import instant
from services.ingest.events.candidate import NUMBER_OUT_OF_RANGE
from services.ingest.events.verdicts import RefusalCode, Refused
from shared.errors import FatalError

_CHUNK_BYTES = 1 << 20


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row: the touchpoint in it as JSON, or what is wrong with it."""

    line: int
    position: int
    """How far the file is read with this row, in the unit of `Rows.total`."""
    body: bytes = b""
    problem: RowProblem | None = None
    cells: Mapping[str, Any] | None = None
    """The row as it was, where it could be told."""
    raw: Sequence[str] | str | None = None
    """What else could be read of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """An opened file."""

    columns: tuple[str, ...] | None
    """Names of its columns; None where each row names its own (NDJSON)."""
    total: int
    rows: Iterator[Row]


def file_hash(path: Path) -> str:
    """Name of the file's content: sixteen hex digits. Raises OSError."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()[:16]


@contextmanager
def open_rows(path: Path, mapping: ColumnMapping, shape: Shape) -> Iterator[Rows]:
    """Rows in file order. Raises FatalError when the file as a whole cannot be read, OSError.

    Cost: one row in memory, and about 20 bytes for the name of each different one before it.
    """
    with open_file(path, shape) as source:
        if source.columns is not None:
            _check_columns(mapping, source.columns)
        plan, seen = _plan(mapping, source.columns), Occurrences()
        rows = (_row(reading, plan, seen, is_typed=source.is_typed)
                for reading in source.readings)  # fmt: skip
        yield Rows(columns=source.columns, total=source.total, rows=rows)


def unused_columns(mapping: ColumnMapping, columns: Sequence[str]) -> list[str]:
    """Columns that no touchpoint is made from."""
    used = mapping.used_columns() | set(REPORTED)
    reached = {column.partition(".")[0] for column in used}
    return [column for column in columns if column not in used | reached]


def _check_columns(mapping: ColumnMapping, columns: Sequence[str]) -> None:
    def is_there(column: str) -> bool:
        return column in columns or column.partition(".")[0] in columns

    told = f"its columns are {', '.join(columns)}"
    missing = sorted(column for column in mapping.named_columns() if not is_there(column))
    if missing:
        raise FatalError(f"the file has no column {', '.join(missing)}; {told}")
    # Without them every row would be refused, however many there are.
    if "event" not in mapping.constants and not is_there(mapping.columns.get("event", "event")):
        raise FatalError(f"no column names the event: --event-column or --event does; {told}")
    if "occurred_at" not in mapping.constants and not any(map(is_there, mapping.time_columns())):
        raise FatalError(f"no column tells the time: --time-column does; {told}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """The mapping as one file needs it: what can give nothing in any row is left out."""

    fields: tuple[tuple[str, str, Mapping[str, Any], Any], ...]
    """Field, its column, what its words mean, what it is without one."""
    objects: tuple[tuple[str, Mapping[str, str]], ...]
    times: tuple[str, ...]
    mapping: ColumnMapping


def _plan(mapping: ColumnMapping, columns: Sequence[str] | None) -> _Plan:
    def may_be_there(column: str) -> bool:
        return columns is None or column in columns or "." in column

    wanted = (
        (name, mapping.columns.get(name, name), mapping.values.get(name, {}))
        for name in FIELDS
        if name != "occurred_at"
    )
    return _Plan(
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
        times=mapping.time_columns(),
        mapping=mapping,
    )


def _row(reading: RawRow, plan: _Plan, seen: Occurrences, *, is_typed: bool) -> Row:
    body, problem = b"", reading.problem
    if reading.cells is not None:
        touchpoint = _touchpoint(reading.cells, plan)
        made = (
            touchpoint
            if isinstance(touchpoint, Refused)
            else _named(touchpoint, reading.cells, seen, is_typed=is_typed)
        )
        if isinstance(made, Refused):
            problem = RowProblem(line=reading.line, code=made.code, detail=made.detail)
        else:
            body = made
    return Row(
        line=reading.line,
        position=reading.position,
        body=body,
        problem=problem,
        cells=reading.cells,
        raw=reading.raw,
    )


def _named(
    touchpoint: dict[str, Any], cells: Mapping[str, Any], seen: Occurrences, *, is_typed: bool
) -> bytes | Refused:
    """The touchpoint as JSON, with a name if it has none."""
    if "message_id" not in touchpoint:
        # The same table gives the same names as CSV, workbook and Parquet.
        content = {column: as_text(cell) for column, cell in cells.items()} if is_typed else cells
        touchpoint["message_id"] = row_name(content, seen)
    try:
        return msgspec.json.encode(touchpoint)
    except UnicodeEncodeError:
        return _BAD_TEXT


_NO_EVENT = Refused(RefusalCode.MISSING_EVENT, "no event name")
_NO_TIME = Refused(RefusalCode.INVALID_OCCURRED_AT, "no time")
_BAD_TIME = Refused(
    RefusalCode.INVALID_OCCURRED_AT, "the time cannot be read; --time-format says how it is written"
)
_BAD_TEXT = Refused(RefusalCode.INVALID_UNICODE, "the row holds half of a surrogate pair")


def _touchpoint(cells: Mapping[str, Any], plan: _Plan) -> dict[str, Any] | Refused:
    found: dict[str, Any] = {}
    for name, column, values, constant in plan.fields:
        value = _cell(cells, column)
        if value is None:
            value = constant
        elif values:
            value = values.get(as_text(value).strip(), value)
        if value is not None:
            found[name] = fitted(name, value)
    for name, keys in plan.objects:
        if gathered := _gathered(cells, name, keys):
            # JSON knows no infinity, and the encoder would quietly write null.
            if any(isinstance(cell, float) and math.isinf(cell) for cell in gathered.values()):
                return NUMBER_OUT_OF_RANGE
            found[name] = gathered
    if "event" not in found:
        return _NO_EVENT
    event = str(found["event"])
    found["event"] = plan.mapping.event_prefix + plan.mapping.rename.get(event, event)
    return _with_time(found, cells, plan)


def _with_time(
    found: dict[str, Any], cells: Mapping[str, Any], plan: _Plan
) -> dict[str, Any] | Refused:
    mapping = plan.mapping
    written = mapping.constants.get("occurred_at")
    for name in plan.times:
        if (cell := _cell(cells, name)) is not None:
            written = cell
            break
    if written is None:
        return _NO_TIME
    moment = instant(written, mapping.timezone, mapping.time_format, mapping.epoch)
    if moment is None:
        return _BAD_TIME
    found["occurred_at"] = moment.isoformat()
    return found


def _gathered(cells: Mapping[str, Any], name: str, keys: Mapping[str, str]) -> dict[str, Any]:
    own = cells.get(name)
    gathered = dict(own) if isinstance(own, dict) else {}
    for key, column in keys.items():
        if (value := _cell(cells, column)) is not None:
            gathered[key] = value
    return gathered


def _cell(cells: Mapping[str, Any], column: str) -> Any:  # noqa: ANN401 - a JSON value
    """Value of a column, None if absent or empty; a dot steps into an object."""
    value = cells.get(column)
    if value is None and "." in column:
        value = cells
        for part in column.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return None if value == "" else value
