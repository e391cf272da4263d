"""What happened to an account: `/v1/accounts/{account_id}/history` and `.../timeline`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.api import cursors
from services.api.cursors import TouchpointPosition, TransitionPosition
from services.api.errors import Code, Refused
from services.api.operation import Answer, Call, Operation, json_answer
from services.api.queries import accounts, history
from services.api.queries.connections import workspace_transaction
from services.api.routes.accounts import ACCOUNT_ID
from services.api.schemas import accounts as schemas
from services.api.schemas import examples
from shared.clock import Clock
from shared.contracts.envelope import Envelope, decode
from shared.journey.model import Status
from shared.keys.principal import Scope


class HistoryRoutes:
    """Answers what happened to an account, and why."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """`engine` in the api's role; `clock` for visits that still last."""
        self._engine = engine
        self._clock = clock

    def operations(self) -> list[Operation]:
        """The calls of this resource."""
        return [
            Operation(
                method="GET",
                path="/v1/accounts/{account_id}/history",
                operation_id="getAccountHistory",
                tag="accounts",
                summary="Every move from stage to stage, with its cause",
                description=(
                    "Oldest first, as if every touchpoint had come in time. `dwell_seconds` is the"
                    " length of the visit that ended with the move; visits that still last are in"
                    " `open_visits`, with the time elapsed until now."
                ),
                scope=Scope.STAGES_READ,
                handler=self.history,
                parameters={"account_id": ACCOUNT_ID},
                query=schemas.HistoryQuery,
                answers=[
                    Answer(
                        status=200,
                        description="A page of transitions.",
                        schema=schemas.History,
                        example=examples.HISTORY,
                    )
                ],
                refusals=[Code.SUBJECT_UNKNOWN, Code.INVALID_CURSOR],
            ),
            Operation(
                method="GET",
                path="/v1/accounts/{account_id}/timeline",
                operation_id="getAccountTimeline",
                tag="accounts",
                summary="Every touchpoint of an account",
                description="By when they happened, newest first unless `order` says otherwise.",
                scope=Scope.STAGES_READ,
                handler=self.timeline,
                parameters={"account_id": ACCOUNT_ID},
                query=schemas.TimelineQuery,
                answers=[
                    Answer(
                        status=200,
                        description="A page of touchpoints.",
                        schema=schemas.Timeline,
                        example=examples.TIMELINE,
                    )
                ],
                refusals=[Code.SUBJECT_UNKNOWN, Code.INVALID_CURSOR],
            ),
        ]

    async def history(self, call: Call) -> Response:
        """A page of transitions."""
        asked = call.query(schemas.HistoryQuery)
        workspace_id = call.principal.workspace_id
        now = self._clock.now()
        async with workspace_transaction(self._engine, workspace_id) as connection:
            resolved = await accounts.resolve(connection, workspace_id, call.path["account_id"])
            if resolved is None:
                raise Refused(Code.SUBJECT_UNKNOWN)
            listing = f"history {resolved.subject_id}"
            after = (
                cursors.decode(asked.cursor, TransitionPosition, listing, asked)
                if asked.cursor is not None
                else None
            )
            rows = await history.transitions(
                connection,
                workspace_id,
                resolved.placed_ids(),
                journey=asked.journey,
                include_superseded=asked.include_superseded,
                after=after,
                limit=asked.limit + 1,
            )
            placed = await accounts.placements(
                connection,
                workspace_id,
                resolved.placed_ids(),
                accounts.Filters(journey=asked.journey),
            )
        page = rows[: asked.limit]
        next_cursor = None
        if len(rows) > asked.limit:
            last = page[-1]
            position = TransitionPosition(last.occurred_at, last.sequence, last.transition_id)
            next_cursor = cursors.encode(position, listing, asked)
        return json_answer(
            schemas.History(
                account_id=resolved.subject_id,
                items=[_transition(row) for row in page],
                open_visits=[
                    schemas.OpenVisit(
                        journey=row.journey,
                        stage=row.stage,
                        cycle=row.cycle,
                        entered_at=row.entered_at,
                        elapsed_seconds=max(0.0, (now - row.entered_at).total_seconds()),
                    )
                    for row in placed
                    if row.entered_at is not None and row.status != Status.ENDED
                ],
                next_cursor=next_cursor,
            )
        )

    async def timeline(self, call: Call) -> Response:
        """A page of touchpoints."""
        asked = call.query(schemas.TimelineQuery)
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            resolved = await accounts.resolve(connection, workspace_id, call.path["account_id"])
            if resolved is None:
                raise Refused(Code.SUBJECT_UNKNOWN)
            listing = f"timeline {resolved.subject_id}"
            after = (
                cursors.decode(asked.cursor, TouchpointPosition, listing, asked)
                if asked.cursor is not None
                else None
            )
            rows = await history.touchpoints(
                connection,
                workspace_id,
                resolved.subject_id,
                newest_first=asked.order == "newest",
                after=after,
                limit=asked.limit + 1,
            )
        page = rows[: asked.limit]
        next_cursor = None
        if len(rows) > asked.limit:
            position = TouchpointPosition(page[-1].occurred_at, page[-1].message_id)
            next_cursor = cursors.encode(position, listing, asked)
        return json_answer(
            schemas.Timeline(
                account_id=resolved.subject_id,
                items=[
                    _touchpoint(row, silence)
                    for row, silence in zip(page, _silences(asked, rows, after), strict=False)
                ],
                next_cursor=next_cursor,
            )
        )


