"""`/v1/journeys/{journey}/campaigns`: campaigns that preceded the entries into stages (R31)."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Row

from services.api.dependencies import Database, JourneyId, Maps, Now
from services.api.errors import Code, RequestRefused
from services.api.http.routing import ScopedRouter
from services.api.queries import campaigns as stored
from services.api.schemas import campaigns as schemas
from shared.journey.model import SubjectKind
from shared.keys.principal import Scope

router = ScopedRouter(prefix="/v1/journeys", tags=["journeys"])

_WINDOW = timedelta(days=90)


@router.get(
    "/{journey:encoded}/campaigns",
    operation_id="getJourneyCampaigns",
    scope=Scope.STAGES_READ,
    refusals=[Code.JOURNEY_UNKNOWN],
    summary="Campaigns before the entries into stages",
    response_description="Entries by stage and campaign, most first.",
    example=schemas.CAMPAIGNS_EXAMPLE,
)
async def get_journey_campaigns(
    journey: JourneyId,
    query: Annotated[schemas.CampaignsQuery, Query()],
    database: Database,
    maps: Maps,
    now: Now,
) -> schemas.Campaigns:
    """Number of entries into each stage, by the first or last campaign before the entry.

    A campaign that preceded an entry need not be its cause. Superseded entries do not count.
    """
    prepared = (await maps.newest(database.workspace_id)).get(journey)
    if prepared is None:
        raise RequestRefused(Code.JOURNEY_UNKNOWN)
    until = query.until or now
    since = query.since or until - _WINDOW
    async with database.transaction() as connection:
        rows = await stored.entries(
            connection,
            database.workspace_id,
            prepared.key,
            stored.Window(since=since, until=until),
            query.attribution,
            of_persons=prepared.subject is SubjectKind.PERSON,
            limit=query.limit,
        )
    return schemas.Campaigns(
        journey=prepared.key,
        since=since,
        until=until,
        attribution=query.attribution,
        items=[_entries(row) for row in rows],
    )


def _entries(row: Row[*tuple[Any, ...]]) -> schemas.CampaignEntries:
    named = {name: getattr(row, name) for name in stored.FIELDS}
    return schemas.CampaignEntries(
        stage=row.stage,
        campaign=schemas.CampaignName(**named) if any(named.values()) else None,
        entries=row.entries,
        accounts=row.subjects,
    )
