"""SQL on one person: its names, the statements about them, and the ids of its events that name nobody."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Text, cast, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.identity.statements import DEVICE, Kind, Statement
from services.api.identity.timelines import Timeline, timeline
from shared.ids import WorkspaceId
from shared.storage.identity.tables import identifier, identity_statement
from shared.storage.tables import touchpoint

MAX_NAMES = 500
MAX_STATEMENTS = 5_000
"""Statements about the names of a person that are read."""
MAX_DEVICES = 200
MAX_IGNORED = 50
_SUBJECTS_SEARCHED = 5
_EVENTS_SEARCHED = 1_000

_statement = identity_statement.c


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRow:
    """A name of a person, with the timelines that are kept with it."""

    name: str
    person_id: str
    subject_id: str
    users: Timeline
    accounts: Timeline


_NAMES = select(
    identifier.c.identifier.label("name"),
    identifier.c.person_id,
    identifier.c.subject_id,
    cast(identifier.c.users, Text).label("users"),
    cast(identifier.c.accounts, Text).label("accounts"),
)


async def name(
    connection: AsyncConnection, workspace_id: WorkspaceId, stored: str
) -> NameRow | None:
    """The row of one name in stored form; None where no event has it."""
    rows = await names(connection, workspace_id, [stored])
    return rows[0] if rows else None


async def names(
    connection: AsyncConnection, workspace_id: WorkspaceId, stored: Collection[str]
) -> list[NameRow]:
    """Rows of these names, of those that have one; sorted by name."""
    rows = await connection.execute(
        _NAMES.where(
            identifier.c.workspace_id == workspace_id,
            identifier.c.identifier.in_(sorted(stored)),
        ).order_by(identifier.c.identifier)
    )
    return [_name(row) for row in rows]


async def names_of_person(
    connection: AsyncConnection, workspace_id: WorkspaceId, person_id: str
) -> list[NameRow]:
    """Names that now belong to the person, up to `MAX_NAMES`, sorted; devices in use among them."""
    rows = await connection.execute(
        _NAMES.where(identifier.c.workspace_id == workspace_id, identifier.c.person_id == person_id)
        .order_by(identifier.c.identifier)
        .limit(MAX_NAMES)
    )
    return [_name(row) for row in rows]


def _name(row: Row[*tuple[Any, ...]]) -> NameRow:
    return NameRow(
        name=row.name,
        person_id=row.person_id,
        subject_id=row.subject_id,
        users=timeline(row.users),
        accounts=timeline(row.accounts),
    )


STATEMENT_COLUMNS = (
    _statement.kind,
    _statement.name,
    _statement.other,
    _statement.occurred_at,
    _statement.tie,
    _statement.message_id,
)
_STATEMENTS = select(*STATEMENT_COLUMNS)


async def statements(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    names: Collection[str],
    kinds: Collection[Kind],
) -> list[Statement]:
    """Statements of these kinds about one of the names, up to `MAX_STATEMENTS` of each side."""
    listed = sorted(names)
    # Two reads, each along an index: of the two conditions in one the planner may make a scan.
    first = await _read(connection, workspace_id, kinds, _statement.name.in_(listed))
    second = await _read(
        connection,
        workspace_id,
        kinds,
        _statement.other.in_(listed) & _statement.name.not_in(listed),
    )
    return first + second


async def uses_of_devices(
    connection: AsyncConnection, workspace_id: WorkspaceId, names: Collection[str]
) -> list[Statement]:
    """Statements that a device was used under one of the names, up to `MAX_STATEMENTS`."""
    return await _read(connection, workspace_id, [DEVICE], _statement.name.in_(sorted(names)))


async def _read(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    kinds: Collection[Kind],
    condition: ColumnElement[bool],
) -> list[Statement]:
    rows = await connection.execute(
        _STATEMENTS.where(
            _statement.workspace_id == workspace_id, condition, _statement.kind.in_(sorted(kinds))
        ).limit(MAX_STATEMENTS)
    )
    return [said(row) for row in rows]


def said(row: Row[*tuple[Any, ...]]) -> Statement:
    """A row of `identity_statement` as a statement."""
    return Statement(
        kind=row.kind,
        name=row.name,
        other=row.other,
        occurred_at=row.occurred_at,
        tie=row.tie,
        message_id=row.message_id,
    )


async def persons(
    connection: AsyncConnection, workspace_id: WorkspaceId, names: Collection[str]
) -> dict[str, str]:
    """Person, or account, of each of these names that has a row."""
    rows = await connection.execute(
        select(identifier.c.identifier, identifier.c.person_id).where(
            identifier.c.workspace_id == workspace_id, identifier.c.identifier.in_(sorted(names))
        )
    )
    return {row.identifier: row.person_id for row in rows}


# Who said it and why, of the events with these ids; only an operator's statement has both.
_AUTHORS = text("""
    SELECT message_id, envelope ->> 'logged_by' AS logged_by, envelope ->> 'reason' AS reason
    FROM touchpoint WHERE workspace_id = :workspace_id AND message_id = ANY (:message_ids)
""")


async def authors(
    connection: AsyncConnection, workspace_id: WorkspaceId, message_ids: Collection[str]
) -> Mapping[str, tuple[str | None, str | None]]:
    """Author and reason by message id, of the events that are still there."""
    if not message_ids:
        return {}
    rows = await connection.execute(
        _AUTHORS, {"workspace_id": workspace_id, "message_ids": sorted(message_ids)}
    )
    return {row.message_id: (row.logged_by, row.reason) for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredRow:
    """Ids that named nobody and were taken off an event: field -> text as sent."""

    message_id: str
    occurred_at: datetime
    ids: Mapping[str, str]


# The newest events of each subject, by its index; of them those of the person from which ids were taken.
_IGNORED = text("""
    SELECT newest.message_id, newest.occurred_at, newest.envelope -> 'ignored_ids' AS ids
    FROM unnest(CAST(:subject_ids AS text[])) AS of_person (subject_id)
    CROSS JOIN LATERAL (
        SELECT t.message_id, t.occurred_at, t.tie, t.person_id, t.envelope FROM touchpoint t
        WHERE t.workspace_id = :workspace_id AND t.subject_id = of_person.subject_id
        ORDER BY t.occurred_at DESC, t.tie DESC, t.message_id DESC LIMIT :searched
    ) AS newest
    WHERE newest.person_id = :person_id AND newest.envelope -> 'ignored_ids' IS NOT NULL
    ORDER BY newest.occurred_at DESC, newest.tie DESC, newest.message_id DESC LIMIT :kept
""").columns(ids=touchpoint.c.envelope.type)


async def ignored(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    person_id: str,
    subject_ids: Sequence[str],
) -> list[IgnoredRow]:
    """Newest events of the person from which ids were taken, up to `MAX_IGNORED`.

    Looks at the newest 1,000 events of each of the first five subjects. Cost: as many rows by index.
    """
    rows = await connection.execute(
        _IGNORED,
        {
            "workspace_id": workspace_id,
            "person_id": person_id,
            "subject_ids": list(dict.fromkeys(subject_ids))[:_SUBJECTS_SEARCHED],
            "searched": _EVENTS_SEARCHED,
            "kept": MAX_IGNORED,
        },
    )
    return [
        IgnoredRow(message_id=row.message_id, occurred_at=row.occurred_at, ids=row.ids)
        for row in rows
    ]
