"""History of an account: `/v1/accounts/{account_id}/history` and `.../timeline`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Query

from services.api.cursors import TouchpointPosition, TransitionPosition
from services.api.dependencies import AccountId, Database, Now
from services.api.errors import Code, RequestRefused
from services.api.http.routing import ScopedRouter
from services.api.pagination import paginate, position
from services.api.queries import accounts, history
from services.api.schemas import history as schemas
from shared.contracts.envelope import Envelope, decode
from shared.contracts.message_ids import as_sent
from shared.journey.model import Status
from shared.keys.principal import Scope

router = ScopedRouter(prefix="/v1/accounts", tags=["accounts"])


@router.get(
    "/{account_id:encoded}/history",
    operation_id="getAccountHistory",
    scope=Scope.STAGES_READ,
    refusals=[Code.SUBJECT_UNKNOWN, Code.INVALID_CURSOR],
    summary="Transitions of an account, with their causes",
    response_description="A page of transitions.",
    example=schemas.HISTORY_EXAMPLE,
)
async def get_account_history(
    account_id: AccountId,
    query: Annotated[schemas.HistoryQuery, Query()],
    database: Database,
    now: Now,
) -> schemas.History:
    """Oldest first, as if every touchpoint had arrived in the order of event time.

    `dwell_seconds` is the length of the visit that ended with the transition; visits that have not
    ended are in `open_visits`, with the time elapsed until now.
    """
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        resolved = await accounts.resolve(connection, workspace_id, account_id)
        if resolved is None:
            raise RequestRefused(Code.SUBJECT_UNKNOWN)
        listing = f"history {resolved.subject_id}"
        rows = await history.transitions(
            connection,
            workspace_id,
            resolved.placed_ids(),
            journey=query.journey,
            include_superseded=query.include_superseded,
            after=position(query, TransitionPosition, listing),
            limit=query.limit + 1,
        )
        placements = await accounts.placements(
            connection,
            workspace_id,
            resolved.placed_ids(),
            accounts.Filters(journey=query.journey),
        )
    page = paginate(
        rows,
        query,
        listing,
        lambda row: TransitionPosition(row.occurred_at, row.sequence, row.transition_id),
    )
    return schemas.History(
        account_id=resolved.subject_id,
        items=[_transition(row) for row in page.rows],
        open_visits=[
            schemas.OpenVisit(
                journey=row.journey,
                stage=row.stage,
                cycle=row.cycle,
                entered_at=row.entered_at,
                elapsed_seconds=max(0.0, (now - row.entered_at).total_seconds()),
            )
            for row in placements
            if row.entered_at is not None and row.status != Status.ENDED
        ],
        next_cursor=page.next_cursor,
    )


@router.get(
    "/{account_id:encoded}/timeline",
    operation_id="getAccountTimeline",
    scope=Scope.STAGES_READ,
    refusals=[Code.SUBJECT_UNKNOWN, Code.INVALID_CURSOR],
    summary="Every touchpoint of an account",
    response_description="A page of touchpoints.",
    example=schemas.TIMELINE_EXAMPLE,
)
async def get_account_timeline(
    account_id: AccountId, query: Annotated[schemas.TimelineQuery, Query()], database: Database
) -> schemas.Timeline:
    """By event time, newest first unless `order` is `oldest`."""
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        resolved = await accounts.resolve(connection, workspace_id, account_id)
        if resolved is None:
            raise RequestRefused(Code.SUBJECT_UNKNOWN)
        listing = f"timeline {resolved.subject_id}"
        after = position(query, TouchpointPosition, listing)
        rows = await history.touchpoints(
            connection,
            workspace_id,
            resolved.subject_id,
            newest_first=query.order == "newest",
            after=after,
            limit=query.limit + 1,
        )
    page = paginate(
        rows,
        query,
        listing,
        lambda row: TouchpointPosition(row.occurred_at, row.message_id, row.tie),
    )
    return schemas.Timeline(
        account_id=resolved.subject_id,
        items=[
            _touchpoint(row, silence)
            for row, silence in zip(page.rows, _silences(query, rows, after), strict=False)
        ],
        next_cursor=page.next_cursor,
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
            message_id=_shown_id(row.cause_message_id), event=row.cause_event, timer=row.cause_timer
        ),
        rule=row.rule,
        map_version=row.map_version,
        superseded_at=row.superseded_at,
    )


def _shown_id(message_id: str | None) -> str | None:
    return None if message_id is None else as_sent(message_id)


def _silences(
    query: schemas.TimelineQuery,
    rows: Sequence[history.TouchpointRow],
    after: TouchpointPosition | None,
) -> list[float | None]:
    """Seconds between each row and the one before it in time; None for the first of all.

    For a row at the edge of the page, the one before is the extra row or the position of the cursor.
    """
    instants = [row.occurred_at for row in rows]
    if query.order == "newest":
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
        message_id=as_sent(row.message_id),
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
