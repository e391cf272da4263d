"""How this machine keeps up: what may be late by no fault of the service's.

A request is dated by its sender's clock and by the service's; whatever lies between them counts as an
error of the sender's clock. Where both processes wait for a core, that is seconds.
"""

from datetime import datetime, timedelta
from threading import Event, Thread
from time import monotonic
from typing import Self

from shared.clock import SystemClock

_STEP_SECONDS = 0.05
_HANDS = 10
"""A request passes through so many hands (tasks, threads, processes) that each may be kept waiting."""


class Pace:
    """Watches a clock beside the tests; of a machine that keeps up it notes next to nothing."""

    def __init__(self) -> None:
        """It begins by `with`."""
        self._late: list[tuple[datetime, float]] = []
        self._clock = SystemClock()
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="pace", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        is_over = False
        while not is_over:
            began = monotonic()
            is_over = self._stop.wait(_STEP_SECONDS)
            late = monotonic() - began - _STEP_SECONDS
            if late > _STEP_SECONDS:
                self._late.append((self._clock.now(), late))

    def leeway(self, tolerance: timedelta, *, since: datetime) -> timedelta:
        """`tolerance`, and what the longest pause since then may have added."""
        longest_seconds = max((late for at, late in self._late if at >= since), default=0.0)
        return tolerance + timedelta(seconds=_HANDS * longest_seconds)
