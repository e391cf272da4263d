"""CSV and NDJSON, a line at a time, each line cut at a limit of length."""

import csv
import io
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import BinaryIO, Protocol

from services.cli.importing.formats.cells import (
    LONGEST_CELL_CHARS,
    LONGEST_ROW_CHARS,
    REPORTED,
    UNREADABLE,
    OpenedFile,
    RawRow,
    RowProblem,
    column_names,
)
from services.ingest.events import strict_json
from services.ingest.events.candidate import NOT_AN_OBJECT
from services.ingest.events.verdicts import Refused
from shared.errors import FatalError

_TOO_LONG = f"a line longer than {LONGEST_ROW_CHARS:,} characters"

_SPELLED = {";": "';'", "\t": "$'\\t'", "|": "'|'", ",": "','"}
"""Delimiters of CSV dialects -> as they are written for a shell."""

_RAW_CHARS = 10_000
"""Most characters of a line that is not JSON that the file of refused rows gets."""


class _CsvReader(Protocol):
    """Type of the standard library's csv.reader."""

    line_num: int

    def __next__(self) -> list[str]: ...


class _Lines:
    """Lines of a text; a line beyond the limit is cut, and sets `is_cut`."""

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self.is_cut = False
        self._record: list[str] | None = None
        self._record_chars = 0

    def begin(self) -> None:
        """Begin a record: keep the text of its lines."""
        self.is_cut = False
        self._record, self._record_chars = [], 0

    def record(self) -> str:
        """Text of the current record; at most a line longer than the longest row."""
        return "".join(self._record or ())

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(LONGEST_ROW_CHARS):
            rest = line
            while len(rest) == LONGEST_ROW_CHARS and not rest.endswith(("\n", "\r")):
                self.is_cut = True
                rest = self._text.readline(LONGEST_ROW_CHARS)
            if self._record is not None and self._record_chars < LONGEST_ROW_CHARS:
                self._record.append(line)
                self._record_chars += len(line)
            yield line


def read_csv(
    text: io.TextIOBase, stored: BinaryIO, total: int, delimiter: str, header_row: int = 1
) -> OpenedFile:
    """Rows of a CSV. `stored`: the underlying file, for the position. Raises FatalError for a bad header.

    `header_row`: the line that names the columns; titles may stand above it.
    """
    csv.field_size_limit(LONGEST_CELL_CHARS)
    lines = _Lines(text)
    above = sum(1 for _ in islice(lines, header_row - 1))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as exc:
        raise FatalError(f"the header cannot be read as CSV: {exc}") from exc
    if not any(name.strip() for name in header):
        where = f"its line {header_row}" if header_row > 1 else "its first line"
        raise FatalError(f"the file is empty: {where} must name the columns")
    other = next((each for each in _SPELLED if len(header) == 1 and each in header[0]), None)
    if other is not None:
        raise FatalError(f"the header names one column; --delimiter {_SPELLED[other]} parts it")
    columns = column_names(header)
    # In a file of refused rows, one that could not be read stands as it came, until it is corrected.
    is_refused = columns[0] == REPORTED[0]

    def rows() -> Iterator[RawRow]:
        for line, values in _records(reader, lines, above):
            position = stored.tell()
            if isinstance(values, str):
                yield _unreadable(line, position, values, "" if lines.is_cut else lines.record())
            elif any(values[len(columns) :]) or (is_refused and len(values) < len(columns)):
                problem = f"{len(values)} cells where the header names {len(columns)}"
                yield _unreadable(line, position, problem, values)
            else:
                # Programs leave out trailing empty cells, or write more of them than there are columns.
                cells = dict(zip_longest(columns, values[: len(columns)], fillvalue=""))
                yield RawRow(line=line, position=position, cells=cells)

    return OpenedFile(columns=columns, total=total, rows=rows())


def _records(
    reader: _CsvReader, lines: _Lines, above: int
) -> Iterator[tuple[int, list[str] | str]]:
    """First line and cells of each record that is not empty, or why it has none.

    `above`: lines that the reader has not seen.
    """
    while True:
        line = above + reader.line_num + 1
        lines.begin()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            # A quotation mark that is not closed makes one record of all following rows.
            last = above + reader.line_num
            end = f", up to line {last}" if last > line else ""
            yield line, _TOO_LONG if lines.is_cut else f"not CSV: {exc}{end}"
            continue
        if lines.is_cut:
            yield line, _TOO_LONG
        elif any(values):
            yield line, values


def read_ndjson(text: io.TextIOBase, stored: BinaryIO, total: int) -> OpenedFile:
    """Objects of an NDJSON file, each decoded by ingest's own decoder of JSON."""
    lines = _Lines(text)

    def rows() -> Iterator[RawRow]:
        for number, content in enumerate(lines, start=1):
            is_cut, lines.is_cut = lines.is_cut, False
            item = content.strip()
            if not item:
                continue
            raw = item[:_RAW_CHARS]
            if is_cut:
                yield _unreadable(number, stored.tell(), _TOO_LONG, raw)
                continue
            if number == 1 and item.startswith("["):
                raise FatalError(
                    "this is one JSON array, not one object a line; `jq -c '.[]' FILE` makes that"
                )
            value = strict_json.decode(item.encode("utf-8", "surrogatepass"))
            if not isinstance(value, Refused | dict):
                value = NOT_AN_OBJECT
            if isinstance(value, Refused):
                problem = RowProblem(line=number, code=value.code, detail=value.detail)
                yield RawRow(line=number, position=stored.tell(), raw=raw, problem=problem)
                continue
            yield RawRow(line=number, position=stored.tell(), cells=value)

    return OpenedFile(columns=None, total=total, rows=rows())


def _unreadable(line: int, position: int, detail: str, raw: list[str] | str) -> RawRow:
    problem = RowProblem(line=line, code=UNREADABLE, detail=detail)
    return RawRow(line=line, position=position, raw=raw, problem=problem)
