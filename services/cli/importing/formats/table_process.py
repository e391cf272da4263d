"""Reads a workbook or a Parquet file in a process of its own, and writes its rows to standard output.

Both readers are native code: a hostile file can crash them or make them allocate any amount of memory (a
workbook of a thousand bytes may declare 17 billion cells). That ends only this process, within
its memory limit, and the import reports it in a sentence.

Started by `formats.tables` with one JSON argument. Standard output carries frames: four bytes of
length, then MessagePack, one of {"columns", "total"}, {"rows": [[number, cells or a problem]]},
{"error"}, {"end"}. Instants and dates are extensions 1 and 2 in ISO 8601. Nothing else may be printed.
"""

import json
import math
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import msgspec

INSTANT, DAY = 1, 2
"""MessagePack extensions."""

LENGTH = struct.Struct(">I")

_ROWS = 250
_CHARS = 1 << 20
"""A frame ends at the limit that is reached first."""

Record = tuple[int, list[Any] | str]

_encode = msgspec.msgpack.Encoder().encode


class _Broken:
    """A value of a Parquet file that cannot be converted."""


_BROKEN = _Broken()


class Unreadable(Exception):
    """The file cannot be read; the message is shown to the user."""


def main(argument: str, out: BinaryIO) -> None:
    """Read the file that `argument` describes, and write frames until the end or an error."""
    request = json.loads(argument)
    _limit_memory(request["memory_bytes"])
    try:
        if request["format"] == "parquet":
            columns, total, records = _parquet(request)
        else:
            columns, total, records = _workbook(request)
        _write(out, {"columns": columns, "total": total})
        for rows in _chunks(records, request["longest_cell"], request["longest_row"]):
            _write(out, {"rows": rows})
        _write(out, {"end": True})
    except Unreadable as exc:
        _write(out, {"error": str(exc)})
    except MemoryError:
        _write(out, {"error": "memory"})


