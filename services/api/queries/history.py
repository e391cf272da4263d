"""SQL on the history of an account: transitions, touchpoints, folded states."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Text, cast, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.cursors import TouchpointPosition, TransitionPosition
from shared.ids import WorkspaceId
from shared.storage.tables import TOUCHPOINT_ORDER, subject, touchpoint, transition


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchpointRow:
    """A stored touchpoint; `envelope` is its JSON as ingest wrote it."""

    message_id: str
    person_id: str | None
    occurred_at: datetime
    tie: int
    processed_at: datetime
    envelope: str


_ORDER = (transition.c.occurred_at, transition.c.sequence, transition.c.transition_id)

# Transitions of one account, by the index on (subject, transition_id); usually some dozens.
_TRANSITIONS = select(
    transition.c.transition_id,
    transition.c.journey,
    transition.c.sequence,
    transition.c.kind,
    transition.c.from_stage,
    transition.c.to_stage,
    transition.c.outcome,
    transition.c.cycle,
    transition.c.occurred_at,
    transition.c.processed_at,
    transition.c.dwell_seconds,
    transition.c.cause_message_id,
    transition.c.cause_event,
    transition.c.cause_timer,
    transition.c.rule,
    transition.c.map_version,
    transition.c.superseded_at,
).order_by(*_ORDER)


async def transitions(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    subject_ids: Sequence[str],
    *,
    journey: str | None,
    include_superseded: bool,
    after: TransitionPosition | None,
    limit: int,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """At most `limit` transitions by event time, oldest first, after the position `after`."""
    statement = _TRANSITIONS.where(
        transition.c.workspace_id == workspace_id, transition.c.subject_id.in_(subject_ids)
    ).limit(limit)
    if journey is not None:
        statement = statement.where(transition.c.journey == journey)
    if not include_superseded:
        statement = statement.where(transition.c.superseded_at.is_(None))
    if after is not None:
        position = (after.occurred_at, after.sequence, after.transition_id)
        statement = statement.where(tuple_(*_ORDER) > tuple_(*position))
    return (await connection.execute(statement)).all()


# Touchpoints of one account in either direction, along the index on (subject, occurred_at, message_id); those
# of one instant are sorted.
_TOUCHPOINTS = select(
    touchpoint.c.message_id,
    touchpoint.c.person_id,
    touchpoint.c.occurred_at,
    touchpoint.c.tie,
    touchpoint.c.processed_at,
    cast(touchpoint.c.envelope, Text).label("envelope"),
)


async def touchpoints(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    subject_id: str,
    *,
    newest_first: bool,
    after: TouchpointPosition | None,
    limit: int,
) -> list[TouchpointRow]:
    """At most `limit` touchpoints by event time, after the position `after`."""
    statement = (
        _TOUCHPOINTS.where(
            touchpoint.c.workspace_id == workspace_id, touchpoint.c.subject_id == subject_id
        )
        .order_by(*(column.desc() if newest_first else column for column in TOUCHPOINT_ORDER))
        .limit(limit)
    )
    if after is not None:
        position = tuple_(after.occurred_at, after.tie, after.message_id)
        statement = statement.where(
            tuple_(*TOUCHPOINT_ORDER) < position
            if newest_first
            else tuple_(*TOUCHPOINT_ORDER) > position
        )
    rows = await connection.execute(statement)
    return [TouchpointRow(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


# The folded states of subjects, as the stager stores them.
_STATES = select(subject.c.subject_id, subject.c.states)


async def states(
    connection: AsyncConnection, workspace_id: WorkspaceId, subject_ids: Sequence[str]
) -> dict[str, bytes]:
    """Folded states by subject: JSON of {journey: {"v": map version, "s": state}}."""
    rows = await connection.execute(
        _STATES.where(subject.c.workspace_id == workspace_id, subject.c.subject_id.in_(subject_ids))
    )
    return {row.subject_id: bytes(row.states) for row in rows}
