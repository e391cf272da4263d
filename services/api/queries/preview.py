"""SQL for the preview of a map: a bounded sample of histories, and where their subjects stand now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import WorkspaceId
from shared.journey.model import SubjectKind
from shared.storage.identity.tables import identifier, member
from shared.storage.tables import placement, subject, touchpoint

MOST_SUBJECTS = 500
MOST_TOUCHPOINTS = 10_000
"""Some 10 MB, and a quarter of a second of folding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Histories of the first subjects by id: text of the envelopes and their persons, unordered."""

    total: int
    """All subjects that the map would decide."""
    histories: Mapping[str, Sequence[tuple[str, str | None]]]


# Touchpoints of subjects, as far as the bound reaches.
_OF_ACCOUNTS = select(
    touchpoint.c.subject_id.label("id"),
    cast(touchpoint.c.envelope, Text).label("envelope"),
    touchpoint.c.person_id,
)

# What persons did, in whichever subject.
_OF_PERSONS = select(
    member.c.person_id.label("id"),
    cast(touchpoint.c.envelope, Text).label("envelope"),
    touchpoint.c.person_id,
).join(
    touchpoint,
    and_(
        touchpoint.c.workspace_id == member.c.workspace_id,
        touchpoint.c.subject_id == member.c.subject_id,
        touchpoint.c.person_id == member.c.person_id,
    ),
)


async def sample(
    connection: AsyncConnection, workspace_id: WorkspaceId, kind: SubjectKind
) -> Sample:
    """At most 500 subjects and 10,000 touchpoints; of each subject its whole history."""
    ids, is_subject = _subjects(workspace_id, kind)
    total = await connection.scalar(select(func.count()).select_from(ids.table).where(is_subject))
    wanted = list(
        await connection.scalars(select(ids).where(is_subject).order_by(ids).limit(MOST_SUBJECTS))
    )
    rows = await connection.execute(_histories(workspace_id, kind, wanted))
    histories: dict[str, list[tuple[str, str | None]]] = {each: [] for each in wanted}
    read = rows.all()
    for row in read:
        histories[row.id].append((row.envelope, row.person_id))
    if len(read) > MOST_TOUCHPOINTS:
        # The history at the bound is incomplete, and those behind it were not read.
        bound = read[-1].id
        histories = {each: history for each, history in histories.items() if each < bound}
    return Sample(total=total or 0, histories=histories)


def _subjects(
    workspace_id: WorkspaceId, kind: SubjectKind
) -> tuple[ColumnElement[str], ColumnElement[bool]]:
    if kind is SubjectKind.PERSON:
        of_workspace = identifier.c.workspace_id == workspace_id
        return identifier.c.identifier, and_(
            of_workspace, identifier.c.identifier == identifier.c.person_id
        )
    of_workspace = subject.c.workspace_id == workspace_id
    return subject.c.subject_id, and_(of_workspace, subject.c.merged_into.is_(None))


def _histories(
    workspace_id: WorkspaceId, kind: SubjectKind, ids: Sequence[str]
) -> Select[tuple[str, str, str | None]]:
    if kind is SubjectKind.PERSON:
        statement = _OF_PERSONS.where(
            member.c.workspace_id == workspace_id, member.c.person_id.in_(ids)
        )
    else:
        statement = _OF_ACCOUNTS.where(
            touchpoint.c.workspace_id == workspace_id, touchpoint.c.subject_id.in_(ids)
        )
    return statement.order_by("id").limit(MOST_TOUCHPOINTS + 1)


# Where subjects stand on a journey.
_POSITIONS = select(placement.c.subject_id, placement.c.stage, placement.c.outcome)


async def positions(
    connection: AsyncConnection, workspace_id: WorkspaceId, journey: str, ids: Sequence[str]
) -> Mapping[str, tuple[str | None, str | None]]:
    """Stage and outcome by subject; a subject that is not on the journey has none."""
    rows = await connection.execute(
        _POSITIONS.where(
            placement.c.workspace_id == workspace_id,
            placement.c.journey == journey,
            placement.c.subject_id.in_(ids),
        )
    )
    return {row.subject_id: (row.stage, row.outcome) for row in rows}
