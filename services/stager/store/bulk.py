"""Many rows in one statement, sent as columns.

A column of text travels as one joined string that Postgres splits again: asyncpg's encoder makes two
abstract-class checks on each element of an array, which had been the largest part of the stager's own
time (docs/stager.md). The separator is random for each statement, so no data can hold it. Columns of
other types, and text that may be empty (`text[]`), travel as arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from services.stager.errors import DataRejected
from services.stager.store.rows import Row

_SPLIT = "string_to_array(${}, $1, substr($1, 2))"
"""What follows the separator's first character stands for NULL."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """A statement whose `$1` is the separator, followed by the columns, then further arguments.

    Without a joined column there is no separator, and the columns begin at `$1`.
    """

    sql: str
    is_text: tuple[bool, ...]

    def arguments(self, rows: Sequence[Row]) -> list[Any]:
        """Arguments of `sql` for `rows`, which are not empty."""
        separator = "\x1f" + token_hex(8)
        null = separator[1:]
        arguments: list[Any] = [separator] if True in self.is_text else []
        for is_text, values in zip(self.is_text, zip(*rows, strict=True), strict=True):
            if not is_text:
                arguments.append(values)
                continue
            try:
                joined = separator.join(values)
            except TypeError:
                joined = separator.join([null if value is None else value for value in values])
            if not joined:
                raise DataRejected("an empty text where none can be")
            arguments.append(joined)
        return arguments


def bulk(sql: str, *types: str) -> Bulk:
    """A statement over `{rows}`, whose columns have the given types."""
    columns = [
        _SPLIT.format(at)
        if kind == "text"
        else f"${at}::{kind}"
        if kind.endswith("[]")
        else f"${at}::{kind}[]"
        for at, kind in enumerate(types, start=2 if "text" in types else 1)
    ]
    rows = f"unnest({', '.join(columns)})"
    return Bulk(sql.replace("{rows}", rows), tuple(kind == "text" for kind in types))
