"""Instants as senders write them: ISO 8601, or counts since 1970 as numbers or as text of digits. Pure."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
"""Upper bound of a count and its unit in microseconds: seconds, milliseconds, microseconds. Below 1e11
seconds lies the year 5138; a count of milliseconds is that small only before 1973."""
_MOST_NANOSECONDS = 1e19
"""The year 2286."""

_COUNT = re.compile(r"(\d{9,19})(\.\d{1,9})?", re.ASCII)
"""Fewer digits may be a date (20241231)."""
_COMPACT = re.compile(r"(?:19|20|21)\d{12}", re.ASCII)
"""YYYYMMDDhhmmss; as a count of milliseconds it would lie beyond the year 2500."""


def instant(value: object, zone: tzinfo = UTC) -> datetime | None:
    """Instant of a text or a number, or None when it is none. `zone`: of a time without an offset."""
    try:
        if isinstance(value, str):
            return _of_text(value.strip(), zone)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _of_number(value, zone)
    except (ValueError, OverflowError):
        pass
    return None


def _of_text(text: str, zone: tzinfo) -> datetime:
    # Before ISO 8601, whose basic form takes thirteen digits for a day and an hour.
    count = None if text[4:5] == "-" else _COUNT.fullmatch(text)
    if count is not None:
        return _of_number(float(text) if count[2] else int(text), zone)
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)


def _of_number(number: float, zone: tzinfo) -> datetime:
    """Raises ValueError or OverflowError for a number that is no instant."""
    if isinstance(number, int) and _COMPACT.fullmatch(digits := str(number)):
        written = datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}")
        return written.replace(tzinfo=zone).astimezone(UTC)
    size = abs(number)
    for bound, microseconds in _UNITS:
        if size < bound:
            return _EPOCH + timedelta(microseconds=round(number * microseconds))
    if size < _MOST_NANOSECONDS:
        return _EPOCH + timedelta(microseconds=number // 1_000)
    raise ValueError
