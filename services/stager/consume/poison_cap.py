"""The poison cap: a log that is nearly all poison stops the stager instead of being drained. Pure."""

from collections import deque
from collections.abc import Iterable


class PoisonCap:
    """Looks at the newest `window` records; trips when more than `ratio` of them are poison.

    It cannot trip before `window` records have been seen. After a trip its window is incomplete: the
    process stops.
    """

    def __init__(self, *, window: int, ratio: float) -> None:
        self._recent: deque[bool] = deque(maxlen=window)
        self._poisoned = 0
        self._window = window
        self._limit = window * ratio

    def copy(self) -> "PoisonCap":
        """A copy, to test records without adding them to the window."""
        twin = PoisonCap(window=self._window, ratio=self._limit / self._window)
        twin._recent.extend(self._recent)
        twin._poisoned = self._poisoned
        return twin

    def trips(self, verdicts: Iterable[bool]) -> bool:
        """Add records in their order, True for poison; whether the cap was exceeded at any of them."""
        recent = self._recent
        for is_poison in verdicts:
            if len(recent) == self._window:
                self._poisoned -= recent[0]
            recent.append(is_poison)
            self._poisoned += is_poison
            if is_poison and len(recent) == self._window and self._poisoned > self._limit:
                return True
        return False
