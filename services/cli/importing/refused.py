"""The file of refused rows: the rows as they were, with the reason, to be mended and imported again."""

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, TextIO

from services.cli.importing.fields import as_text
from services.cli.importing.formats.cells import Format, RowProblem, Shape
from services.cli.importing.mapping import ColumnMapping
from services.cli.importing.names import REPORTED
from services.cli.importing.rows import Row
from shared.errors import FatalError

Cells = Mapping[str, Any]

RAW = "import_row"
"""Key under which NDJSON keeps what could not be read as cells."""


class RefusedFile:
    """Open for one import. Three columns come first: `import_line`, `import_code`, `import_detail`.

    CSV when its name ends in `.csv`, in the manner of an imported CSV (delimiter, encoding), so that
    the same options read it; otherwise NDJSON, which keeps numbers numbers.
    """

    def __init__(
        self,
        path: Path,
        *,
        shape: Shape,
        mapping: ColumnMapping,
        columns: Sequence[str] | None,
        is_continued: bool,
    ) -> None:
        """Empty it, or go on in it. Raises FatalError where CSV cannot hold the rows, OSError."""
        self._mapping = mapping
        self._is_csv = path.suffix.lower() in {".csv", ".tsv"}
        if self._is_csv and columns is None:
            raise FatalError("rows of NDJSON are kept as NDJSON: --errors FILE.ndjson")
        self._columns = [column for column in columns or () if column not in REPORTED]
        self._file: TextIO = path.open(
            "a" if is_continued else "w",
            encoding=(self._is_csv and shape.encoding) or "utf-8",
            errors="backslashreplace",
            newline="",
        )
        delimiter = shape.delimiter if shape.format is Format.CSV else ","
        self._csv = csv.writer(self._file, delimiter=delimiter)
        if self._is_csv and self._file.tell() == 0:
            self._csv.writerow([*REPORTED, *self._columns])

    def add(self, problem: RowProblem, row: Row) -> None:
        """Keep one row. May block for the disk."""
        reported = dict(zip(REPORTED, (problem.line, problem.code, problem.detail), strict=True))
        cells = None if row.cells is None else self._as_written(row.cells)
        if self._is_csv:
            # Cells that do not fit the header stay so: the row is refused until they do.
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
        # Our words last: a row of an earlier file of refused rows has its own.
        self._file.write(json.dumps(content | reported, default=str) + "\n")

    def _as_written(self, cells: Cells) -> Cells:
        """The cells, with a time that a sheet knew to be one as the import expects it to be written."""
        form = self._mapping.time_format
        if form is None:
            return cells
        told = {}
        for column in self._mapping.time_columns():
            cell = cells.get(column)
            if isinstance(cell, datetime) and cell.tzinfo is not None:
                cell = cell.astimezone(self._mapping.timezone)
            if isinstance(cell, date):
                told[column] = cell.strftime(form)
        return {**cells, **told}

    def close(self) -> None:
        """Write what is left."""
        self._file.close()
