"""Fields of a touchpoint as files fill them. The list is ingest's own, so it grows with ingest."""

import math
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import msgspec.inspect

from services.ingest.events.candidate import Candidate


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    FLAG = "flag"
    INSTANT = "instant"
    OBJECT = "object"


_LEFT_OUT = {"sent_at"}
"""The sender's clock, for live senders: a column of that name is when an e-mail went out."""

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
    assert isinstance(described, msgspec.inspect.StructType)  # noqa: S101 - what Candidate is
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
"""Every field that a file may fill -> what it holds."""

OBJECTS = tuple(field for field, kind in KINDS.items() if kind is Kind.OBJECT)
"""Fields that gather several columns, or come as an object in NDJSON and Parquet."""

FIELDS = tuple(field for field, kind in KINDS.items() if kind is not Kind.OBJECT)
"""Fields that one column fills; without options a column of that name does."""

_YES = frozenset({"true", "yes", "y", "1", "x"})
_NO = frozenset({"false", "no", "n", "0"})

_EXACT = 1 << 53
"""Below it every whole number is a float, and a float a whole number."""


def as_text(cell: object) -> str:
    """A cell as a CSV would hold it: 42.0 is 42, an instant has a space in it, nothing is empty."""
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


def fitted(field: str, cell: Any) -> Any:  # noqa: ANN401 - a JSON value
    """`cell` in the type of its field, where that can be told; else as it is, for ingest to judge.

    Ingest's own refusal then says what was expected, in the words of every other way in.
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
            return _number(cell)
        case _:
            return cell


def _number(cell: str | float) -> int | float | str:
    if isinstance(cell, str) and "_" in cell:
        return cell  # Python reads 1_000, nobody writes it into a file
    try:
        number = float(cell)
    except ValueError:
        return cell
    # JSON knows neither, and the encoder would quietly write null.
    if not math.isfinite(number):
        return str(cell)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number
