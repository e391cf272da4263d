"""Ids that a spreadsheet has rounded: 123456789012 shown, and saved, as 1.23457E+11. Pure.

Different ids become one that way, and no import could tell them apart again.
"""

import re

ID_FIELDS = frozenset(
    {
        "account_id", "user_id", "anonymous_id", "external_id", "account_external_id",
        "message_id",
    }
)  # fmt: skip

MANGLED_ID = "mangled_id"
"""Code of rows with such an id."""

_ROUNDED = re.compile(r"\s*[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{1,3}\s*")
_MOST_DIGITS = 10**15
"""A spreadsheet keeps fifteen digits of a number."""


def is_mangled(cell: object) -> bool:
    """Whether the cell of an id is a number that has lost digits."""
    match cell:
        case str():
            return _ROUNDED.fullmatch(cell) is not None
        case bool():
            return False
        case float():
            return abs(cell) >= _MOST_DIGITS
        case _:
            return False


def detail(field: str) -> str:
    """What to do about it."""
    return (
        f"the spreadsheet has rounded `{field}`: read its source again with the column as text (in Excel by"
        " Data, From Text), and export that"
    )
