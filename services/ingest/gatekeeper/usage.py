"""How much of its day's quota a source has used. Pure: day and totals are given.

Counted here at once, and by all processes together as far as the database has been told: so one
process keeps a quota to the request, and several keep it to the events of some seconds.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.ingest.gatekeeper.rates import MAX_WAIT_SECONDS
from shared.sources.source import Usage


@dataclass(slots=True)
class _Day:
    day: date
    counted: int = 0
    """By this process."""
    counted_at_read: int = 0
    """Of these, what the total that was last read may hold."""
    generation: int = -1


class DailyCounts:
    """Events accepted today, of sources that have a quota."""

    def __init__(self) -> None:
        self._days: dict[str, _Day] = {}

    def used(self, source_id: str, day: date, *, read: Usage | None, generation: int) -> int:
        """Events of `day` so far. `read` is what the database said at the read `generation`."""
        own = self._of(source_id, day)
        if own.generation != generation:
            own.generation, own.counted_at_read = generation, own.counted
        total = read.accepted if read is not None and read.day == day else 0
        return max(own.counted, total + own.counted - own.counted_at_read)

    def add(self, source_id: str, day: date, events: int) -> None:
        """Count what was accepted."""
        self._of(source_id, day).counted += events

    def _of(self, source_id: str, day: date) -> _Day:
        own = self._days.get(source_id)
        # A request that began before midnight is counted after it on neither day: it is one request.
        if own is None or own.day < day:
            own = self._days[source_id] = _Day(day)
        return own


def seconds_to_midnight(now: datetime) -> int:
    """Whole seconds until the UTC day of `now` ends, at most as long as anybody is asked to wait."""
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
    return min(MAX_WAIT_SECONDS, int((midnight - now).total_seconds()) + 1)
