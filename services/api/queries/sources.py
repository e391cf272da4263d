"""SQL on the activity of a source: its keys, its newest events with their outcome, its usage."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, cast, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import WorkspaceId
from shared.sources.event import Outcome
from shared.storage.retractions.tables import retraction
from shared.storage.schema import Instant
from shared.storage.source_tables import conflicting_event, erasure, source_event, source_usage
from shared.storage.tables import api_key, dead_letter, touchpoint, transition

ResultRow = Row[*tuple[Any, ...]]


# Filters by workspace as well: `api_key` is readable without a workspace, for authentication.
_KEYS = select(
    api_key.c.key_id,
    api_key.c.label,
    api_key.c.created_at,
    api_key.c.expires_at,
    api_key.c.revoked_at,
).order_by(api_key.c.created_at.desc(), api_key.c.key_id)


async def keys(
    connection: AsyncConnection, workspace_id: WorkspaceId, source_id: str
) -> Sequence[ResultRow]:
    """Keys that are bound to the source, newest first."""
    rows = await connection.execute(
        _KEYS.where(api_key.c.workspace_id == workspace_id, api_key.c.source_id == source_id)
    )
    return rows.all()


async def revoke_key(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    source_id: str,
    key_id: str,
    now: datetime,
) -> bool:
    """Revoke a key of the source for good; False if it has no unrevoked key with this id."""
    revoked = await connection.execute(
        update(api_key)
        .where(
            api_key.c.workspace_id == workspace_id,
            api_key.c.source_id == source_id,
            api_key.c.key_id == key_id,
            api_key.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    return bool(revoked.rowcount)


def _events(workspace_id: WorkspaceId, source_id: str) -> Any:  # noqa: ANN401 - a subquery
    """The stored events of a source: some hundred rows by the primary key.

    `place` counts deliveries of one message within one request.
    """
    place = func.row_number().over(
        partition_by=(source_event.c.message_id, source_event.c.received_at),
        order_by=source_event.c.source_event_id,
    )
    return (
        select(source_event, place.label("place"))
        .where(source_event.c.workspace_id == workspace_id, source_event.c.source_id == source_id)
        .subquery("e")
    )


async def events(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    source_id: str,
    *,
    outcome: Outcome | None = None,
    after: int | None = None,
    before: int | None = None,
    limit: int,
) -> Sequence[ResultRow]:
    """Newest events, newest first, between the ids `after` and `before`, with their outcome.

    `is_this`: this very delivery was stored as the touchpoint; `conflicting_at` is set for a duplicate of it
    with other content. Each join is a look-up by key.
    """
    e = _events(workspace_id, source_id)
    newest_dead_letter = (
        select(dead_letter.c.reason, dead_letter.c.detail, dead_letter.c.created_at)
        .where(
            dead_letter.c.workspace_id == e.c.workspace_id,
            dead_letter.c.message_id == e.c.message_id,
            e.c.outcome == Outcome.ACCEPTED.value,
        )
        .order_by(dead_letter.c.dead_letter_id.desc())
        .limit(1)
        .lateral("newest_dead_letter")
    )
    retracted = (
        select(retraction.c.requested_at)
        .where(
            retraction.c.workspace_id == e.c.workspace_id,
            or_(
                and_(retraction.c.kind == "message", retraction.c.target == e.c.message_id),
                and_(retraction.c.kind == "import", retraction.c.target == e.c.import_id),
            ),
        )
        .order_by(retraction.c.requested_at)
        .limit(1)
        .scalar_subquery()
    )
    received = cast(touchpoint.c.envelope["received_at"].as_string(), Instant)
    query = (
        select(
            e,
            touchpoint.c.subject_id,
            touchpoint.c.person_id,
            touchpoint.c.processed_at,
            and_(received == e.c.received_at, e.c.place == 1).label("is_this"),
            conflicting_event.c.received_at.label("conflicting_at"),
            erasure.c.erased_at,
            retracted.label("retracted_at"),
            newest_dead_letter.c.reason.label("dead_letter_reason"),
            newest_dead_letter.c.detail.label("dead_letter_detail"),
            newest_dead_letter.c.created_at.label("dead_letter_at"),
        )
        .outerjoin(
            touchpoint,
            and_(
                touchpoint.c.workspace_id == e.c.workspace_id,
                touchpoint.c.message_id == e.c.message_id,
                e.c.outcome == Outcome.ACCEPTED.value,
            ),
        )
        .outerjoin(
            conflicting_event,
            and_(
                conflicting_event.c.workspace_id == e.c.workspace_id,
                conflicting_event.c.message_id == e.c.message_id,
                conflicting_event.c.received_at == e.c.received_at,
            ),
        )
        .outerjoin(
            erasure,
            and_(
                erasure.c.workspace_id == e.c.workspace_id,
                erasure.c.message_id == e.c.message_id,
                e.c.outcome == Outcome.ACCEPTED.value,
            ),
        )
        .outerjoin(newest_dead_letter, literal(value=True))
        .order_by(e.c.source_event_id.desc())
        .limit(limit)
    )
    if outcome is not None:
        query = query.where(e.c.outcome == outcome.value)
    if after is not None:
        query = query.where(e.c.source_event_id > after)
    if before is not None:
        query = query.where(e.c.source_event_id < before)
    return (await connection.execute(query)).all()


# Filtered by subject, which the index of transitions begins with; a person's own journey counts too.
_TRANSITIONS = select(
    transition.c.cause_message_id,
    transition.c.journey,
    transition.c.kind,
    transition.c.from_stage,
    transition.c.to_stage,
    transition.c.outcome,
).order_by(transition.c.transition_id)


async def transitions(
    connection: AsyncConnection, workspace_id: WorkspaceId, events: Sequence[ResultRow]
) -> Mapping[str, list[ResultRow]]:
    """Current transitions caused by `events`, by message id."""
    message_ids = [row.message_id for row in events if row.subject_id is not None]
    if not message_ids:
        return {}
    subjects = {row.subject_id for row in events} | {row.person_id for row in events}
    rows = await connection.execute(
        _TRANSITIONS.where(
            transition.c.workspace_id == workspace_id,
            transition.c.subject_id.in_(sorted(subjects - {None})),
            transition.c.cause_message_id.in_(message_ids),
            transition.c.superseded_at.is_(None),
        )
    )
    moves: dict[str, list[ResultRow]] = {}
    for row in rows:
        moves.setdefault(row.cause_message_id, []).append(row)
    return moves


async def usage(
    connection: AsyncConnection, workspace_id: WorkspaceId, source_id: str, *, since: date
) -> Sequence[ResultRow]:
    """Usage by UTC day, newest first."""
    rows = await connection.execute(
        select(
            source_usage.c.day,
            source_usage.c.accepted,
            source_usage.c.refused,
            source_usage.c.dropped,
        )
        .where(
            source_usage.c.workspace_id == workspace_id,
            source_usage.c.source_id == source_id,
            source_usage.c.day >= since,
        )
        .order_by(source_usage.c.day.desc())
    )
    return rows.all()
