"""SQL on accounts: the subject that an id resolves to, lists, and the profile of one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.cursors import AccountPosition
from shared.contracts.names import EXTERNAL, is_person, is_record, normal
from shared.ids import WorkspaceId
from shared.storage.identity.tables import identifier, member
from shared.storage.tables import placement, subject

MAX_MEMBERS = 200
MAX_IDENTIFIERS = 500
_MAX_MERGES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Subject that an id resolves to."""

    subject_id: str
    """The account, or the person if no account is linked."""
    person_id: str | None = None
    """The person, if the id is a person's name."""

    def placed_ids(self) -> list[str]:
        """Subjects with placements of this account: journeys about persons have the person's id."""
        return sorted({self.subject_id, self.person_id or self.subject_id})


# Whether an account exists, and which one it was merged into.
_SUBJECT = select(subject.c.subject_id, subject.c.merged_into)

# Subject and person of a person's name.
_NAME = select(identifier.c.subject_id, identifier.c.person_id)


async def resolve(
    connection: AsyncConnection, workspace_id: WorkspaceId, account_id: str
) -> Resolved | None:
    """Subject that `account_id` resolves to, merges followed; None if it was never seen."""
    account_id = normal(account_id)
    if is_person(account_id):
        row = (
            await connection.execute(
                _NAME.where(
                    identifier.c.workspace_id == workspace_id, identifier.c.identifier == account_id
                )
            )
        ).one_or_none()
        if row is not None:
            return Resolved(subject_id=row.subject_id, person_id=row.person_id)
        # A provider's record of an account, which is no person's.
        account_id = account_id.removeprefix(EXTERNAL)
        if not is_record(account_id):
            return None
    for _ in range(_MAX_MERGES):
        row = (
            await connection.execute(
                _SUBJECT.where(
                    subject.c.workspace_id == workspace_id, subject.c.subject_id == account_id
                )
            )
        ).one_or_none()
        if row is None:
            return await _account_of_record(connection, workspace_id, account_id)
        if row.merged_into is None:
            return Resolved(subject_id=account_id)
        account_id = row.merged_into
    return None


