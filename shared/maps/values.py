"""The scalar types of a map: keys, words, durations, numbers, each with its own error message.

A document keeps a duration as the author's text; `seconds_of` converts it.
"""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.contracts.names import cleaned

MAX_TEXT_CHARS = 4_000
MAX_WORD_CHARS = 255
"""The longest event name of the wire envelope."""

_UNIT_SECONDS = {
    "s": 1,
    "m": 60,
    "h": 3_600,
    "d": 86_400,
    "w": 7 * 86_400,
    "mo": 30 * 86_400,
    "y": 365 * 86_400,
}
_DURATION = re.compile(r"([1-9][0-9]{0,8})(s|m|h|d|w|mo|y)")
_DURATION_PATTERN = r"^[1-9][0-9]{0,8}(s|m|h|d|w|mo|y)$"
_MAX_DURATION_SECONDS = 100 * _UNIT_SECONDS["y"]
_UNITS = "units are s, m (minutes), h, d, w, mo (30 days), y (365 days)"
_SPELLED_OUT = re.compile(
    r"\s*(?P<count>[0-9]{1,9})\s*(?P<unit>s|m|h|d|w|mo|y)"
    r"(ec|ecs|econd|econds|in|ins|inute|inutes|r|rs|our|ours|ay|ays|eek|eeks|nth|nths|ear|ears)?\s*",
    re.IGNORECASE,
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def refuse(kind: str, message: str, hint: str | None = None) -> NoReturn:
    """Refuse a value with a message and a hint that `parse` returns unchanged."""
    # The message is passed as context: text of an author must never be used as a template.
    raise PydanticCustomError(kind, "{message}", {"message": message, "hint": hint})


def seconds_of(duration: str) -> int:
    """Seconds of a duration such as `14d`. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        msg = "not a duration"
        raise ValueError(msg)
    return int(match.group(1)) * _UNIT_SECONDS[match.group(2)]


def timedelta_of(duration: str) -> timedelta:
    """Length of a duration such as `14d`."""
    return timedelta(seconds=seconds_of(duration))


def _duration(value: object) -> object:
    if isinstance(value, int | float):
        example = f"{value}d" if isinstance(value, int) and 0 < value < 10**9 else "14d"
        refuse("duration", "a duration needs a unit", f"write for example `{example}`; {_UNITS}")
    if not isinstance(value, str):
        refuse("duration", "a duration is a number with a unit", f"write `14d`; {_UNITS}")
    if _DURATION.fullmatch(value) is None:
        spelled = _SPELLED_OUT.fullmatch(value)
        if spelled and int(spelled["count"]) > 0:
            hint = f"write `{int(spelled['count'])}{spelled['unit'].lower()}`; {_UNITS}"
        else:
            hint = f"write a whole number above zero with its unit, `14d`; {_UNITS}"
        refuse("duration", "this is not a duration", hint)
    if seconds_of(value) > _MAX_DURATION_SECONDS:
        refuse("duration", "longer than 100 years")
    return value


def _date(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    refuse("date", "this is not a date", "write year-month-day, `2027-03-31`")


def _word(value: str) -> str:
    if value != value.strip():
        refuse("word", "begins or ends with a space", "remove it")
    if "\n" in value or "\t" in value:
        refuse("word", "holds a line break or a tab", "write it on one line")
    return value


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse("number", "this is not a number", "write digits, without unit and quotes")
    return value


def _scalar(value: object) -> object:
    if value is None:
        refuse(
            "scalar", "there is nothing to compare with", "to ask whether it is set: {exists: true}"
        )
    if not isinstance(value, str | int | float | bool):
        refuse("scalar", "compare with text, a number, true or false")
    return value


def _ordered(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        refuse("ordered", "compare with a number or text", "text goes by its letters, dates too")
    return value


def _property_path(value: str) -> str:
    if not all(part.strip() for part in value.split(".")):
        refuse("path", "a part of the path is empty", "dots step into objects: `plan.name`")
    return value


def as_list(value: object) -> object:
    """Convert a single word to a list with one item."""
    return [value] if isinstance(value, str) else value


Duration = Annotated[
    str,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": _DURATION_PATTERN,
            "description": f"A whole number and its unit, e.g. 14d; {_UNITS}.",
            "examples": ["30m", "14d", "18mo"],
        }
    ),
]
Date = Annotated[date, BeforeValidator(_date)]
JourneyKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Word = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_WORD_CHARS), AfterValidator(_word)
]
EventName = Annotated[Word, AfterValidator(cleaned)]
"""The name of an event, in the form in which ingest stores it."""
Prose = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT_CHARS)]
PropertyPath = Annotated[Word, AfterValidator(_property_path)]
Number = Annotated[int | float, BeforeValidator(_number)]
Scalar = Annotated[str | bool | int | float, BeforeValidator(_scalar)]
Ordered = Annotated[str | int | float, BeforeValidator(_ordered)]
Count = Annotated[int, Field(ge=1, le=1_000)]
Words = Annotated[
    list[Word],
    Field(min_length=1, max_length=200),
    BeforeValidator(as_list, json_schema_input_type=Word | list[Word]),
]
EventNames = Annotated[
    list[EventName],
    Field(min_length=1, max_length=200),
    BeforeValidator(as_list, json_schema_input_type=EventName | list[EventName]),
]
AnyJson = Any
"""Stored unchanged; depth, size and characters were limited when the text was read."""
