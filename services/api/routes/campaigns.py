"""`/v1/journeys/{journey}/campaigns`: which campaigns stood before the entries into stages (R31)."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.api.errors import Code, RequestRefused
from services.api.maps.cache import MapCache
from services.api.operation import Answer, Call, Operation, json_answer
from services.api.queries import campaigns as stored
from services.api.queries.connections import workspace_transaction
from services.api.schemas import campaigns as schemas
from services.api.schemas import examples
from shared.clock import Clock
from shared.journey.model import SubjectKind
from shared.keys.principal import Scope

_WINDOW = timedelta(days=90)


class CampaignRoutes:
    """Answers for the campaigns of a journey."""

    def __init__(self, engine: AsyncEngine, maps: MapCache, clock: Clock) -> None:
        """`engine` in the api's role; `clock` ends a window that is left open."""
        self._engine = engine
        self._maps = maps
        self._clock = clock

    def operations(self) -> list[Operation]:
        """The one call."""
        return [
            Operation(
                method="GET",
                path="/v1/journeys/{journey}/campaigns",
                operation_id="getJourneyCampaigns",
                tag="journeys",
                summary="Campaigns before the entries into stages",
                description=(
                    "For each stage, how often an account entered it, by the first or last campaign"
                    " that it had met until then. It counts what came before, and does not say what"
                    " caused it. Superseded entries do not count."
                ),
                scope=Scope.STAGES_READ,
                handler=self.campaigns,
                query=schemas.CampaignsQuery,
                parameters={"journey": "The journey's key."},
                answers=[
                    Answer(
                        status=200,
                        description="Entries by stage and campaign, most first.",
                        schema=schemas.Campaigns,
                        example=examples.CAMPAIGNS,
                    )
                ],
                refusals=[Code.JOURNEY_UNKNOWN],
            )
        ]

    async def campaigns(self, call: Call) -> Response:
        """Count the entries."""
        asked = call.query(schemas.CampaignsQuery)
        workspace_id = call.principal.workspace_id
        journey = (await self._maps.newest(workspace_id)).get(call.path["journey"])
        if journey is None:
            raise RequestRefused(Code.JOURNEY_UNKNOWN)
        until = asked.until or self._clock.now()
        since = asked.since or until - _WINDOW
        async with workspace_transaction(self._engine, workspace_id) as connection:
            rows = await stored.entries(
                connection,
                workspace_id,
                journey.key,
                stored.Window(since=since, until=until),
                asked.attribution,
                of_persons=journey.subject is SubjectKind.PERSON,
                limit=asked.limit,
            )
        return json_answer(
            schemas.Campaigns(
                journey=journey.key,
                since=since,
                until=until,
                attribution=asked.attribution,
                items=[_entries(row) for row in rows],
            )
        )


def _entries(row: Row[*tuple[Any, ...]]) -> schemas.CampaignEntries:
    named = {name: getattr(row, name) for name in stored.FIELDS}
    return schemas.CampaignEntries(
        stage=row.stage,
        campaign=schemas.CampaignName(**named) if any(named.values()) else None,
        entries=row.entries,
        accounts=row.subjects,
    )
