"""Values of the api's responses as cells of a table. Pure.

Names and texts come from senders: their control characters are replaced, and rich reads no markup in them.
"""

from datetime import UTC, datetime

from rich.text import Text

from services.cli.client.errors import printable
from shared.wording import counted

NONE = "-"

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400

_STYLES = {"stalled": "yellow", "warning": "yellow", "open": "yellow", "critical": "red"}


def text(value: str | None, style: str = "") -> Text:
    """A name or a sentence."""
    return Text(printable(value), style=style) if value else Text(NONE)


def state(value: str) -> Text:
    """A status or severity, coloured where it asks for attention."""
    return Text(printable(value), style=_STYLES.get(value, ""))


def instant(value: str | None) -> Text:
    """An instant in UTC to the minute; the header says UTC."""
    if value is None:
        return Text(NONE)
    return Text(f"{datetime.fromisoformat(value).astimezone(UTC):%Y-%m-%d %H:%M}")


def number(value: float | None) -> Text:
    """A number without an exponent or a decimal point that it does not need."""
    if value is None:
        return Text(NONE)
    return Text(f"{value:,.0f}" if value == round(value) else f"{value:,.2f}")


def duration(seconds: float | None) -> Text:
    """A length of time in the largest whole unit: 3 days, 5 hours, 12 minutes."""
    if seconds is None:
        return Text(NONE)
    for unit, noun in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= unit:
            return Text(counted(int(seconds // unit), noun))
    return Text(counted(int(seconds), "second"))
