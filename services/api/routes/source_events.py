"""`/v1/sources/{source_id}/events` and `/usage`: newest events with their outcome, counts by day."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.cursors import SourceEventPosition
from services.api.dependencies import Database, Maps, Now
from services.api.errors import Code
from services.api.http.routing import ScopedRouter
from services.api.maps.events import KnownEvents, known_events
from services.api.pagination import paginate, position
from services.api.queries import sources as queries
from services.api.queries.sources import ResultRow
from services.api.routes.sources import SourceId, existing
from services.api.schemas import source_events as schemas
from shared.contracts.message_ids import as_sent
from shared.ids import WorkspaceId
from shared.keys.principal import Scope
from shared.sources.event import NO_SOURCE, Outcome
from shared.sources.retraction import ROUTES

router = ScopedRouter(prefix="/v1/sources", tags=["sources"])


@router.get(
    "/{source_id:encoded}/events",
    operation_id="listSourceEvents",
    scope=Scope.SOURCES_READ,
    refusals=[Code.SOURCE_UNKNOWN, Code.INVALID_CURSOR],
    summary="Newest events of a source, and what became of them",
    response_description="A page of events.",
    example=schemas.SOURCE_EVENTS_EXAMPLE,
)
async def list_source_events(
    source_id: SourceId,
    query: Annotated[schemas.SourceEventsQuery, Query()],
    database: Database,
    maps: Maps,
) -> schemas.SourceEvents:
    """A live debugger: shows an event, or its refusal and the reason, within a second of its arrival.

    The newest 200 are kept, at high rates not every accepted one. To poll for new ones, pass as
    `after` the highest `id` seen so far, less a margin: processes write concurrently. The id `none`
    is for the keys of the workspace that belong to no source.
    """
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        watched = await _watched(connection, workspace_id, source_id)
        listing = f"events of {watched}"
        before = position(query, SourceEventPosition, listing)
        rows = await queries.events(
            connection,
            workspace_id,
            watched,
            outcome=query.outcome,
            after=query.after,
            before=None if before is None else before.source_event_id,
            limit=query.limit + 1,
        )
        page = paginate(rows, query, listing, lambda row: SourceEventPosition(row.source_event_id))
        moves = await queries.transitions(connection, workspace_id, page.rows)
    map_events = known_events(await maps.newest(workspace_id))
    return schemas.SourceEvents(
        items=[_event(row, moves, map_events) for row in page.rows], next_cursor=page.next_cursor
    )


@router.get(
    "/{source_id:encoded}/usage",
    operation_id="getSourceUsage",
    scope=Scope.SOURCES_READ,
    refusals=[Code.SOURCE_UNKNOWN],
    summary="Events of a source by day",
    response_description="Usage.",
    example=schemas.USAGE_EXAMPLE,
)
async def get_source_usage(
    source_id: SourceId,
    query: Annotated[schemas.UsageQuery, Query()],
    database: Database,
    now: Now,
) -> schemas.Usage:
    """Complete, unlike the list of newest events. The id `none`: keys without a source."""
    since = now.date() - timedelta(days=query.days - 1)
    async with database.transaction() as connection:
        watched = await _watched(connection, database.workspace_id, source_id)
        rows = await queries.usage(connection, database.workspace_id, watched, since=since)
    items = [schemas.UsageItem(**row._mapping) for row in rows]  # noqa: SLF001 - a public name
    return schemas.Usage(items=items)


async def _watched(connection: AsyncConnection, workspace_id: WorkspaceId, source_id: str) -> str:
    """The id under which events are stored. Raises RequestRefused(source_unknown)."""
    if source_id == NO_SOURCE:
        return NO_SOURCE
    return (await existing(connection, workspace_id, source_id)).source_id


def _event(
    row: ResultRow, moves: Mapping[str, Sequence[ResultRow]], map_events: KnownEvents
) -> schemas.SourceEventItem:
    is_accepted = row.outcome == Outcome.ACCEPTED
    return schemas.SourceEventItem(
        id=row.source_event_id,
        received_at=row.received_at,
        route=row.route,
        outcome=row.outcome,
        code=row.code,
        detail=row.detail,
        message_id=None if row.message_id is None else as_sent(row.message_id),
        event=row.event,
        meant=None if row.event is None else map_events.meant(row.event),
        person=row.person,
        account_id=row.account_id,
        became=_became(row, moves) if is_accepted else None,
    )


def _became(row: ResultRow, moves: Mapping[str, Sequence[ResultRow]]) -> schemas.Became:
    """State by what is stored: a touchpoint, of this delivery or another; a dead letter; an erasure."""
    if row.processed_at is not None:
        return schemas.Became(
            state="applied" if row.is_this else "duplicate",
            processed_at=row.processed_at,
            subject_id=row.subject_id,
            reason=None if row.is_this or row.conflicting_at is None else schemas.OTHER_CONTENT,
            detail=None,
            transitions=[
                schemas.CausedTransition(
                    journey=move.journey,
                    kind=move.kind,
                    from_stage=move.from_stage,
                    to_stage=move.to_stage,
                    outcome=move.outcome,
                )
                for move in (moves.get(row.message_id, ()) if row.is_this else ())
            ],
        )
    if row.retracted_at is not None or row.route in ROUTES:
        is_request = row.route in ROUTES
        return schemas.Became(
            state="applied" if is_request else "retracted",
            processed_at=None if is_request else row.retracted_at,
            subject_id=None,
            reason=None,
            detail=None,
            transitions=[],
        )
    is_dead_letter = row.dead_letter_at is not None and row.erased_at is None
    state = "dead_letter" if is_dead_letter else "pending" if row.erased_at is None else "applied"
    return schemas.Became(
        state=state,
        processed_at=row.dead_letter_at if is_dead_letter else row.erased_at,
        subject_id=None,
        reason=row.dead_letter_reason if is_dead_letter else None,
        detail=row.dead_letter_detail if is_dead_letter else None,
        transitions=[],
    )
