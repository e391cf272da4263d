"""Writes the file of refused rows: each row unchanged, with the reason, to be corrected and imported."""

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, TextIO

from services.cli.importing.fields import as_text
from services.cli.importing.formats.cells import REPORTED, Format, RowProblem, Shape
from services.cli.importing.mapping import ColumnMapping
from services.cli.importing.rows import Row
from shared.errors import FatalError

Cells = Mapping[str, Any]

RAW = "import_row"
"""Key of NDJSON for text that could not be read into cells."""


class RefusedFile:
    """Open for one import. Three columns come first: `import_line`, `import_code`, `import_detail`.

    CSV when its name ends in `.csv`, with delimiter and encoding of an imported CSV, so that the same
    options read it; otherwise NDJSON, which keeps the type of numbers.
    """

    def __init__(
        self,
        path: Path,
        *,
        shape: Shape,
        mapping: ColumnMapping,
        columns: Sequence[str] | None,
        is_continued: bool,
        is_marked: bool = False,
    ) -> None:
        """`is_marked`: a CSV begins with a byte order mark, as the imported one does.

        Truncate the file, or append to it. Raises FatalError where CSV cannot hold the rows, OSError.
        """
        self._mapping = mapping
        self._is_csv = path.suffix.lower() in {".csv", ".tsv"}
        if self._is_csv and columns is None:
            raise FatalError("rows of NDJSON are kept as NDJSON: --errors FILE.ndjson")
        self._columns = [column for column in columns or () if column not in REPORTED]
        self._file: TextIO = path.open(
            "a" if is_continued else "w",
            encoding=(self._is_csv and (shape.encoding or (is_marked and "utf-8-sig"))) or "utf-8",
            errors="backslashreplace",
            newline="",
        )
        delimiter = shape.delimiter if shape.format is Format.CSV else ","
        self._csv = csv.writer(self._file, delimiter=delimiter)
        if self._is_csv and self._file.tell() == 0:
            self._csv.writerow([*REPORTED, *self._columns])

    def add(self, problem: RowProblem, row: Row) -> None:
        """Write one row. May block for the disk."""
        reported = dict(zip(REPORTED, (problem.line, problem.code, problem.detail), strict=True))
        cells = None if row.cells is None else self._as_written(row.cells)
        if self._is_csv:
            # Cells that do not match the header are written as they are: the row is refused until corrected.
            row_cells = (
                [as_text(cells.get(column)) for column in self._columns]
                if cells is not None
                else [row.raw] * bool(row.raw)
                if isinstance(row.raw, str)
                else list(row.raw or ())
            )
            self._csv.writerow([*reported.values(), *row_cells])
            return
        content: dict[str, Any] = dict(cells or {})
        if row.raw:
            content[RAW] = row.raw
        # The reason last: it replaces that of an earlier file of refused rows.
        self._file.write(json.dumps(content | reported, default=str) + "\n")

    def _as_written(self, cells: Cells) -> Cells:
        """The cells; a typed time of a sheet is written in the format that the import expects."""
        if not self._mapping.time_formats:
            return cells
        form = self._mapping.time_formats[0]
        times = {}
        for column in self._mapping.time_columns():
            cell = cells.get(column)
            if isinstance(cell, datetime) and cell.tzinfo is not None:
                cell = cell.astimezone(self._mapping.timezone)
            if isinstance(cell, date):
                times[column] = cell.strftime(form)
        return {**cells, **times}

    def close(self) -> None:
        """Flush and close the file."""
        self._file.close()
