"""Time as an argument: the one place that reads the machine's clock.

Code that decides has a parameter `now` or a `Clock`; tests pass a `ManualClock`.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Source of the current instant."""

    def now(self) -> datetime:
        """Aware UTC instant, microsecond precision. May not block."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Read the machine's clock, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only by `set` and `advance`, so that a test can pass years of timers."""

    def __init__(self, start: datetime) -> None:
        """Start at `start`, which must be aware."""
        self._now = start

    def now(self) -> datetime:
        """The instant last set."""
        return self._now

    def set(self, instant: datetime) -> None:
        """Jump to `instant`, forwards or backwards."""
        self._now = instant

    def advance(self, by: timedelta) -> None:
        """Move by `by`."""
        self._now += by