def _transition(row: Any) -> schemas.Transition:  # noqa: ANN401 - a row of `history.transitions`
    return schemas.Transition(
        journey=row.journey,
        sequence=row.sequence,
        kind=row.kind,
        from_stage=row.from_stage,
        to_stage=row.to_stage,
        outcome=row.outcome,
        cycle=row.cycle,
        occurred_at=row.occurred_at,
        processed_at=row.processed_at,
        dwell_seconds=row.dwell_seconds,
        cause=schemas.Cause(
            message_id=row.cause_message_id, event=row.cause_event, timer=row.cause_timer
        ),
        rule=row.rule,
        map_version=row.map_version,
        superseded_at=row.superseded_at,
    )


def _silences(
    asked: schemas.TimelineQuery,
    rows: Sequence[history.TouchpointRow],
    after: TouchpointPosition | None,
) -> list[float | None]:
    """Seconds between each row and the one before it in time; None for the first of all.

    The neighbour of a page's edge is the row read beyond it, or the position that the page follows.
    """
    instants = [row.occurred_at for row in rows]
    if asked.order == "newest":
        earlier: list[datetime | None] = [*instants[1:], None]
    else:
        earlier = [after.occurred_at if after is not None else None, *instants]
    return [
        (instant - before).total_seconds() if before is not None else None
        for instant, before in zip(instants, earlier, strict=False)
    ]


def _touchpoint(row: history.TouchpointRow, silence_seconds: float | None) -> schemas.TimelineItem:
    sent = _sent(row)
    return schemas.TimelineItem(
        message_id=row.message_id,
        type=sent.type,
        event=sent.event,
        occurred_at=row.occurred_at,
        received_at=sent.received_at,
        processed_at=row.processed_at,
        silence_seconds=silence_seconds,
        person_id=row.person_id,
        channel=sent.channel,
        role=sent.role,
        properties=sent.properties,
        traits=sent.traits,
        account_traits=sent.account_traits,
        sentiment=sent.sentiment,
        emotion=sent.emotion,
        friction=sent.friction,
        thought=sent.thought,
        question=sent.question,
        survey=sent.survey,
        score=sent.score,
        logged_by=sent.logged_by,
        internal=sent.internal,
        campaign=msgspec.to_builtins(sent.campaign) if sent.campaign else None,
        value=sent.value,
    )


def _sent(row: history.TouchpointRow) -> Envelope:
    """The envelope. It was decoded once before it was stored, so it decodes."""
    try:
        return decode(row.envelope.encode("utf-8"))
    except msgspec.MsgspecError as exc:
        message = "a stored envelope does not decode: it is newer than this api"
        raise ValueError(message) from exc