def _limit_memory(limit_bytes: int) -> None:
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    with suppress(ValueError, OSError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def _write(out: BinaryIO, frame: dict[str, Any]) -> None:
    encoded = _encode(frame)
    out.write(LENGTH.pack(len(encoded)) + encoded)
    out.flush()


def _chunks(
    records: Iterator[Record], longest_cell: int, longest_row: int
) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    chars = 0
    for number, cells in records:
        content: list[Any] | str = cells
        if isinstance(cells, list):
            lengths = [_length(cell) for cell in cells]
            if any(cell is _BROKEN for cell in cells):
                content = "a value that is damaged, or out of the range of its type"
            elif max(lengths, default=0) > longest_cell:
                content = f"a cell longer than {longest_cell:,} characters"
            elif sum(lengths) > longest_row:
                content = f"a row longer than {longest_row:,} characters"
            else:
                chars += sum(lengths)
        chunk.append((number, content))
        if len(chunk) >= _ROWS or chars >= _CHARS:
            yield chunk
            chunk, chars = [], 0
    if chunk:
        yield chunk


def _length(cell: object) -> int:
    if isinstance(cell, str):
        return len(cell)
    return len(_encode(cell)) if isinstance(cell, list | dict) else 0


# -- workbooks -----------------------------------------------------------------------------------


def _workbook(request: dict[str, Any]) -> tuple[list[str], int, Iterator[Record]]:
    import python_calamine as calamine  # noqa: PLC0415 - an extra, and only this process has it

    try:
        workbook = calamine.CalamineWorkbook.from_path(request["path"])
        sheet = workbook.get_sheet_by_name(_chosen(workbook.sheet_names, request["sheet"]))
    except calamine.PasswordError as exc:
        raise Unreadable("the workbook is protected by a password") from exc
    except calamine.CalamineError as exc:
        raise Unreadable(f"the workbook is damaged, or none: {exc}") from exc
    rows = enumerate(sheet.iter_rows(), start=1)
    wanted = request["header_row"]
    for number, row in rows:
        if number == wanted or (wanted is None and any(cell != "" for cell in row)):
            columns = _header(number, row, sheet)
            return columns, sheet.total_height, _sheet_rows(rows)
    raise Unreadable(f"the sheet '{sheet.name}' has no row that names the columns")


def _chosen(names: list[str], wanted: str | None) -> str:
    if wanted is None and names:
        return names[0]
    if wanted in names:
        return str(wanted)
    if (
        wanted is not None
        and wanted.isascii()
        and wanted.isdigit()
        and 0 < int(wanted) <= len(names)
    ):
        return names[int(wanted) - 1]
    listed = ", ".join(names[:20]) or "none"
    raise Unreadable(f"no sheet is called '{wanted}'; there are: {listed}")


def _header(number: int, row: Sequence[Any], sheet: Any) -> list[str]:  # noqa: ANN401 - calamine's
    """Texts of the header; every cell of a merged range gets the text of its first cell."""
    texts = ["" if cell == "" else str(_plain(cell)) for cell in row]
    first_column = sheet.start[1] if sheet.start else 0
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        if not top <= number - 1 <= bottom:
            continue
        text = texts[left - first_column] if 0 <= left - first_column < len(texts) else ""
        if top < number - 1:  # the range begins above, where only its first cell has a text
            text = text or _cell_at(sheet, top, left - first_column)
        for column in range(left - first_column, min(right - first_column + 1, len(texts))):
            texts[column] = texts[column] or text
    return texts


def _cell_at(sheet: Any, row: int, column: int) -> str:  # noqa: ANN401 - calamine's
    for number, cells in enumerate(sheet.iter_rows()):
        if number == row:
            return str(cells[column]) if 0 <= column < len(cells) else ""
    return ""


def _sheet_rows(rows: Iterator[tuple[int, Sequence[Any]]]) -> Iterator[Record]:
    for number, row in rows:
        if any(cell != "" for cell in row):
            yield number, [_plain(cell) for cell in row]


# -- Parquet -------------------------------------------------------------------------------------


def _parquet(request: dict[str, Any]) -> tuple[list[str], int, Iterator[Record]]:
    import pyarrow as pa  # noqa: PLC0415 - an extra, and only this process has it
    from pyarrow import parquet  # noqa: PLC0415

    try:
        # Without read-ahead and memory mapping: only a few pages at a time are in memory.
        file = parquet.ParquetFile(request["path"], pre_buffer=False, buffer_size=1 << 20)
        names = list(file.schema_arrow.names)
        total = file.metadata.num_rows
    except (pa.ArrowException, OSError) as exc:
        raise Unreadable(f"the Parquet file is damaged, or none: {_first_line(exc)}") from exc
    return names, total, _parquet_rows(file, pa)


def _parquet_rows(file: Any, pa: Any) -> Iterator[Record]:  # noqa: ANN401 - pyarrow's
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
            columns = [_values(column, pa) for column in batch.columns]
            for row in zip(*columns, strict=True):
                number += 1
                if any(cell is not None for cell in row):
                    yield number, list(row)
    except pa.ArrowMemoryError as exc:
        raise MemoryError from exc
    except (pa.ArrowException, OSError) as exc:
        raise Unreadable(
            f"the Parquet file is damaged after record {number}: {_first_line(exc)}"
        ) from exc


def _values(column: Any, pa: Any) -> list[Any]:  # noqa: ANN401 - pyarrow's
    if pa.types.is_timestamp(column.type):
        # Python's datetime has microseconds; an unknown zone is no loss, since the instants are in UTC.
        zone = "UTC" if column.type.tz else None
        column = column.cast(pa.timestamp("us", tz=zone), safe=False)
    try:
        return [_plain(cell) for cell in column.to_pylist()]
    except (ValueError, OverflowError):
        return [_plain(_python(scalar)) for scalar in column]


def _python(scalar: Any) -> Any:  # noqa: ANN401 - pyarrow's
    """One value, or `_BROKEN` for a year beyond Python's range, or text that is not UTF-8."""
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        return _BROKEN


def _first_line(exc: BaseException) -> str:
    return str(exc).partition("\n")[0][:200]


# -- cells ---------------------------------------------------------------------------------------


def _plain(cell: Any) -> Any:  # noqa: ANN401, PLR0911 - one return for each kind of cell
    """`cell` as a JSON type, an instant or a day; None for empty text and not-a-number."""
    match cell:
        case datetime():
            return msgspec.msgpack.Ext(INSTANT, cell.isoformat().encode())
        case date():
            return msgspec.msgpack.Ext(DAY, cell.isoformat().encode())
        case bool() | None | _Broken():
            return cell
        case str():
            return cell or None
        case float():
            return None if math.isnan(cell) else cell
        case int():
            return cell if -(2**63) <= cell < 2**63 else str(cell)
        case Decimal():
            return _plain(_number(cell))
        case list() | tuple() | dict():
            return _nested(cell)
        case bytes():
            return cell.decode("utf-8", "replace") or None
        case _:  # a time of day, a length of time
            return str(cell)


def _number(cell: Decimal) -> int | float:
    return int(cell) if cell.is_finite() and cell == cell.to_integral_value() else float(cell)


def _nested(value: Any) -> Any:  # noqa: ANN401 - JSON's types come out
    match value:
        case dict():
            return {str(key): _nested(one) for key, one in value.items()}
        case list() | tuple():
            return [_nested(one) for one in value]
        case datetime() | date():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return None if math.isnan(value) else str(value)
        case _:
            return _plain(value)


if __name__ == "__main__":
    main(sys.argv[1], sys.stdout.buffer)
