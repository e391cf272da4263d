"""Instants as SDKs write them: ISO 8601, or epoch numbers of seconds or milliseconds. Pure."""

from datetime import UTC, datetime

_SECONDS_IN_MILLISECONDS = 1e11
"""An epoch number above this (year 5138 in seconds) is in milliseconds, as JavaScript sends it."""


def instant(value: object) -> datetime | None:
    """Instant of a string or an epoch number, or None when it is none."""
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value.strip())
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= _SECONDS_IN_MILLISECONDS else value
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
