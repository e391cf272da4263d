"""Whether a file runs newest first, as its first rows tell. Pure.

Rows of one time happened in the order of the file, or in the reverse order if the file begins with the
newest. What counts is whether time goes back from row to row of one account or person; where no two rows
tell, from row to row of the file.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

SAMPLE_ROWS = 500
"""Rows that are looked at; they are held in memory at once."""

_LEAST_STEPS = 3
"""Steps between rows of different accounts that tell: one or two may be chance."""
_MOST_FORWARD = 0.1
"""Part of the steps that may go forward in a file that runs newest first."""
_SUBJECTS = ("account_external_id", "account_id", "user_id", "email", "external_id", "anonymous_id")


def runs_newest_first(touchpoints: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the first rows of a file, as touchpoints, run newest first."""
    overall, within = _Steps(), _Steps()
    newest: datetime | None = None
    by_subject: dict[object, datetime] = {}
    for each in touchpoints:
        at = datetime.fromisoformat(each["occurred_at"])
        subject = next((each[name] for name in _SUBJECTS if each.get(name)), None)
        overall.add(newest, at)
        within.add(by_subject.get(subject), at)
        newest = by_subject[subject] = at
    return within.go_back(least=1) or (within.number == 0 and overall.go_back(least=_LEAST_STEPS))


class _Steps:
    """Steps from one time to another."""

    def __init__(self) -> None:
        self._back = self._forward = 0

    @property
    def number(self) -> int:
        return self._back + self._forward

    def add(self, before: datetime | None, at: datetime) -> None:
        if before is not None:
            self._back += at < before
            self._forward += at > before

    def go_back(self, *, least: int) -> bool:
        """Whether there are `least` steps, and all but a few of them go back."""
        return self._back >= least and self._forward <= _MOST_FORWARD * self.number
