"""Re-folds subjects: late events, merges, erasures, new map versions.

Late events of a long history go the short way of `refold_part`. All else reads whole histories, in chunks
bounded by the number of touchpoints, which bounds memory. Both yield to the event loop every few
milliseconds, so that heartbeats and other transactions go on meanwhile.
"""

import asyncio
from collections.abc import Iterator, Mapping

from services.stager.fold.decoding import decoded
from services.stager.fold.fold_subject import FoldOutput
from services.stager.fold.history_fold import HistoryFold
from services.stager.fold.refold_part import refold_part
from services.stager.fold.refold_task import (
    MemberChanges,
    RefoldTask,
    SubjectsByPerson,
    engine_faults,
)
from services.stager.fold.replace_history import StoredRows, replace_history
from services.stager.identity.names import Key
from services.stager.store import read
from services.stager.store.rows import StoredTouchpoint
from services.stager.store.session import Connection
from services.stager.subjects.subject import Member, MemberKey
from services.stager.subjects.traits import are_same, collect_members
from shared.journey.model import Touchpoint

_CHUNK_TOUCHPOINTS = 20_000
_CHUNK_SUBJECTS = 500


async def refold_subjects(
    connection: Connection,
    tasks: Mapping[Key, RefoldTask],
    output: FoldOutput,
    members: MemberChanges,
    newly_seen: SubjectsByPerson,
) -> None:
    """Fold each subject from its history, as the transaction sees it. Raises FoldFailed.

    Adds to `output` and `members`. `newly_seen`: members that this transaction has not written yet.
    """
    whole: dict[Key, RefoldTask] = {}
    for key, task in tasks.items():
        is_long = task.events and task.subject.touchpoints >= output.snapshot_every
        if not is_long or not await refold_part(connection, key, task, output, members=members):
            whole[key] = task
    for chunk in _chunks(whole):
        await _refold_chunk(connection, chunk, output, members, newly_seen)


async def _refold_chunk(
    connection: Connection,
    chunk: Mapping[Key, RefoldTask],
    output: FoldOutput,
    members: MemberChanges,
    newly_seen: SubjectsByPerson,
) -> None:
    histories = await _histories(connection, chunk, newly_seen)
    stored = StoredRows(
        transitions=await read.transitions(connection, chunk),
        alerts=await read.alerts(connection, chunk),
    )
    stored_members = await read.members_of(connection, chunk)
    refolded: dict[MemberKey, Member] = {}
    for key, task in chunk.items():
        history = await decoded(histories.pop(key))
        if not task.mode.of_person:
            collect_members(key, history, refolded)
        with engine_faults():
            await _refold(key, task, history, stored, output)
    members.written.update(
        (key, member)
        for key, member in refolded.items()
        if not are_same(stored_members.get(key), member)
    )
    members.removed |= stored_members.keys() - refolded.keys()


async def _refold(
    key: Key, task: RefoldTask, history: list[Touchpoint], stored: StoredRows, output: FoldOutput
) -> None:
    fold = HistoryFold(task.mode.journeys, None, output.snapshot_every)
    for _ in fold.add(history):
        await asyncio.sleep(0)
    fold.finish(output.now)
    replace_history(
        key,
        task.subject,
        fold,
        touchpoints=len(history),
        last=history[-1].order if history else None,
        merged_into=task.mode.merged_into,
        stored=stored,
        reason=task.reason,
        output=output,
    )


def _chunks(tasks: Mapping[Key, RefoldTask]) -> Iterator[dict[Key, RefoldTask]]:
    chunk: dict[Key, RefoldTask] = {}
    touchpoints = 0
    for key in sorted(tasks):
        chunk[key] = tasks[key]
        touchpoints += tasks[key].subject.touchpoints
        if touchpoints >= _CHUNK_TOUCHPOINTS or len(chunk) >= _CHUNK_SUBJECTS:
            yield chunk
            chunk, touchpoints = {}, 0
    if chunk:
        yield chunk


async def _histories(
    connection: Connection, tasks: Mapping[Key, RefoldTask], newly_seen: SubjectsByPerson
) -> dict[Key, list[StoredTouchpoint]]:
    """History of each subject, unordered and undecoded: decoded it needs several times the memory."""
    persons = {key for key, task in tasks.items() if task.mode.of_person}
    # A person without a journey of its own has a row that only points to the account: no history.
    with_journeys = {key for key in persons if tasks[key].mode.journeys}
    seen_in = await read.seen_in(connection, with_journeys) if with_journeys else {}
    for key in with_journeys & newly_seen.keys():
        seen_in.setdefault(key, set()).update(newly_seen[key])
    subjects = (tasks.keys() - persons) | {
        (key[0], subject) for key, subjects in seen_in.items() for subject in subjects
    }
    rows = await read.history(connection, subjects)
    histories: dict[Key, list[StoredTouchpoint]] = {}
    for key in tasks:
        if key in persons:
            histories[key] = [
                row
                for subject in seen_in.get(key, ())
                for row in rows.get((key[0], subject), ())
                if row.person_id == key[1]
            ]
        else:
            histories[key] = rows.get(key, [])
    return histories
