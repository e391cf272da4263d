"""Parses the times of a file into instants."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

Epoch = Literal["auto", "seconds", "milliseconds", "microseconds"]
"""Unit of times that are plain numbers; `auto`: by their magnitude."""

_UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
_AUTO = ((1e11, "seconds"), (1e14, "milliseconds"), (1e17, "microseconds"))
"""Below 1e11 seconds lies the year 5138; a count of milliseconds is that small only before 1973."""

_LEAST_DIGITS = 9
"""Fewest digits of a number that `auto` reads as a count since 1970: fewer may be a date (20241231), or
the days that a spreadsheet counts where a cell has no date format."""


def instant(
    value: object, timezone: ZoneInfo, forms: Sequence[str], epoch: Epoch
) -> datetime | None:
    """UTC instant of a cell, or None when it cannot be read.

    A time without zone is in `timezone`; in an hour that occurs twice, the first. Of several `forms` the
    first that fits counts. A cell of type date or time (spreadsheet, Parquet) is converted without them.
    """
    try:
        match value:
            case bool() | None:
                return None
            case datetime():
                return _in_utc(value, timezone)
            case date():
                return _in_utc(datetime.combine(value, time.min), timezone)
            case int() | float() if epoch != "auto" or value >= 10 ** (_LEAST_DIGITS - 1):
                return _from_number(float(value), epoch)
            case _:
                if isinstance(value, float) and value.is_integer():
                    value = int(value)
                return _from_text(str(value).strip(), timezone, forms, epoch)
    except (ValueError, OverflowError):
        return None


def _from_text(
    text: str, timezone: ZoneInfo, forms: Sequence[str], epoch: Epoch
) -> datetime | None:
    for form in forms:
        with suppress(ValueError):
            return _in_utc(datetime.strptime(text, form), timezone)  # noqa: DTZ007 - zone is next
    if forms:
        return None
    is_number = text.replace(".", "", 1).isdigit()
    if is_number and (epoch != "auto" or len(text.partition(".")[0]) >= _LEAST_DIGITS):
        return _from_number(float(text), epoch)
    return _in_utc(datetime.fromisoformat(text), timezone)


def _in_utc(moment: datetime, timezone: ZoneInfo) -> datetime:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone)
    return aware.astimezone(UTC)


def _from_number(number: float, epoch: Epoch) -> datetime | None:
    unit = epoch if epoch != "auto" else next((u for top, u in _AUTO if number < top), None)
    if unit is None:
        return None
    try:
        return datetime.fromtimestamp(number / _UNITS[unit], UTC)
    except (ValueError, OverflowError, OSError):
        return None
