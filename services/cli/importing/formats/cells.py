"""Types that every format yields: rows of named cells, or a problem in place of the cells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

LONGEST_CELL_CHARS = 1 << 20
LONGEST_ROW_CHARS = 1 << 22
"""Far above ingest's limit for an event; bounds the memory of one row."""

UNREADABLE = "unreadable_row"
"""Code of rows that could not be read into cells; the import's only addition to ingest's codes."""

REPORTED = ("import_line", "import_code", "import_detail")
"""Columns that a file of refused rows adds: not part of a row's content."""


class Format(StrEnum):
    """Format of a file."""

    CSV = "csv"
    NDJSON = "ndjson"
    XLSX = "xlsx"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Options for reading a file; None means: detect from the file."""

    format: Format
    sheet: str | None = None
    """Name or number (from 1) of a workbook's sheet."""
    header_row: int | None = None
    """Row (from 1) that names the columns; None: the first, of a sheet the first with content."""
    delimiter: str = ","
    encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """Why a row does not become a touchpoint. `code`: one of ingest's, or `unreadable_row`."""

    line: int
    code: str
    detail: str


class RawRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of a file: its cells by column, or a problem and the text that could be read."""

    line: int
    """Line of a text file, row of a sheet, record of a Parquet file; from 1."""
    position: int
    """Progress through the file after this row, in the unit of `OpenedFile.total`."""
    cells: Mapping[str, Any] | None = None
    raw: Sequence[str] | str | None = None
    problem: RowProblem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """An opened file."""

    columns: tuple[str, ...] | None
    """Names of the columns in order; None where each row has names of its own (NDJSON)."""
    total: int
    """Bytes or rows, for the progress bar."""
    rows: Iterator[RawRow]
    is_typed: bool = False
    """Whether cells have types beside text: a table whose rows all have the same columns."""


def column_names(header: Sequence[str]) -> tuple[str, ...]:
    """Unique names of columns: a blank one becomes its number, a second `city` becomes `city 2`."""
    names: list[str] = []
    used = set()
    for number, cell in enumerate(header, start=1):
        wanted = cell.strip() or f"column {number}"
        name, copy = wanted, 1
        while name in used:
            copy += 1
            name = f"{wanted} {copy}"
        used.add(name)
        names.append(name)
    return tuple(names)
