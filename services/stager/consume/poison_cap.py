"""The poison cap: a log that is nearly all poison stops the stager instead of being drained. Pure."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import NamedTuple

_LEAST_SHARE_OF_OTHERS = 0.1
"""Share of the window below which the other sources say too little about a release."""


class Verdict(NamedTuple):
    """What became of one record."""

    is_poison: bool
    source: str = ""
    """Id of the source that sent the record; empty where its bytes hold none."""


class PoisonCap:
    """Looks at the newest `window` records; trips when more than `ratio` of them are poison.

    The source with the most poison is left out: what one sender sends may not stop the stages of the
    others. Records whose source is unknown have no sender that could be at fault, so they always count. It
    cannot trip before `window` records have been seen. After a trip its window is incomplete: the process
    stops.
    """

    def __init__(self, *, window: int, ratio: float) -> None:
        self._recent: deque[Verdict] = deque(maxlen=window)
        self._poisoned = 0
        self._window = window
        self._ratio = ratio

    def copy(self) -> "PoisonCap":
        """A copy, to test records without adding them to the window."""
        twin = PoisonCap(window=self._window, ratio=self._ratio)
        twin._recent.extend(self._recent)
        twin._poisoned = self._poisoned
        return twin

    def trips(self, verdicts: Iterable[Verdict]) -> bool:
        """Add records in their order; whether the cap was exceeded at any of them."""
        recent, limit = self._recent, self._window * self._ratio
        for verdict in verdicts:
            if len(recent) == self._window:
                self._poisoned -= recent[0].is_poison
            recent.append(verdict)
            self._poisoned += verdict.is_poison
            if (
                verdict.is_poison
                and len(recent) == self._window
                and self._poisoned > limit
                and self._is_spread()
            ):
                return True
        return False

    def _is_spread(self) -> bool:
        """Whether the cap is exceeded without the source that has the most poison."""
        poisoned = Counter(each.source for each in self._recent if each.is_poison)
        named = [(number, source) for source, number in poisoned.items() if source]
        if not named:
            return True
        most, worst = max(named)
        others = sum(each.source != worst for each in self._recent)
        return (
            others >= self._window * _LEAST_SHARE_OF_OTHERS
            and self._poisoned - most > others * self._ratio
        )
