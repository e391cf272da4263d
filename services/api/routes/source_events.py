"""`/v1/sources/{source_id}/events` and `/usage`: what came in, what was said, what became of it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.api import cursors
from services.api.cursors import SourceEventPosition
from services.api.errors import Code
from services.api.operation import Answer, Call, Operation, json_answer
from services.api.queries import sources as seen
from services.api.queries.connections import workspace_transaction
from services.api.queries.sources import Found
from services.api.routes.sources import SOURCE_ID, existing
from services.api.schemas import source_examples as examples
from services.api.schemas import sources as schemas
from shared.clock import Clock
from shared.keys.principal import Scope
from shared.sources.event import Outcome


class SourceEventRoutes:
    """Shows what a source does."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """`engine` in the api's role; `clock` says which day it is."""
        self._engine = engine
        self._clock = clock

    def operations(self) -> list[Operation]:
        """The calls of this resource."""
        return [
            Operation(
                method="GET",
                path="/v1/sources/{source_id}/events",
                operation_id="listSourceEvents",
                tag="sources",
                summary="Newest events of a source, and what became of them",
                description=(
                    "A live debugger: an event is here within a second of its arrival, refusals"
                    " and their reasons included. The newest 200 are kept, at high rates not every"
                    " accepted one. To follow, ask for what came `after` the highest `id` seen,"
                    " less some: processes write side by side."
                ),
                scope=Scope.SOURCES_READ,
                handler=self.events,
                parameters={"source_id": SOURCE_ID},
                query=schemas.SourceEventsQuery,
                answers=[
                    Answer(
                        status=200,
                        description="A page of events.",
                        schema=schemas.SourceEvents,
                        example=examples.EVENTS,
                    )
                ],
                refusals=[Code.SOURCE_UNKNOWN, Code.INVALID_CURSOR],
            ),
            Operation(
                method="GET",
                path="/v1/sources/{source_id}/usage",
                operation_id="getSourceUsage",
                tag="sources",
                summary="Events of a source by day",
                description="Complete, unlike the list of newest events.",
                scope=Scope.SOURCES_READ,
                handler=self.usage,
                parameters={"source_id": SOURCE_ID},
                query=schemas.UsageQuery,
                answers=[
                    Answer(
                        status=200,
                        description="Usage.",
                        schema=schemas.Usage,
                        example=examples.USAGE,
                    )
                ],
                refusals=[Code.SOURCE_UNKNOWN],
            ),
        ]

    async def events(self, call: Call) -> Response:
        """A page of the newest events."""
        asked = call.query(schemas.SourceEventsQuery)
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            source = await existing(connection, call)
            listing = f"events of {source.source_id}"
            position = (
                cursors.decode(asked.cursor, SourceEventPosition, listing, asked)
                if asked.cursor is not None
                else None
            )
            rows = await seen.events(
                connection,
                workspace_id,
                source.source_id,
                outcome=asked.outcome,
                after=asked.after,
                before=None if position is None else position.source_event_id,
                limit=asked.limit + 1,
            )
            page = rows[: asked.limit]
            moves = await seen.transitions(connection, workspace_id, page)
        next_cursor = None
        if len(rows) > asked.limit:
            last = SourceEventPosition(page[-1].source_event_id)
            next_cursor = cursors.encode(last, listing, asked)
        items = [_event(row, moves) for row in page]
        return json_answer(schemas.SourceEvents(items=items, next_cursor=next_cursor))

    async def usage(self, call: Call) -> Response:
        """Usage by day."""
        asked = call.query(schemas.UsageQuery)
        workspace_id = call.principal.workspace_id
        since = self._clock.now().date() - timedelta(days=asked.days - 1)
        async with workspace_transaction(self._engine, workspace_id) as connection:
            source = await existing(connection, call)
            rows = await seen.usage(connection, workspace_id, source.source_id, since=since)
        items = [schemas.UsageItem(**row._mapping) for row in rows]  # noqa: SLF001 - a public name
        return json_answer(schemas.Usage(items=items))


def _event(row: Found, moves: Mapping[str, Sequence[Found]]) -> schemas.SourceEventItem:
    is_accepted = row.outcome == Outcome.ACCEPTED
    return schemas.SourceEventItem(
        id=row.source_event_id,
        received_at=row.received_at,
        route=row.route,
        outcome=row.outcome,
        code=row.code,
        detail=row.detail,
        message_id=row.message_id,
        event=row.event,
        person=row.person,
        account_id=row.account_id,
        became=_became(row, moves) if is_accepted else None,
    )


def _became(row: Found, moves: Mapping[str, Sequence[Found]]) -> schemas.Became:
    """What is stored says it: a touchpoint, made by this delivery or by another; a dead letter."""
    if row.processed_at is not None:
        return schemas.Became(
            state="applied" if row.is_this else "duplicate",
            processed_at=row.processed_at,
            subject_id=row.subject_id,
            reason=None,
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
    is_letter = row.letter_at is not None and row.erased_at is None
    state = "dead_letter" if is_letter else "pending" if row.erased_at is None else "applied"
    return schemas.Became(
        state=state,
        processed_at=row.letter_at if is_letter else row.erased_at,
        subject_id=None,
        reason=row.letter_reason if is_letter else None,
        detail=row.letter_detail if is_letter else None,
        transitions=[],
    )
