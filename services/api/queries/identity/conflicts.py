"""SQL on conflicts: statements that joined nothing, and what keeps their names apart."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.cursors import StatementPosition
from services.api.identity.statements import (
    EXPLICIT,
    TOGETHER,
    UNMERGE,
    Reason,
    Statement,
    reason,
)
from services.api.queries.identity.people import STATEMENT_COLUMNS, said
from shared.contracts.identity_limits import IdentityLimits, kinds_of
from shared.contracts.names import EMAIL, EXTERNAL, RESERVED_PREFIXES, USER
from shared.ids import WorkspaceId
from shared.storage.identity.tables import identifier, identity_statement

STATEMENTS_SEARCHED = 20_000
"""Statements that one page looks at; it may end before it is full."""

_statement = identity_statement.c
_ORDER = (_statement.name, _statement.other, _statement.kind, _statement.slot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjoined:
    """A statement whose names are of two persons, or of two accounts, and who these are."""

    statement: Statement
    person_id: str
    other_person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Unjoined):
    """The same, with the reason."""

    why: Reason


async def page(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    *,
    after: StatementPosition | None,
    limit: int,
) -> tuple[list[Unjoined], StatementPosition | None]:
    """Up to `limit` conflicts after a position, and the position after which the next page begins.

    Statements are in the order of their key. Cost: a read of at most `STATEMENTS_SEARCHED` of them along it.
    A name of a person without a row was erased, and is in no conflict.
    """
    of_page = [_statement.workspace_id == workspace_id]
    if after is not None:
        of_page.append(tuple_(*_ORDER) > tuple_(after.name, after.other, after.kind, after.slot))
    searched = (
        select(*STATEMENT_COLUMNS, _statement.slot)
        .where(*of_page)
        .order_by(*_ORDER)
        .limit(STATEMENTS_SEARCHED)
        .cte("searched")
        .prefix_with("MATERIALIZED")
    )
    one, two = identifier.alias("one"), identifier.alias("two")
    first = func.coalesce(one.c.person_id, _itself(searched.c.name))
    second = func.coalesce(two.c.person_id, _itself(searched.c.other))
    result = await connection.execute(
        select(searched, first.label("first"), second.label("second"))
        .outerjoin(
            one, (one.c.workspace_id == workspace_id) & (one.c.identifier == searched.c.name)
        )
        .outerjoin(
            two, (two.c.workspace_id == workspace_id) & (two.c.identifier == searched.c.other)
        )
        .where(searched.c.kind.in_((EXPLICIT, TOGETHER)), first != second)
        .order_by(searched.c.name, searched.c.other, searched.c.kind, searched.c.slot)
        .limit(limit + 1)
    )
    rows = result.all()
    unjoined = [
        Unjoined(statement=said(row), person_id=row.first, other_person_id=row.second)
        for row in rows[:limit]
    ]
    if len(rows) > limit:
        return unjoined, _position(rows[limit - 1])
    last = await connection.execute(
        select(*_ORDER).where(*of_page).order_by(*_ORDER).offset(STATEMENTS_SEARCHED - 1).limit(1)
    )
    end = last.one_or_none()
    return unjoined, None if end is None else _position(end)


def _position(row: Row[*tuple[Any, ...]]) -> StatementPosition:
    return StatementPosition(name=row.name, other=row.other, kind=row.kind, slot=row.slot)


def _itself(name: ColumnElement[str]) -> ColumnElement[str | None]:
    """What a name without a row stands for: an account for itself, a person for nobody."""
    return case((or_(*(name.startswith(prefix) for prefix in RESERVED_PREFIXES)), None), else_=name)


async def with_reasons(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    unjoined: Collection[Unjoined],
    limits: IdentityLimits,
) -> list[Refused]:
    """Why each of these statements joined nothing."""
    if not unjoined:
        return []
    persons = {each.person_id for each in unjoined} | {each.other_person_id for each in unjoined}
    apart = await _unmerged(connection, workspace_id, persons)
    kinds = await _kinds_of_persons(connection, workspace_id, persons)
    return [
        Refused(
            statement=each.statement,
            person_id=each.person_id,
            other_person_id=each.other_person_id,
            why=reason(
                each.statement,
                kinds.get(each.person_id, {}),
                kinds.get(each.other_person_id, {}),
                limits,
                is_unmerged=frozenset((each.person_id, each.other_person_id)) in apart,
            ),
        )
        for each in unjoined
    ]


async def _kinds_of_persons(
    connection: AsyncConnection, workspace_id: WorkspaceId, persons: Collection[str]
) -> dict[str, Counter[str]]:
    """Of each person how many names of each limited kind it has."""
    rows = await connection.execute(
        select(identifier.c.identifier, identifier.c.person_id).where(
            identifier.c.workspace_id == workspace_id,
            identifier.c.person_id.in_(sorted(persons)),
            or_(
                identifier.c.identifier.startswith(USER),
                identifier.c.identifier.startswith(EXTERNAL),
                identifier.c.identifier.startswith(EMAIL),
            ),
        )
    )
    kinds: dict[str, Counter[str]] = {}
    for row in rows:
        kinds.setdefault(row.person_id, Counter()).update(kinds_of([row.identifier]))
    return kinds


async def _unmerged(
    connection: AsyncConnection, workspace_id: WorkspaceId, persons: Collection[str]
) -> set[frozenset[str]]:
    """Pairs of persons that an unmerge keeps apart, as far as one of these persons is in it."""
    one, two = identifier.alias("one"), identifier.alias("two")
    first = func.coalesce(one.c.person_id, _statement.name)
    second = func.coalesce(two.c.person_id, _statement.other)
    listed = sorted(persons)
    of_persons = select(identifier.c.identifier).where(
        identifier.c.workspace_id == workspace_id, identifier.c.person_id.in_(listed)
    )
    rows = await connection.execute(
        select(first.label("first"), second.label("second"))
        .select_from(identity_statement)
        .outerjoin(
            one,
            (one.c.workspace_id == _statement.workspace_id) & (one.c.identifier == _statement.name),
        )
        .outerjoin(
            two,
            (two.c.workspace_id == _statement.workspace_id)
            & (two.c.identifier == _statement.other),
        )
        .where(
            _statement.workspace_id == workspace_id,
            or_(_statement.name.in_(of_persons), _statement.name.in_(listed)),
            _statement.kind == UNMERGE,
            first != second,
        )
        .distinct()
    )
    return {frozenset((row.first, row.second)) for row in rows}
