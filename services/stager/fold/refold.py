"""Folds subjects anew from their history: late events, merges, new map versions.

Reads in chunks bounded by the number of touchpoints, so that memory is too, and gives the event loop
a turn between subjects: heartbeats go on during a long one.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from services.stager.errors import FoldFailed
from services.stager.fold import fold_subject
from services.stager.fold.fold_subject import Output, Stored, touchpoint
from services.stager.fold.journeys import Journeys
from services.stager.fold.output_rows import Refold
from services.stager.identity.names import Key, Link
from services.stager.records.decode import decode_stored
from services.stager.store import read
from services.stager.store.rows import Kept
from services.stager.store.session import Connection
from services.stager.subjects import traits
from services.stager.subjects.subject import Member, Subject
from shared.contracts.names import is_person
from shared.journey.compile import CompiledJourney
from shared.journey.model import Touchpoint

_CHUNK_TOUCHPOINTS = 20_000
_CHUNK_SUBJECTS = 500

_order = attrgetter("occurred_at", "message_id")
"""`Touchpoint.order`, without a call of Python's own for each."""


@dataclass(frozen=True, slots=True)
class Role:
    """As what a subject is folded.

    `of_person`: its history is what the person did, in whatever subject, because the person has a
    home account; otherwise it is the subject's own.
    """

    journeys: Sequence[CompiledJourney]
    merged_into: str | None = None
    of_person: bool = False


def role_of(key: Key, journeys: Journeys, link: Link | None) -> Role:
    """Account, lone person, person with a home account, or a name that is somebody else's now.

    `link` is the name's own, None for an account.
    """
    if not is_person(key[1]) or link is None:
        return Role(journeys.of_accounts)
    if link.person_id != key[1]:
        return Role((), link.subject_id)
    if link.subject_id == key[1]:
        return Role(journeys.of_lone_persons)
    return Role(journeys.of_persons, link.subject_id, of_person=True)


@dataclass(frozen=True, slots=True)
class Task:
    """One subject to fold anew, and why."""

    subject: Subject
    role: Role
    reason: Refold


@dataclass(slots=True)
class Members:
    """Rows of `member` to write, and what to remember."""

    written: dict[tuple[int, str, str], Member] = field(default_factory=dict)
    gone: set[tuple[int, str, str]] = field(default_factory=set)


Seen = Mapping[Key, set[str]]
"""Subjects in which a person is seen."""


async def fold_anew(
    connection: Connection,
    tasks: Mapping[Key, Task],
    out: Output,
    members: Members,
    newly_seen: Seen,
) -> None:
    """Fold each subject from its history, as the transaction sees it. Raises FoldFailed.

    `newly_seen` is what this transaction adds to `member` and has not written yet.
    """
    for chunk in _chunks(tasks):
        kept = await _kept(connection, chunk, newly_seen)
        stored = Stored(
            transitions=await read.transitions(connection, chunk),
            alerts=await read.alerts(connection, chunk),
        )
        known = await read.members_of(connection, chunk)
        found: dict[tuple[int, str, str], Member] = {}
        for key, task in chunk.items():
            history = in_order(kept.pop(key))
            if not task.role.of_person:
                traits.keep(key, history, found)
            try:
                fold_subject.anew(
                    key,
                    task.subject,
                    task.role.journeys,
                    history,
                    merged_into=task.role.merged_into,
                    stored=stored,
                    reason=task.reason,
                    out=out,
                )
            except Exception as exc:
                raise FoldFailed(f"a history does not fold: {type(exc).__name__}") from exc
            await asyncio.sleep(0)
        members.written.update(
            (key, member) for key, member in found.items() if known.get(key) != member
        )
        members.gone |= known.keys() - found.keys()


def _chunks(tasks: Mapping[Key, Task]) -> Iterator[dict[Key, Task]]:
    chunk: dict[Key, Task] = {}
    touchpoints = 0
    for key in sorted(tasks):
        chunk[key] = tasks[key]
        touchpoints += tasks[key].subject.touchpoints
        if touchpoints >= _CHUNK_TOUCHPOINTS or len(chunk) >= _CHUNK_SUBJECTS:
            yield chunk
            chunk, touchpoints = {}, 0
    if chunk:
        yield chunk


async def _kept(
    connection: Connection, tasks: Mapping[Key, Task], newly_seen: Seen
) -> dict[Key, list[Kept]]:
    """History of each subject, unordered and undecoded: decoded it takes several times the room."""
    persons = {key for key, task in tasks.items() if task.role.of_person}
    # Without a journey of its own a person's row is a mere signpost.
    followed = {key for key in persons if tasks[key].role.journeys}
    seen = await read.seen_in(connection, followed) if followed else {}
    for key in followed & newly_seen.keys():
        seen.setdefault(key, set()).update(newly_seen[key])
    wanted = (tasks.keys() - persons) | {
        (key[0], subject) for key, subjects in seen.items() for subject in subjects
    }
    rows = await read.history(connection, wanted)
    kept: dict[Key, list[Kept]] = {}
    for key in tasks:
        if key in persons:
            kept[key] = [
                row
                for subject in seen.get(key, ())
                for row in rows.get((key[0], subject), ())
                if row.person_id == key[1]
            ]
        else:
            kept[key] = rows.get(key, [])
    return kept


def in_order(rows: Sequence[Kept]) -> list[Touchpoint]:
    """Rows of `touchpoint` as the engine sees them, sorted by event order."""
    history = [touchpoint(decode_stored(row.envelope), row.person_id) for row in rows]
    history.sort(key=_order)
    return history
