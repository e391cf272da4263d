"""Re-folds subjects from their whole history: late events, merges, erasures, new map versions.

Reads in chunks bounded by the number of touchpoints, which bounds memory, and yields to the event loop
between subjects, so that heartbeats go on during a long one.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.stager.errors import FoldFailed
from services.stager.fold.fold_subject import FoldOutput, StoredRows, fold_history
from services.stager.fold.journeys import WorkspaceJourneys
from services.stager.fold.output_rows import RefoldReason
from services.stager.identity.names import Key
from services.stager.identity.state import NameRow
from services.stager.store import read
from services.stager.store.rows import StoredTouchpoint
from services.stager.store.session import Connection
from services.stager.subjects.subject import Member, MemberKey, Subject
from services.stager.subjects.traits import collect_members
from shared.contracts.names import is_person
from shared.history import decode_stored, touchpoint
from shared.journey.compile import CompiledJourney
from shared.journey.model import Touchpoint, event_order

_CHUNK_TOUCHPOINTS = 20_000
_CHUNK_SUBJECTS = 500


@dataclass(frozen=True, slots=True)
class FoldMode:
    """By which journeys a subject is folded, and from which history.

    `of_person`: from what the person did in any subject, because the person has a home account; otherwise
    from the subject's own events.
    """

    journeys: Sequence[CompiledJourney]
    merged_into: str | None = None
    of_person: bool = False


def fold_mode(key: Key, journeys: WorkspaceJourneys, link: NameRow | None) -> FoldMode:
    """The mode of an account, a lone person, a person with a home account, or a name that was merged.

    `link` is the row of the name itself, None for an account.
    """
    if not is_person(key[1]) or link is None:
        return FoldMode(journeys.of_accounts)
    if link.person_id != key[1]:
        return FoldMode((), link.subject_id)
    if link.subject_id == key[1]:
        return FoldMode(journeys.of_lone_persons)
    return FoldMode(journeys.of_persons, link.subject_id, of_person=True)


@dataclass(frozen=True, slots=True)
class RefoldTask:
    """One subject to re-fold, and why."""

    subject: Subject
    mode: FoldMode
    reason: RefoldReason


@dataclass(slots=True)
class MemberChanges:
    """Rows of `member` that re-folds write and remove."""

    written: dict[MemberKey, Member] = field(default_factory=dict)
    removed: set[MemberKey] = field(default_factory=set)


SubjectsByPerson = Mapping[Key, set[str]]
"""Subjects in which each person is a member."""


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
    for chunk in _chunks(tasks):
        histories = await _histories(connection, chunk, newly_seen)
        stored = StoredRows(
            transitions=await read.transitions(connection, chunk),
            alerts=await read.alerts(connection, chunk),
        )
        stored_members = await read.members_of(connection, chunk)
        refolded: dict[MemberKey, Member] = {}
        for key, task in chunk.items():
            history = in_order(histories.pop(key))
            if not task.mode.of_person:
                collect_members(key, history, refolded)
            try:
                fold_history(
                    key,
                    task.subject,
                    task.mode.journeys,
                    history,
                    merged_into=task.mode.merged_into,
                    stored=stored,
                    reason=task.reason,
                    output=output,
                )
            except Exception as exc:
                raise FoldFailed(f"a history does not fold: {type(exc).__name__}") from exc
            await asyncio.sleep(0)
        members.written.update(
            (key, member) for key, member in refolded.items() if stored_members.get(key) != member
        )
        members.removed |= stored_members.keys() - refolded.keys()


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


def in_order(rows: Sequence[StoredTouchpoint]) -> list[Touchpoint]:
    """Rows of `touchpoint` as the engine sees them, sorted by event order."""
    history = [touchpoint(decode_stored(row.envelope), row.person_id) for row in rows]
    history.sort(key=event_order)
    return history
