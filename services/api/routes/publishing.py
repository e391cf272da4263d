"""`/v1/journeys/{journey}:...`: which journeys are in force, and which one is the default."""

from services.api.dependencies import Caller, Context, Database, JourneyId, Now
from services.api.errors import Code, RequestRefused
from services.api.http.routing import ScopedRouter
from services.api.schemas import journeys as schemas
from shared.keys.principal import Scope
from shared.storage import journeys as stored

router = ScopedRouter(prefix="/v1/journeys", tags=["journeys"])


@router.post(
    "/{journey:encoded}:make_default",
    operation_id="makeJourneyDefault",
    scope=Scope.MAPS_WRITE,
    refusals=[Code.JOURNEY_UNKNOWN],
    summary="Make a journey the default of the workspace",
    response_description="The default journey.",
    example=schemas.DEFAULT_EXAMPLE,
)
async def make_journey_default(
    journey: JourneyId, context: Context, database: Database
) -> schemas.DefaultJourney:
    """Queries that name no journey are answered for the default one, within two seconds.

    As long as none was chosen, or the chosen one is retired, it is the journey that was published first.
    """
    async with database.transaction() as connection:
        if not await stored.set_default(connection, database.workspace_id, journey):
            raise RequestRefused(Code.JOURNEY_UNKNOWN)
    context.maps.invalidate_newest(database.workspace_id)
    return schemas.DefaultJourney(key=journey)


@router.post(
    "/{journey:encoded}:retire",
    operation_id="retireJourney",
    scope=Scope.MAPS_WRITE,
    refusals=[Code.JOURNEY_UNKNOWN],
    summary="Retire a journey",
    response_description="The journey is retired.",
    example=schemas.RETIRED_EXAMPLE,
)
async def retire_journey(
    journey: JourneyId, caller: Caller, context: Context, database: Database, now: Now
) -> schemas.Retired:
    """From now on no event moves an account on this journey, and no query is answered for it.

    In the background its placements and deadlines are removed, its open alerts resolved, and its
    transitions superseded; touchpoints and map versions stay. Publishing the journey again brings it all
    back. Repeating changes nothing.
    """
    async with database.transaction() as connection:
        retired = await stored.retire(
            connection, database.workspace_id, journey, caller.key_id, now
        )
    if retired is None:
        raise RequestRefused(Code.JOURNEY_UNKNOWN)
    context.maps.invalidate_newest(database.workspace_id)
    return schemas.Retired(key=journey, version=retired.version, changed=retired.changed)
