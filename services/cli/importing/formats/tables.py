"""Workbooks and Parquet files: `table_process` reads their rows in a process with bounded memory."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any

import msgspec

from services.cli.importing.formats import table_process
from services.cli.importing.formats.cells import (
    LONGEST_CELL_CHARS,
    LONGEST_ROW_CHARS,
    UNREADABLE,
    Format,
    OpenedFile,
    RawRow,
    RowProblem,
    Shape,
    column_names,
)
from shared.errors import FatalError

MEMORY_BYTES = 2_000_000_000
"""Memory limit of the reading process. A sheet is held as a whole: a million rows of six cells take
about 0.6 GB; Parquet is read in batches."""

_PACKAGE = {Format.XLSX: "python_calamine", Format.PARQUET: "pyarrow"}
_TITLE = {Format.XLSX: "a workbook (XLSX)", Format.PARQUET: "Parquet"}
_ROOT = Path(__file__).parents[4]
_LONGEST_FRAME = 16 * LONGEST_ROW_CHARS
_STOP_SECONDS = 5.0

_EXTENSIONS = {table_process.INSTANT: datetime.fromisoformat, table_process.DAY: date.fromisoformat}


def _extension(code: int, data: memoryview) -> datetime | date:
    return _EXTENSIONS[code](bytes(data).decode())


_decode = msgspec.msgpack.Decoder(dict[str, Any], ext_hook=_extension).decode


@contextmanager
def open_table(path: Path, shape: Shape) -> Iterator[OpenedFile]:
    """Open a table; the reading process ends with the context. Raises FatalError. May block."""
    if find_spec(_PACKAGE[shape.format]) is None:
        raise FatalError(
            f"to read {_TITLE[shape.format]}, add the readers of such files:"
            " `make files` in the checkout"
        )
    request = {
        "path": str(path),
        "format": shape.format.value,
        "sheet": shape.sheet,
        "header_row": shape.header_row,
        "memory_bytes": MEMORY_BYTES,
        "longest_cell": LONGEST_CELL_CHARS,
        "longest_row": LONGEST_ROW_CHARS,
    }
    # -P: a file in the current folder must not be imported in place of a module.
    child = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", table_process.__name__, json.dumps(request)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        process_group=0,  # the import handles Ctrl-C
    )
    assert child.stdout is not None  # noqa: S101 - stdout is a pipe
    try:
        frames = _frames(child.stdout)
        head = next(frames, None)
        if head is None:
            raise FatalError(_GAVE_UP)
        columns = column_names([str(name) for name in head["columns"]])
        yield OpenedFile(
            columns=columns,
            total=head["total"],
            rows=_rows(frames, columns),
            is_typed=True,
        )
    finally:
        child.kill()
        child.stdout.close()
        child.wait(_STOP_SECONDS)


def _environment() -> dict[str, str]:
    given = os.environ.get("PYTHONPATH")
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(_ROOT), *([given] if given else [])]),
        "RUST_BACKTRACE": "0",
        # Arrow's own pools reserve more address space than the limit leaves.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _frames(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Frames up to the end. Raises FatalError for an error frame, or a process that died."""
    while True:
        head = stream.read(table_process.LENGTH.size)
        size = table_process.LENGTH.unpack(head)[0] if len(head) == table_process.LENGTH.size else 0
        body = stream.read(size) if 0 < size <= _LONGEST_FRAME else b""
        if not body or len(body) < size:
            raise FatalError(_GAVE_UP)
        frame = _decode(body)
        if "end" in frame:
            return
        if "error" in frame:
            raise FatalError(_GAVE_UP if frame["error"] == "memory" else frame["error"])
        yield frame


_GAVE_UP = (
    f"the file is damaged, or takes more than {MEMORY_BYTES // 1_000_000:,} MB of memory to read;"
    " save it as CSV"
)


def _rows(frames: Iterator[dict[str, Any]], columns: tuple[str, ...]) -> Iterator[RawRow]:
    for frame in frames:
        for number, cells in frame["rows"]:
            if isinstance(cells, str):
                problem = RowProblem(line=number, code=UNREADABLE, detail=cells)
                yield RawRow(line=number, position=number, problem=problem)
                continue
            # A row of a sheet may be shorter or longer than the header.
            if len(cells) > len(columns) and any(
                cell is not None for cell in cells[len(columns) :]
            ):
                problem = RowProblem(
                    line=number, code=UNREADABLE, detail="cells beyond the last named column"
                )
                yield RawRow(line=number, position=number, problem=problem)
                continue
            yield RawRow(
                line=number,
                position=number,
                cells=dict(zip_longest(columns, cells[: len(columns)])),
            )
