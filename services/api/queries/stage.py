"""The hot path: a name to a placement in one round trip, on asyncpg alone.

Each statement reads by primary key: the name (or the account), its subject, its placements. Plans are
in docs/decisions with the design of the tables; none of them sorts or scans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.api.queries.connections import StageConnections
from shared.contracts.names import ANONYMOUS, EMAIL, EXTERNAL, USER, is_person, normal
from shared.ids import WorkspaceId


@dataclass(frozen=True, slots=True)
class SubjectName:
    """Name of a subject in a request: an account's id, or a person's name with its prefix."""

    value: str
    is_person: bool


def name_of(
    *,
    account_id: str | None = None,
    user_id: str | None = None,
    anonymous_id: str | None = None,
    email: str | None = None,
    external_id: str | None = None,
) -> SubjectName | None:
    """The name of the subject, or None unless exactly one is given."""
    given = [
        SubjectName(value, is_person(value))
        for value in (
            None if account_id is None else normal(account_id),
            None if user_id is None else normal(USER + user_id),
            None if anonymous_id is None else normal(ANONYMOUS + anonymous_id),
            None if email is None else normal(EMAIL + email),
            None if external_id is None else normal(EXTERNAL + external_id),
        )
        if value is not None
    ]
    return given[0] if len(given) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlacement:
    """A placement as it is stored."""

    subject_id: str
    journey: str
    map_version: int
    status: str
    stage: str | None
    outcome: str | None
    cycle: int
    entered_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectPlacements:
    """A subject and its placements: on the journey of the request, or all."""

    subject_id: str
    event_at: datetime | None
    processed_at: datetime | None
    placements: Sequence[StagePlacement]


_PLACEMENT = (
    "p.subject_id AS placed_id, p.journey, p.map_version, p.status, p.stage, p.outcome, p.cycle,"
    " p.entered_at, p.version"
)
_JOURNEY = "($3::text IS NULL OR p.journey = $3)"

# A person by name: the subject it belongs to, and placements of both (a journey about persons places
# the person, whatever account it belongs to).
_BY_NAME = f"""
SELECT i.subject_id, NULL::text AS merged_into, s.last_occurred_at, s.processed_at, {_PLACEMENT}
FROM identifier i
LEFT JOIN subject s ON s.workspace_id = $1 AND s.subject_id = i.subject_id
LEFT JOIN placement p
  ON p.workspace_id = $1 AND p.subject_id = ANY (ARRAY[i.subject_id, i.person_id]) AND {_JOURNEY}
WHERE i.workspace_id = $1 AND i.identifier = $2
"""  # noqa: S608 - made of constants

# An account by its own id.
_BY_ACCOUNT = f"""
SELECT s.subject_id, s.merged_into, s.last_occurred_at, s.processed_at, {_PLACEMENT}
FROM subject s
LEFT JOIN placement p ON p.workspace_id = $1 AND p.subject_id = s.subject_id AND {_JOURNEY}
WHERE s.workspace_id = $1 AND s.subject_id = $2
"""  # noqa: S608 - made of constants

# Many persons by name at once; `place` numbers them.
_MANY_BY_NAME = f"""
SELECT a.place, i.subject_id, NULL::text AS merged_into, s.last_occurred_at, s.processed_at,
       {_PLACEMENT}
FROM unnest($2::text[]) WITH ORDINALITY AS a (name, place)
JOIN identifier i ON i.workspace_id = $1 AND i.identifier = a.name
LEFT JOIN subject s ON s.workspace_id = $1 AND s.subject_id = i.subject_id
LEFT JOIN placement p
  ON p.workspace_id = $1 AND p.subject_id = ANY (ARRAY[i.subject_id, i.person_id]) AND {_JOURNEY}
"""  # noqa: S608 - made of constants

# Many accounts at once.
_MANY_BY_ACCOUNT = f"""
SELECT a.place, s.subject_id, s.merged_into, s.last_occurred_at, s.processed_at, {_PLACEMENT}
FROM unnest($2::text[]) WITH ORDINALITY AS a (name, place)
JOIN subject s ON s.workspace_id = $1 AND s.subject_id = a.name
LEFT JOIN placement p ON p.workspace_id = $1 AND p.subject_id = s.subject_id AND {_JOURNEY}
"""  # noqa: S608 - made of constants

_MAX_MERGES = 4
"""Longest chain of merged accounts that is followed: anonymous, e-mail, user, account."""


async def find_subject(
    connections: StageConnections, workspace_id: WorkspaceId, name: SubjectName, journey: str | None
) -> SubjectPlacements | None:
    """The subject that `name` resolves to, with its placements, or None if it is unknown.

    Cost: one round trip, one more for each merge of accounts. Raises DatabaseUnavailable.
    """
    for _ in range(_MAX_MERGES):
        statement = _BY_NAME if name.is_person else _BY_ACCOUNT
        rows = await connections.fetch(workspace_id, statement, workspace_id, name.value, journey)
        if not rows:
            return None
        merged_into = rows[0]["merged_into"]
        if merged_into is None:
            return _subject(rows)
        name = SubjectName(merged_into, is_person(merged_into))
    return None


async def find_subjects(
    connections: StageConnections,
    workspace_id: WorkspaceId,
    names: Sequence[SubjectName],
    journey: str | None,
) -> list[SubjectPlacements | None]:
    """Many subjects, in the order of `names`. Cost: two round trips. As `find_subject`."""
    subjects: list[SubjectPlacements | None] = [None] * len(names)
    for statement, of_persons in ((_MANY_BY_NAME, True), (_MANY_BY_ACCOUNT, False)):
        places = [place for place, name in enumerate(names) if name.is_person is of_persons]
        if not places:
            continue
        rows = await connections.fetch(
            workspace_id, statement, workspace_id, [names[place].value for place in places], journey
        )
        grouped: dict[int, list[asyncpg.Record]] = {}
        for row in rows:
            grouped.setdefault(places[row["place"] - 1], []).append(row)
        for place, group in grouped.items():
            merged_into = group[0]["merged_into"]
            if merged_into is None:
                subjects[place] = _subject(group)
            else:
                into = SubjectName(merged_into, is_person(merged_into))
                subjects[place] = await find_subject(connections, workspace_id, into, journey)
    return subjects


def _subject(rows: Sequence[asyncpg.Record]) -> SubjectPlacements:
    first = rows[0]
    return SubjectPlacements(
        subject_id=first["subject_id"],
        event_at=first["last_occurred_at"],
        processed_at=first["processed_at"],
        placements=[
            StagePlacement(
                subject_id=row["placed_id"],
                journey=row["journey"],
                map_version=row["map_version"],
                status=row["status"],
                stage=row["stage"],
                outcome=row["outcome"],
                cycle=row["cycle"],
                entered_at=row["entered_at"],
                version=row["version"],
            )
            for row in rows
            if row["placed_id"] is not None
        ],
    )


# Returns no row; succeeds where a connection in the api's role works.
_PING = "SELECT 1 FROM identifier WHERE false"


async def ping(connections: StageConnections, workspace_id: WorkspaceId) -> bool:
    """Whether the database answers. Raises DatabaseUnavailable."""
    await connections.fetch(workspace_id, _PING)
    return True
