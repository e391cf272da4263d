"""Counts distinct values exactly in bounded memory: a temporary SQLite file holds what does not fit."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from shared.errors import FatalError

_MOST_PENDING = 32_768
"""Texts in memory: a file with fewer distinct ones touches no disk. A batch of them is inserted in key
order, so that neighbours share a page; SQLite's own cache of pages is 2 MB."""

_TABLE = "CREATE TABLE seen (value TEXT PRIMARY KEY) WITHOUT ROWID"


class DistinctCounter:
    """Counts distinct texts. A context manager; the temporary file ends with the context.

    SQLite opens a database without a name in a file that it unlinks at once, so that the file
    disappears also with a process that is killed. Folder: SQLITE_TMPDIR, TMPDIR, else /var/tmp.
    """

    def __init__(self) -> None:
        self._pending: set[str] = set()
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._database is not None:
            self._database.close()

    def add(self, text: str) -> None:
        """Count `text` if it is new. May block for the disk; raises FatalError when that is full."""
        self._pending.add(text)
        if len(self._pending) >= _MOST_PENDING:
            self._store()

    def count(self) -> int:
        """How many distinct texts were added. Reads the whole file; raises FatalError like `add`."""
        if self._database is None:
            return len(self._pending)
        self._store()
        with _errors_as_fatal():
            return int(self._database.execute("SELECT count(*) FROM seen").fetchone()[0])

    def _store(self) -> None:
        with _errors_as_fatal():
            if self._database is None:
                self._database = sqlite3.connect("", isolation_level=None)
                self._database.execute("PRAGMA journal_mode = OFF")
                self._database.execute(_TABLE)
                # Never committed: pages are written when the cache is full, and only then.
                self._database.execute("BEGIN")
            rows = [(text,) for text in sorted(self._pending)]
            self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?)", rows)
        self._pending.clear()


@contextmanager
def _errors_as_fatal() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        raise FatalError(f"a temporary file for distinct names cannot be used: {exc}") from exc
