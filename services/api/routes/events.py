"""`/v1/events`: the names of events."""

import asyncio
from collections.abc import Sequence

from services.api.dependencies import Database, Maps
from services.api.http.routing import ScopedRouter
from services.api.maps.events import KnownEvents, known_events
from services.api.queries import events as queries
from services.api.queries.sources import ResultRow
from services.api.schemas import events as schemas
from shared.keys.principal import Scope

router = ScopedRouter(prefix="/v1/events", tags=["sources"])


@router.get(
    "",
    operation_id="listEventNames",
    scope=Scope.SOURCES_READ,
    refusals=[],
    summary="Names of events, and which of them the maps know",
    response_description="The names.",
    example=schemas.EVENT_NAMES_EXAMPLE,
)
async def list_event_names(database: Database, maps: Maps) -> schemas.EventNames:
    """Names that came, the most frequent first; then those that maps wait for and that never came.

    Counts appear within seconds, and begin with the version of Stageline that introduced them. The first
    2,000 names of a workspace are counted.
    """
    async with database.transaction() as connection:
        rows = await queries.names(connection, database.workspace_id)
    newest = await maps.newest(database.workspace_id)
    # Comparing many names takes longer than the event loop may be held.
    return await asyncio.to_thread(lambda: _names(rows, known_events(newest)))


def _names(rows: Sequence[ResultRow], map_events: KnownEvents) -> schemas.EventNames:
    items = [
        schemas.EventName(
            event=row.event,
            accepted=row.accepted,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            journeys=map_events.journeys.get(row.event, []),
            meant=map_events.meant(row.event),
        )
        for row in rows
    ]
    came = {row.event for row in rows}
    items += [
        schemas.EventName(
            event=event,
            accepted=0,
            first_seen_at=None,
            last_seen_at=None,
            journeys=map_events.journeys[event],
            meant=None,
        )
        for event in sorted(map_events.journeys.keys() - came)
    ]
    return schemas.EventNames(items=items)
