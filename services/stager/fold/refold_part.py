"""Re-folds the part of a long history that late events can change, from a snapshot on.

The fold begins at the newest snapshot before the first late event, and ends where it agrees with a later
snapshot that has all late events behind it, or else at the end of the history. The rows are those of a
fold of the whole history.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime

from services.stager.fold.decoding import decoded
from services.stager.fold.fold_subject import FoldOutput, is_late
from services.stager.fold.history_fold import HistoryFold
from services.stager.fold.late_members import late_members
from services.stager.fold.refold_task import MemberChanges, RefoldTask, engine_faults
from services.stager.fold.replace_history import StoredRows, replace_history
from services.stager.fold.snapshots import are_kept, fits
from services.stager.identity.names import Key
from services.stager.store import histories, read
from services.stager.store.session import Connection
from services.stager.subjects.subject import Snapshot
from shared.journey.model import Touchpoint


async def refold_part(
    connection: Connection,
    key: Key,
    task: RefoldTask,
    output: FoldOutput,
    *,
    members: MemberChanges,
) -> bool:
    """Fold `task.events` into the history of `key`; False, and nothing done, if there is nothing to go by.

    Adds to `output` and `members`. Raises FoldFailed.
    """
    subject, journeys = task.subject, task.mode.journeys
    names = {compiled.journey.key for compiled in journeys}
    if subject.states.keys() != names or not are_kept(subject):
        return False
    instants = await histories.snapshot_instants(connection, key)
    place = bisect_left(instants, task.events[0].occurred_at)
    start: Snapshot | None = None
    if place > 0:
        start = await histories.snapshot(connection, key, instants[place - 1])
        if start is None or not fits(start, journeys):
            return False
    elif not instants:
        return False
    fold = HistoryFold(journeys, start, output.snapshot_every)
    await _Part(connection, key, task).fold(fold, instants[place:])
    with engine_faults():
        fold.finish(output.now)
    numbers = {each.compiled.journey.key: each.start.sequence for each in fold.journeys}
    stored = StoredRows(
        transitions=await histories.transitions_after(connection, key, numbers),
        alerts=await read.alerts(connection, [key]),
    )
    last = task.events[-1].order
    with engine_faults():
        replace_history(
            key,
            subject,
            fold,
            touchpoints=subject.touchpoints + len(task.events),
            last=last if subject.last is None else max(last, subject.last),
            merged_into=task.mode.merged_into,
            stored=stored,
            reason=task.reason,
            output=output,
        )
    await late_members(connection, key, task, members)
    return True


class _Part:
    """Reads the history of a subject from one snapshot to the next."""

    def __init__(
        self,
        connection: Connection,
        key: Key,
        task: RefoldTask,
    ) -> None:
        self._connection = connection
        self._key = key
        self._subject = task.subject
        late = [event for event in task.events if is_late(task.subject, event)]
        self._newer = task.events[len(late) :]
        """Events after everything that is stored."""
        self._late_until = late[-1].occurred_at

    async def fold(self, fold: HistoryFold, later: Sequence[datetime]) -> None:
        """Fold the history from the start of `fold` on; `later`: instants of the snapshots after it."""
        connection, key = self._connection, self._key
        after = fold.start_at
        for until in [*later, None]:
            rows = await histories.between(connection, key, after=after, until=until)
            await _add(fold, await decoded(rows))
            if until is None:
                return
            stored = None
            if until >= self._late_until:
                stored = await histories.snapshot(connection, key, until)
            with engine_faults():
                is_same = fold.is_same_at(until, stored)
            if is_same:
                fold.skip(until, self._subject)
                await _add(fold, self._newer)
                return
            after = until


async def _add(fold: HistoryFold, touchpoints: Sequence[Touchpoint]) -> None:
    with engine_faults():
        for _ in fold.add(touchpoints):
            await asyncio.sleep(0)
