"""What importing a large file costs: `python -m tests.benchmarks.import_memory [ROWS]`.

Writes a file of six columns in each format, reads it by a dry run (which does all that an import
does, but the sending), and prints the greatest resident memory of the command and of the reader
that it starts (Linux). No part of `make bench`: a million rows take minutes.
"""

import csv
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import pyarrow as pa
import xlsxwriter
from pyarrow import parquet

HEADER = ("user_id", "session", "event", "timestamp", "platform", "seats")
_START = datetime(2024, 1, 1)  # noqa: DTZ001 - as files hold it
_GROUP = 100_000
_LOOK_SECONDS = 0.1


def rows(count: int) -> Iterator[tuple[str, str, str, datetime, str, int]]:
    """Rows that are all of another person: the names of people are counted in the temporary file."""
    for number in range(count):
        moment = _START + timedelta(seconds=number)
        yield f"user_{number}", f"s_{number}", "home", moment, "desktop", number


def write_csv(path: Path, count: int) -> None:
    """As text."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows(count))


def write_workbook(path: Path, count: int) -> None:
    """As a sheet."""
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        form = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.write_row(0, 0, HEADER)
        for number, row in enumerate(rows(count), start=1):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(number, column, cell, form)
                else:
                    sheet.write(number, column, cell)


def write_parquet(path: Path, count: int) -> None:
    """In groups of 100,000."""
    made = list(rows(count))
    columns = dict(zip(HEADER, map(list, zip(*made, strict=True)), strict=True))
    parquet.write_table(pa.table(columns), path, row_group_size=_GROUP)


def measure(path: Path) -> tuple[int, int, float]:
    """Peak mebibytes of the command and of the reader that it starts, and seconds."""
    began = monotonic()
    command = [sys.executable, "-m", "services.cli", "import", str(path), "--dry-run", "--json"]
    peaks: dict[int, int] = {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - our own
        while process.poll() is None:
            for pid in (process.pid, *_children(process.pid)):
                peaks[pid] = max(peaks.get(pid, 0), _peak_kilobytes(pid))
            sleep(_LOOK_SECONDS)
    own = peaks.pop(process.pid)
    return own >> 10, max(peaks.values(), default=0) >> 10, monotonic() - began


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _peak_kilobytes(pid: int) -> int:
    """The greatest resident memory so far (VmHWM), 0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def main() -> None:
    """Print a row for each format."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    writers = {"csv": write_csv, "xlsx": write_workbook, "parquet": write_parquet}
    with TemporaryDirectory() as folder:
        for suffix, write in writers.items():
            path = Path(folder, f"rows.{suffix}")
            write(path, count)
            own, readers, seconds = measure(path)
            size = path.stat().st_size >> 20
            print(  # noqa: T201 - the result
                f"{suffix}: {count:,} rows, {size} MiB on disk; command {own} MiB,"
                f" reader {readers} MiB, {count / seconds:,.0f} rows/s",
                flush=True,
            )


if __name__ == "__main__":
    main()
