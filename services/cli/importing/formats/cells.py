"""What every kind of file gives: named cells row by row, or why a row has none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

LONGEST_CELL_CHARS = 1 << 20
LONGEST_ROW_CHARS = 1 << 22
"""Far beyond what ingest takes for an event: what bounds the memory of one row."""

UNREADABLE = "unreadable_row"
"""Code of rows that have no cells to judge: the one that the import adds to ingest's own."""


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    NDJSON = "ndjson"
    XLSX = "xlsx"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How to look at a file; what is None goes by the file itself."""

    format: Format
    sheet: str | None = None
    """Name or number (from 1) of a workbook's sheet."""
    header_row: int | None = None
    """Row (from 1) of a sheet that names the columns; the first that is not empty."""
    delimiter: str = ","
    encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """Why a row does not become a touchpoint. Codes are ingest's, and `unreadable_row`."""

    line: int
    code: str
    detail: str


class RawRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row as it stands in the file: its cells by column, or a problem and what could be read."""

    line: int
    """Line of a text file, row of a sheet, record of a Parquet file; from 1."""
    position: int
    """How far the file is read with this row, in the unit of `OpenedFile.total`."""
    cells: Mapping[str, Any] | None = None
    raw: Sequence[str] | str | None = None
    problem: RowProblem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """An opened file."""

    columns: tuple[str, ...] | None
    """Names of its columns in order; None where each row names its own (NDJSON)."""
    total: int
    """Bytes or rows, for the progress bar."""
    readings: Iterator[RawRow]
    is_typed: bool = False
    """Whether cells are more than text, of a table whose rows all have the same columns."""


def column_names(header: Sequence[str]) -> tuple[str, ...]:
    """Names that tell the columns apart: a blank one gets its number, a second `city` is `city 2`."""
    names: list[str] = []
    taken = set()
    for number, cell in enumerate(header, start=1):
        wanted = cell.strip() or f"column {number}"
        name, copy = wanted, 1
        while name in taken:
            copy += 1
            name = f"{wanted} {copy}"
        taken.add(name)
        names.append(name)
    return tuple(names)
