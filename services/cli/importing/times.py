"""Parses the times of a file into instants."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.ingest.events import instants
from shared.contracts.names import cleaned

Epoch = Literal["auto", "seconds", "milliseconds", "microseconds"]
"""Unit of times that are plain numbers; `auto`: by their magnitude, as for the other ways in."""

_UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}

_LEAST_DIGITS = 9
"""Fewest digits of a number that `auto` reads as a count since 1970: fewer may be a date (20241231), or
the days that a spreadsheet counts where a cell has no date format."""

_ZONE = "%Z"
_NAME = re.compile(r"[A-Za-z][A-Za-z_]*(?:/[A-Za-z0-9_+-]+)*")
_HOURS = {
    "UTC": 0, "GMT": 0, "UT": 0, "Z": 0,
    "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
"""Names of zones that mean one offset: those of Europe, and those of North America as RFC 2822 has them."""


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
                return _from_number(value, epoch)
            case _:
                if isinstance(value, float) and value.is_integer():
                    value = int(value)
                return _from_text(cleaned(str(value)), timezone, forms, epoch)
    except (ValueError, OverflowError):
        return None


def joined(cells: Sequence[object]) -> object:
    """The cells of a date and of a time as one; None where there is no value in any of them."""
    written = [each for each in cells if each is not None and each != ""]
    if len(written) < 2:  # noqa: PLR2004 - one alone needs no joining
        return written[0] if written else None
    first = written[0]
    day = first.date() if isinstance(first, datetime) else first
    if isinstance(day, date):
        # A workbook has types where a CSV has text, and no format is meant for these.
        with suppress(ValueError):
            return datetime.combine(day, time.fromisoformat(cleaned(str(written[1]))))
    return " ".join(cleaned(str(each)) for each in (day, *written[1:]))


def _from_text(
    text: str, timezone: ZoneInfo, forms: Sequence[str], epoch: Epoch
) -> datetime | None:
    for form in forms:
        with suppress(ValueError):
            return _in_utc(_by_form(text, form), timezone)
    if forms:
        return None
    is_number = text.replace(".", "", 1).isdecimal()
    if is_number and (epoch != "auto" or len(text.partition(".")[0]) >= _LEAST_DIGITS):
        return _from_number(float(text) if "." in text else int(text), epoch, timezone)
    return _in_utc(datetime.fromisoformat(text), timezone)


def _by_form(text: str, form: str) -> datetime:
    """Raises ValueError where the text has another form.

    `%Z` is read here: `strptime` takes UTC, GMT and the names of the machine's own zone, and drops all.
    """
    if _ZONE not in form:
        return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is added by the caller
    for match in _NAME.finditer(text):
        zone = _zone(match[0])
        if zone is not None:
            rest = text[: match.start()] + text[match.end() :]
            return datetime.strptime(rest, form.replace(_ZONE, "")).replace(tzinfo=zone)
    raise ValueError(text)


def _zone(name: str) -> tzinfo | None:
    hours = _HOURS.get(name.upper())
    if hours is not None:
        return timezone(timedelta(hours=hours))
    if "/" not in name:
        return None
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(name)
    return None


def _in_utc(moment: datetime, timezone: ZoneInfo) -> datetime:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone)
    return aware.astimezone(UTC)


def _from_number(number: float, epoch: Epoch, timezone: ZoneInfo | None = None) -> datetime | None:
    if epoch == "auto":
        whole = int(number)
        return instants.instant(whole if whole == number else number, timezone or UTC)
    try:
        return datetime.fromtimestamp(number / _UNITS[epoch], UTC)
    except (ValueError, OverflowError, OSError):
        return None
