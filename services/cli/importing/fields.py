"""Fields of a touchpoint that a file can fill, derived from ingest's own type."""

import math
import re
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec.inspect

from services.ingest.events.candidate import Candidate


class Kind(StrEnum):
    """Type of a field."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    FLAG = "flag"
    INSTANT = "instant"
    OBJECT = "object"


_LEFT_OUT = {"sent_at", "sequence", "import_id"}
"""The sender's clock, for live senders; the row's place in the file, and the id of the import. A column of
such a name is a fact of the event."""

_KINDS: dict[type[msgspec.inspect.Type], Kind] = {
    msgspec.inspect.StrType: Kind.TEXT,
    msgspec.inspect.LiteralType: Kind.TEXT,
    msgspec.inspect.BoolType: Kind.FLAG,
    msgspec.inspect.IntType: Kind.WHOLE,
    msgspec.inspect.FloatType: Kind.NUMBER,
    msgspec.inspect.DateTimeType: Kind.INSTANT,
    msgspec.inspect.DictType: Kind.OBJECT,
    msgspec.inspect.StructType: Kind.OBJECT,
}


def _kinds() -> dict[str, Kind]:
    described = msgspec.inspect.type_info(Candidate)
    assert isinstance(described, msgspec.inspect.StructType)  # noqa: S101 - Candidate is a struct
    return {
        field.encode_name: _kind(field.type)
        for field in described.fields
        if field.encode_name not in _LEFT_OUT
    }


def _kind(described: msgspec.inspect.Type) -> Kind:
    if isinstance(described, msgspec.inspect.UnionType):
        return next(
            _kind(one) for one in described.types if not isinstance(one, msgspec.inspect.NoneType)
        )
    if isinstance(described, msgspec.inspect.Metadata):
        return _kind(described.type)
    return _KINDS[type(described)]


KINDS = _kinds()
"""Every field that a file may fill -> its type."""

OBJECTS = tuple(field for field, kind in KINDS.items() if kind is Kind.OBJECT)
"""Fields made of several columns, or of an object in NDJSON and Parquet."""

FIELDS = tuple(field for field, kind in KINDS.items() if kind is not Kind.OBJECT)
"""Fields made of one column; without options, of the column of that name."""

_YES = frozenset({"true", "yes", "y", "1", "x"})
_NO = frozenset({"false", "no", "n", "0"})

_EXACT = 1 << 53
"""Below it, a float holds every whole number exactly."""


def as_text(cell: object) -> str:
    """A cell as text of a CSV: 42.0 becomes 42, an instant has a space, None is empty."""
    match cell:
        case None:
            return ""
        case str():
            return cell
        case bool():
            return "true" if cell else "false"
        case float() if cell.is_integer():
            return str(int(cell))
        case _:
            return str(cell)


Decimal = Literal[".", ","]
"""Character before the decimals of a number in text."""

_WITH_COMMA = re.compile(r"[-+]?(\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?")
_CURRENCY = re.compile(r"^(?:€|EUR)\s*|\s*(?:€|EUR)$")


def fitted(field: str, cell: Any, decimal: Decimal = ".") -> Any:  # noqa: ANN401 - a JSON value
    """`cell` converted to the type of its field; unchanged where that is not possible.

    With a decimal comma, points group thousands, and the sign of the euro may stand beside the number.
    Ingest's own refusal then says what was expected, as for every other way in.
    """
    match KINDS[field]:
        case Kind.TEXT if isinstance(cell, bool | int | float | date | datetime):
            return as_text(cell)
        case Kind.FLAG if isinstance(cell, str | int | float):
            word = as_text(cell).strip().lower()
            return True if word in _YES else False if word in _NO else cell
        case Kind.NUMBER | Kind.WHOLE if isinstance(cell, str | float) and not isinstance(
            cell, bool
        ):
            if decimal == "." or isinstance(cell, float):
                return _number(cell)
            with_point = _with_point(cell)
            return cell if with_point is None else _number(with_point)
        case _:
            return cell


def _with_point(cell: str) -> str | None:
    """`-1.234,50 €` as `-1234.50`; None for what is no number with a decimal comma, like 1.5."""
    text = _CURRENCY.sub("", cell.strip())
    if not _WITH_COMMA.fullmatch(text):
        return None
    return text.replace(".", "").replace(",", ".")


def _number(cell: str | float) -> int | float | str:
    if isinstance(cell, str) and "_" in cell:
        return cell  # float() reads 1_000, which is no number in a file
    try:
        number = float(cell)
    except ValueError:
        return cell
    # JSON has neither infinity nor NaN, and the encoder would write null.
    if not math.isfinite(number):
        return str(cell)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number
