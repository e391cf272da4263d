"""Daily quotas: accepted events of a source on a UTC day. Pure: day and totals are arguments.

The count is this process's own, plus what the other processes have reported to the database. One process
keeps a quota exactly; several may exceed it by the events of some seconds.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.ingest.gatekeeper.rates import MAX_WAIT_SECONDS
from shared.sources.source import DailyUsage


@dataclass(slots=True)
class _Day:
    day: date
    counted: int = 0
    """Events counted by this process."""
    counted_at_read: int = 0
    """Value of `counted` at the last read: the total that was read may include them."""
    generation: int = -1


class DailyCounts:
    """Events accepted today, of sources with a quota."""

    def __init__(self) -> None:
        self._days: dict[str, _Day] = {}

    def used(self, source_id: str, day: date, *, read: DailyUsage | None, generation: int) -> int:
        """Events of `day` so far. `read` is the database's total as of read number `generation`."""
        own = self._of(source_id, day)
        if own.generation != generation:
            own.generation, own.counted_at_read = generation, own.counted
        total = read.accepted if read is not None and read.day == day else 0
        return max(own.counted, total + own.counted - own.counted_at_read)

    def add(self, source_id: str, day: date, events: int) -> None:
        """Count accepted events."""
        self._of(source_id, day).counted += events

    def _of(self, source_id: str, day: date) -> _Day:
        own = self._days.get(source_id)
        # Only ever forward: a request that began before midnight and ends after it counts on the new day.
        if own is None or own.day < day:
            own = self._days[source_id] = _Day(day)
        return own


def seconds_to_midnight(now: datetime) -> int:
    """Whole seconds until the UTC day of `now` ends, at most the longest Retry-After."""
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
    return min(MAX_WAIT_SECONDS, int((midnight - now).total_seconds()) + 1)
