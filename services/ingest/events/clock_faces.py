"""What a clock shows in other digits and in the years of other calendars. Pure.

Programs that format times in the language of their user write Arabic, Persian or Devanagari digits, and years
of the Persian, Islamic, Japanese or Minguo calendar. What such a clock shows is no instant; but two
readings of one clock tell how long ago something happened, as those of any wrong clock do. So they are
counted as days by the months of their calendar, and left in its own years: far before any event.
"""

import re
import unicodedata
from datetime import UTC, date, datetime

from services.ingest.events.instants import instant

_MOST_CHARS = 64
_DATE = re.compile(r"(\d{1,4})-(\d{1,2})-(\d{1,2})(?=[Tt ])", re.ASCII)
_PERSIAN = range(1300, 1430)
_ISLAMIC = range(1430, 1500)
"""Years of today: the Persian year 1400 began in 2021, the Islamic year 1430 in 2008."""
_GREGORIAN = range(1500, 2200)
_MONTHS, _MOST_DAYS = 12, 31


def with_ascii_digits(text: str) -> str:
    """`text` with 0 to 9 for the digits of other scripts, and without marks of writing direction."""
    if text.isascii() or len(text) > _MOST_CHARS:
        return text
    return "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char
        for char in text
        if unicodedata.category(char) != "Cf"
    )


def reading(value: object) -> datetime | None:
    """What the clock of an SDK's user shows: an `instant`, else what is `shown`; None where it is neither."""
    if not isinstance(value, str):
        return instant(value)
    text = with_ascii_digits(value.strip())
    moment = instant(text)
    if moment is None or _has_other_months(moment):
        return shown(text) or moment
    return moment


def _has_other_months(moment: datetime) -> bool:
    return moment.year in _PERSIAN or moment.year in _ISLAMIC


def shown(text: str) -> datetime | None:
    """What a clock shows that writes ISO 8601 in another calendar, or None.

    Only differences to another reading mean something. Off by a day where one of the two lies in another
    year. A day that its month does not have in our calendar counts on into the next month.
    """
    match = None if len(text) > _MOST_CHARS else _DATE.match(text)
    if match is None:
        return None
    year, month, day = map(int, match.groups())
    if year in _GREGORIAN or not 1 <= month <= _MONTHS or not 1 <= day <= _MOST_DAYS:
        return None
    try:
        moved = date.fromordinal(_days(year, month, day))
        moment = datetime.fromisoformat(moved.isoformat() + text[match.end() :])
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _days(year: int, month: int, day: int) -> int:
    """Number of a day in a count without gaps, which keeps it in about its year."""
    if year in _PERSIAN:
        # Six months of 31 days, then months of 30; eight leap years in 33.
        before = 31 * (month - 1) - max(0, month - 7)
        return 365 * year + 8 * year // 33 + before + day
    if year in _ISLAMIC:
        # Months of 30 and 29 days in turn; eleven leap years in 30.
        return 354 * year + 11 * year // 30 + 29 * (month - 1) + month // 2 + day
    return date(year, month, 1).toordinal() + day - 1
