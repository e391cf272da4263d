"""A file, row by row, as touchpoints ready to send.

Every row has a name that depends on its content alone: the hash of the row and how often the same
row stood in the file before. Sending a file twice therefore counts once, and two equal rows count
twice.
"""

import csv
import gzip
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, BinaryIO

from services.cli import import_time
from services.cli.import_mapping import FIELDS, OBJECTS, TIME_NAMES, Mapping
from shared.errors import FatalError

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20
_NUMBERS = {"sentiment": int, "value": float}
_LONGEST_CELL = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: the touchpoint in it, or what is wrong with it. `line` counts from 1."""

    line: int
    position: int
    """Bytes of the file (as stored, compressed or not) read so far."""
    touchpoint: dict[str, Any] | None = None
    problem: str | None = None


def file_hash(path: Path) -> str:
    """Name of the file's content: sixteen hex digits. Raises OSError."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()[:16]


def is_ndjson(path: Path) -> bool:
    """Whether the file's name says that each line is a JSON object; anything else is CSV."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((".ndjson", ".jsonl", ".json"))


def read(path: Path, mapping: Mapping, *, delimiter: str = ",") -> Iterator[Row]:
    """Rows in file order. Raises FatalError when the file as a whole cannot be read, OSError.

    Cost: 16 bytes and a counter for each different row, for the names.
    """
    seen: Counter[bytes] = Counter()
    with _opened(path) as (text, raw):
        rows = _ndjson(text) if is_ndjson(path) else _csv(text, mapping, delimiter)
        try:
            for line, cells in rows:
                if isinstance(cells, str):
                    yield Row(line=line, position=raw.tell(), problem=cells)
                    continue
                yield _row(line, raw.tell(), cells, mapping, seen)
        except (EOFError, gzip.BadGzipFile) as exc:
            raise FatalError(f"{path} is a damaged gzip file") from exc
        except UnicodeDecodeError as exc:
            raise FatalError(f"{path} is not UTF-8 text (byte {exc.start} of a block)") from exc


@contextmanager
def _opened(path: Path) -> Iterator[tuple[io.TextIOBase, BinaryIO]]:
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if is_gzip else raw
        # utf-8-sig: spreadsheets put a byte order mark before the first column's name.
        with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            yield text, raw


Cells = Iterator[tuple[int, dict[str, Any] | str]]


def _csv(text: io.TextIOBase, mapping: Mapping, delimiter: str) -> Cells:
    csv.field_size_limit(min(_LONGEST_CELL, sys.maxsize))
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as exc:
        raise FatalError(f"the header cannot be read as CSV: {exc}") from exc
    if not header:
        raise FatalError("the file is empty: its first line must name the columns")
    if missing := sorted(mapping.named_columns() - set(header)):
        raise FatalError(
            f"the file has no column {', '.join(missing)}; its columns are {', '.join(header)}"
        )
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            yield line, f"not CSV: {exc}"
            continue
        if not values:
            continue
        if len(values) != len(header):
            yield line, f"{len(values)} cells where the header names {len(header)}"
            continue
        yield line, dict(zip(header, values, strict=True))


def _ndjson(text: io.TextIOBase) -> Cells:
    for line, content in enumerate(text, start=1):
        if not content.strip():
            continue
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError):
            yield line, "not JSON"
            continue
        yield line, parsed if isinstance(parsed, dict) else "not a JSON object"


def _row(
    line: int, position: int, cells: dict[str, Any], mapping: Mapping, seen: Counter[bytes]
) -> Row:
    touchpoint = _touchpoint(cells, mapping)
    if isinstance(touchpoint, str):
        return Row(line=line, position=position, problem=touchpoint)
    if "message_id" not in touchpoint:
        content = json.dumps(cells, sort_keys=True, ensure_ascii=True).encode()
        digest = blake2b(content, digest_size=16)
        seen[digest.digest()] += 1
        touchpoint["message_id"] = f"import-{digest.hexdigest()}-{seen[digest.digest()]}"
    return Row(line=line, position=position, touchpoint=touchpoint)


def _touchpoint(cells: dict[str, Any], mapping: Mapping) -> dict[str, Any] | str:
    found: dict[str, Any] = {}
    for name in FIELDS:
        value = _cell(cells, mapping.columns.get(name, name))
        if value is None:
            value = mapping.constants.get(name)
        if value is not None:
            found[name] = value
    for name in OBJECTS:
        if gathered := _gathered(cells, name, mapping.objects.get(name, {})):
            found[name] = gathered
    for name, kind in _NUMBERS.items():
        if isinstance(text := found.get(name), str):
            try:
                found[name] = kind(text)
            except ValueError:
                return f"{name} is not a number"
    if "event" not in found:
        return "no event name"
    event = str(found["event"])
    found["event"] = mapping.event_prefix + mapping.rename.get(event, event)
    return _with_time(found, cells, mapping)


def _with_time(
    found: dict[str, Any], cells: dict[str, Any], mapping: Mapping
) -> dict[str, Any] | str:
    names = (mapping.columns["occurred_at"],) if "occurred_at" in mapping.columns else TIME_NAMES
    written = next((cell for name in names if (cell := _cell(cells, name)) is not None), None)
    if written is None:
        return "no time"
    moment = import_time.instant(written, mapping.timezone, mapping.time_format, mapping.epoch)
    if moment is None:
        return "the time cannot be read; --time-format says how it is written"
    return found | {"occurred_at": moment.isoformat()}


def _gathered(cells: dict[str, Any], name: str, keys: dict[str, str]) -> dict[str, Any]:
    own = cells.get(name)
    gathered = dict(own) if isinstance(own, dict) else {}
    for key, column in keys.items():
        if (value := _cell(cells, column)) is not None:
            gathered[key] = value
    return gathered


def _cell(cells: dict[str, Any], column: str) -> Any:  # noqa: ANN401 - a JSON value
    """Value of a column, None if absent or empty; in NDJSON a dot steps into an object."""
    value = cells.get(column)
    if value is None and "." in column:
        value = cells
        for part in column.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    return None if value == "" else value
