"""Time as an argument: the one place that reads the machine's clock.

Everything that decides takes `now` or a `Clock`; tests hand in a `ManualClock` and turn it.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> datetime:
        """Aware UTC instant, microsecond precision. May not block."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Read the machine's clock, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to; years of timers pass in a test's second."""

    def __init__(self, start: datetime) -> None:
        """Start at `start`, which must be aware."""
        self._now = start

    def now(self) -> datetime:
        """Tell the instant last set."""
        return self._now

    def set(self, instant: datetime) -> None:
        """Jump to `instant`, forwards or backwards."""
        self._now = instant

    def advance(self, by: timedelta) -> None:
        """Move by `by`."""
        self._now += by
