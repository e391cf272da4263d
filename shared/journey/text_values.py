"""Text that is exactly a number, a truth value or an instant, as CRMs, forms and files write them. Pure."""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
"""As JSON writes it: no blanks, no leading zeros, no separators of thousands."""
_TRUTHS = {"true": True, "false": False}
_LONGEST_TRUTH = 5

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COUNT = re.compile(r"[0-9]{9,17}")
"""Fewer digits may be a date or a year."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1))
"""Upper bound of a count since 1970 and its unit in microseconds: seconds, milliseconds, microseconds."""

Moment = str | datetime
"""A day as year-month-day, or an instant."""


def number_in(text: str) -> int | float | None:
    """The number that the text is; None for any other text."""
    if _NUMBER.fullmatch(text) is None:
        return None
    if text.lstrip("-").isdecimal():
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else None


def truth_in(text: str) -> bool | None:
    """True or False for a text that is one of the words, in any case."""
    return _TRUTHS.get(text.lower()) if len(text) <= _LONGEST_TRUTH else None


def moment_of(operand: str) -> Moment | None:
    """The day or the instant that a map asks for; None for any other text."""
    try:
        if _DAY.fullmatch(operand):
            return date.fromisoformat(operand).isoformat()
        # An instant names its day in full and has its offset.
        if _DAY.match(operand):
            written = datetime.fromisoformat(operand)
            return written if written.tzinfo is not None else None
    except ValueError:
        pass
    return None


def counted_moment(like: Moment) -> Callable[[Any], Any]:
    """Reader of counts since 1970, as number or text, as a day or an instant like `like`; else None."""
    is_day = isinstance(like, str)

    def read(value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if type(value) is str:
            if _COUNT.fullmatch(value) is None:
                return None
            value = int(value)
        elif type(value) not in (int, float) or not 10**8 <= value < 10**17:
            return None
        unit = next((unit for bound, unit in _UNITS if value < bound), 1)
        at = _EPOCH + timedelta(microseconds=round(value * unit))
        return at.date().isoformat() if is_day else at

    return read
