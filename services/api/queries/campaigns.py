"""SQL on the campaigns that preceded entries into stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import FromClause, Row, and_, cast, func, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import WorkspaceId
from shared.storage.identity.tables import member
from shared.storage.tables import TOUCHPOINT_ORDER, touchpoint, transition

Attribution = Literal["first", "last"]

FIELDS = ("name", "source", "medium", "term", "content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Interval of entries: `since` included, `until` excluded."""

    since: datetime
    until: datetime


async def entries(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    journey: str,
    window: Window,
    attribution: Attribution,
    *,
    of_persons: bool,
    limit: int,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Stage, campaign (None: no earlier touchpoint has one), entries and subjects; most entries first.

    `of_persons`: the journey's subjects are persons, whose touchpoints are stored under their accounts.
    Cost: reads the transitions of the window, and for each its subject's touchpoints back to the
    campaign; meant for reports, not for page views.
    """
    campaign = cast(touchpoint.c.envelope, JSONB)["campaign"]
    touchpoints: FromClause = touchpoint
    is_of_subject = touchpoint.c.subject_id == transition.c.subject_id
    if of_persons:
        touchpoints = touchpoint.join(
            member,
            and_(
                member.c.workspace_id == touchpoint.c.workspace_id,
                member.c.subject_id == touchpoint.c.subject_id,
                member.c.person_id == touchpoint.c.person_id,
            ),
        )
        is_of_subject = member.c.person_id == transition.c.subject_id
    before = (
        select(campaign.label("campaign"))
        .select_from(touchpoints)
        .where(
            touchpoint.c.workspace_id == transition.c.workspace_id,
            is_of_subject,
            touchpoint.c.occurred_at <= transition.c.occurred_at,
            campaign.is_not(None),
        )
        .order_by(
            *(column.desc() if attribution == "last" else column for column in TOUCHPOINT_ORDER)
        )
        .limit(1)
        .correlate(transition)
        .lateral("before")
    )
    fields = [before.c.campaign[name].astext.label(name) for name in FIELDS]
    statement = (
        select(
            transition.c.to_stage.label("stage"),
            *fields,
            func.count().label("entries"),
            func.count(transition.c.subject_id.distinct()).label("subjects"),
        )
        .select_from(transition.outerjoin(before, true()))
        .where(
            transition.c.workspace_id == workspace_id,
            transition.c.journey == journey,
            transition.c.superseded_at.is_(None),
            transition.c.to_stage.is_not(None),
            transition.c.occurred_at >= window.since,
            transition.c.occurred_at < window.until,
        )
        .group_by(transition.c.to_stage, *fields)
        .order_by(func.count().desc(), transition.c.to_stage, *fields)
        .limit(limit)
    )
    return (await connection.execute(statement)).all()
