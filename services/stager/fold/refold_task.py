"""What is to be folded again, and how. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.stager.errors import FoldFailed
from services.stager.fold.journeys import WorkspaceJourneys
from services.stager.fold.output_rows import RefoldReason
from services.stager.identity.names import Key
from services.stager.identity.state import NameRow
from services.stager.subjects.subject import Member, MemberKey, Subject
from shared.contracts.names import is_person
from shared.journey.compile import CompiledJourney
from shared.journey.model import Touchpoint


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
    events: Sequence[Touchpoint] = ()
    """For late events alone: what the batch adds to the history, in order; nothing else in it has changed."""


@dataclass(slots=True)
class MemberChanges:
    """Rows of `member` that re-folds write and remove."""

    written: dict[MemberKey, Member] = field(default_factory=dict)
    removed: set[MemberKey] = field(default_factory=set)


SubjectsByPerson = Mapping[Key, set[str]]
"""Subjects in which each person is a member."""


@contextmanager
def engine_faults() -> Iterator[None]:
    """Raise FoldFailed for any error inside, where nothing is read or written."""
    try:
        yield
    except Exception as exc:
        raise FoldFailed(f"a history does not fold: {type(exc).__name__}") from exc
