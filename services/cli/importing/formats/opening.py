"""Opens a file of any supported format, compression and encoding."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile

from services.cli.importing.formats.cells import Format, OpenedFile, RawRow, Shape
from services.cli.importing.formats.tables import open_table
from services.cli.importing.formats.text import read_csv, read_ndjson
from shared.errors import FatalError

_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_CHUNK_BYTES = 1 << 20
_MOST_UNPACKED_BYTES = 8_000_000_000
"""Most bytes that a workbook or Parquet file in gzip is unpacked to, in a temporary file."""

_SUFFIXES = {
    ".csv": Format.CSV, ".tsv": Format.CSV, ".txt": Format.CSV, ".tab": Format.CSV,
    ".ndjson": Format.NDJSON, ".jsonl": Format.NDJSON, ".json": Format.NDJSON,
    ".xlsx": Format.XLSX, ".xlsm": Format.XLSX,
    ".parquet": Format.PARQUET, ".pq": Format.PARQUET,
}  # fmt: skip
_OLD = {".xls", ".xlsb", ".ods", ".numbers"}
_MAGIC = {b"PK\x03\x04": Format.XLSX, b"PAR1": Format.PARQUET}


def is_marked(path: Path) -> bool:
    """Whether a plain file begins with the byte order mark of UTF-8, as Excel needs it. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8


def format_of(path: Path, named: Format | None = None) -> Format:
    """Format of the file: `named`, else by the suffix without `.gz`, else CSV.

    Raises FatalError for an unsupported format, and for content of another format.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if named is None and suffix in _OLD:
        raise FatalError(f"{suffix} files are not read: save it as XLSX or CSV")
    form = named or _SUFFIXES.get(suffix, Format.CSV)
    with path.open("rb") as file:
        start = file.read(4)
    looks = _MAGIC.get(start)
    if looks is not None and looks is not form:
        raise FatalError(f"{path.name} is no {form} file; --format {looks} may read it")
    return form


def is_tab_separated(path: Path) -> bool:
    """Whether the suffix means tab-separated values."""
    return path.name.lower().removesuffix(".gz").endswith((".tsv", ".tab"))


@contextmanager
def open_file(path: Path, shape: Shape) -> Iterator[OpenedFile]:
    """Open the file. Opening and reading rows raise FatalError for an unreadable file, OSError."""
    with ExitStack() as stack:
        with _read_errors(path, shape):
            if shape.format in {Format.CSV, Format.NDJSON}:
                source = stack.enter_context(_text(path, shape))
            else:
                plain = stack.enter_context(_unpacked(path))
                source = stack.enter_context(open_table(plain, shape))
        yield replace(source, rows=_rows(source, path, shape))


def _rows(source: OpenedFile, path: Path, shape: Shape) -> Iterator[RawRow]:
    with _read_errors(path, shape):
        yield from source.rows


@contextmanager
def _read_errors(path: Path, shape: Shape) -> Iterator[None]:
    """Turns errors of decompression and decoding into FatalError."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
        raise FatalError(f"{path} is a damaged gzip file") from exc
    except UnicodeError as exc:
        wanted = shape.encoding or "UTF-8"
        raise FatalError(
            f"{path} is not {wanted} text; --encoding names what it is, e.g. windows-1252"
        ) from exc


@contextmanager
def _text(path: Path, shape: Shape) -> Iterator[OpenedFile]:
    total = path.stat().st_size
    with path.open("rb") as stored:
        stream = gzip.GzipFile(fileobj=stored) if _is_gzip(path) else stored
        start = stream.peek(2)[:2]
        encoding = shape.encoding or ("utf-16" if start in _UTF16_MARKS else "utf-8-sig")
        try:
            text = io.TextIOWrapper(stream, encoding=encoding, newline="")
        except LookupError as exc:
            raise FatalError(f"no encoding is called '{encoding}'; try windows-1252") from exc
        with text:
            if shape.format is Format.CSV:
                yield read_csv(text, stored, total, shape.delimiter, shape.header_row or 1)
            else:
                yield read_ndjson(text, stored, total)


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Path of the plain content: both readers must seek, which gzip cannot."""
    if not _is_gzip(path):
        yield path
        return
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    with NamedTemporaryFile(suffix=suffix) as plain:
        left = _MOST_UNPACKED_BYTES
        with gzip.open(path) as packed:
            while chunk := packed.read(_CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise FatalError(f"{path} holds more than {_MOST_UNPACKED_BYTES:,} bytes")
                plain.write(chunk)
        plain.flush()
        yield Path(plain.name)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP_MAGIC