async def _account_of_record(
    connection: AsyncConnection, workspace_id: WorkspaceId, account_id: str
) -> Resolved | None:
    """The account of a provider's record that is no subject of its own."""
    if not is_record(account_id):
        return None
    row = (
        await connection.execute(
            _NAME.where(
                identifier.c.workspace_id == workspace_id, identifier.c.identifier == account_id
            )
        )
    ).one_or_none()
    return row and Resolved(subject_id=row.subject_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Filters of a list by placement. `stages`: pairs of journey and stage; None for any."""

    journey: str | None = None
    stage: str | None = None
    status: str | None = None
    stages: Collection[tuple[str, str]] | None = None

    @property
    def is_open(self) -> bool:
        """Whether every account passes."""
        return (self.journey, self.stage, self.status, self.stages) == (None, None, None, None)

    def clauses(self) -> list[ColumnElement[bool]]:
        """The filters as SQL conditions."""
        clauses: list[ColumnElement[bool]] = []
        if self.journey is not None:
            clauses.append(placement.c.journey == self.journey)
        if self.stage is not None:
            clauses.append(placement.c.stage == self.stage)
        if self.status is not None:
            clauses.append(placement.c.status == self.status)
        if self.stages is not None:
            clauses.append(tuple_(placement.c.journey, placement.c.stage).in_(sorted(self.stages)))
        return clauses


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An account without its placements: counts, instants, value, traits."""

    subject_id: str
    touchpoints: int
    last_event_at: datetime | None
    processed_at: datetime | None
    value: float | None
    account_traits: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementRow:
    """A placement with all its columns."""

    subject_id: str
    journey: str
    map_version: int
    status: str
    stage: str | None
    outcome: str | None
    cycle: int
    entered_at: datetime | None
    stalled_at: datetime | None
    milestones: dict[str, str]
    version: int
    processed_at: datetime


# A page of all accounts, along the primary key.
_ALL_IDS = select(subject.c.subject_id).where(subject.c.merged_into.is_(None))

# A page of accounts with a placement that passes the filters. The planner walks the primary key, or the
# index on (journey, stage, status) where that leaves fewer rows.
_PLACED_IDS = select(placement.c.subject_id).distinct()

_FACTS = select(
    subject.c.subject_id,
    subject.c.touchpoints,
    subject.c.last_occurred_at,
    subject.c.processed_at,
    subject.c.value,
    subject.c.account_traits,
)

_PLACEMENTS = select(
    placement.c.subject_id,
    placement.c.journey,
    placement.c.map_version,
    placement.c.status,
    placement.c.stage,
    placement.c.outcome,
    placement.c.cycle,
    placement.c.entered_at,
    placement.c.stalled_at,
    placement.c.milestones,
    placement.c.version,
    placement.c.processed_at,
)


async def page(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    filters: Filters,
    *,
    after: AccountPosition | None,
    limit: int,
) -> list[str]:
    """At most `limit` ids of accounts that pass `filters`, in order, after the position `after`."""
    if filters.is_open:
        of_workspace, key, statement = subject.c.workspace_id, subject.c.subject_id, _ALL_IDS
    else:
        of_workspace, key = placement.c.workspace_id, placement.c.subject_id
        statement = _PLACED_IDS.where(*filters.clauses())
    statement = statement.where(of_workspace == workspace_id).order_by(key).limit(limit)
    if after is not None:
        statement = statement.where(key > after.subject_id)
    return list((await connection.execute(statement)).scalars())


async def facts(
    connection: AsyncConnection, workspace_id: WorkspaceId, subject_ids: Sequence[str]
) -> dict[str, Facts]:
    """Facts by account; an account without a row of its own is left out."""
    rows = await connection.execute(
        _FACTS.where(subject.c.workspace_id == workspace_id, subject.c.subject_id.in_(subject_ids))
    )
    return {
        row.subject_id: Facts(
            subject_id=row.subject_id,
            touchpoints=row.touchpoints,
            last_event_at=row.last_occurred_at,
            processed_at=row.processed_at,
            value=row.value,
            account_traits=row.account_traits,
        )
        for row in rows
    }


async def placements(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    subject_ids: Sequence[str],
    filters: Filters | None = None,
) -> list[PlacementRow]:
    """Placements of the subjects that pass `filters`, ordered by subject and journey."""
    rows = await connection.execute(
        _PLACEMENTS.where(
            placement.c.workspace_id == workspace_id,
            placement.c.subject_id.in_(subject_ids),
            *(filters or Filters()).clauses(),
        ).order_by(placement.c.subject_id, placement.c.journey)
    )
    return [PlacementRow(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


# Members of an account, in the order in which they were first seen.
_MEMBERS = select(
    member.c.person_id, member.c.role, member.c.traits, member.c.first_seen_at
).order_by(member.c.first_seen_at, member.c.person_id)


async def members(
    connection: AsyncConnection, workspace_id: WorkspaceId, subject_id: str
) -> tuple[int, Sequence[Row[*tuple[Any, ...]]]]:
    """Number of members of the account, and the first `MAX_MEMBERS` of them."""
    of_account = (member.c.workspace_id == workspace_id, member.c.subject_id == subject_id)
    count = await connection.scalar(select(func.count()).select_from(member).where(*of_account))
    rows = await connection.execute(_MEMBERS.where(*of_account).limit(MAX_MEMBERS))
    return count or 0, rows.all()


async def identifiers(
    connection: AsyncConnection, workspace_id: WorkspaceId, subject_id: str
) -> list[str]:
    """Names that resolve to the account or person, sorted, read by index.

    Accounts that were merged into it are among them, and the names of its people.
    """
    of_workspace = identifier.c.workspace_id == workspace_id
    own = select(identifier.c.identifier.label("name")).where(
        of_workspace, identifier.c.person_id == subject_id
    )
    of_members = (
        select(identifier.c.identifier.label("name"))
        .join(
            member,
            and_(
                member.c.workspace_id == identifier.c.workspace_id,
                member.c.person_id == identifier.c.person_id,
            ),
        )
        .where(
            of_workspace, member.c.subject_id == subject_id, identifier.c.subject_id == subject_id
        )
    )
    names = own.union(of_members).subquery()
    rows = await connection.execute(
        select(names.c.name)
        .where(or_(names.c.name != subject_id, literal(is_person(subject_id))))
        .order_by(names.c.name)
        .limit(MAX_IDENTIFIERS)
    )
    return list(rows.scalars())
