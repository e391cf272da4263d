"""Around publishing: a preview, the way back, which journeys are in force, which one is the default."""

import asyncio

from fastapi import Request

from services.api.dependencies import Caller, Context, Database, JourneyId, Now
from services.api.errors import Code, RequestRefused
from services.api.http.map_body import MAP_BODY, read_map
from services.api.http.routing import ScopedRouter
from services.api.maps.preview import ABSENT, changed_positions, key_changes
from services.api.queries import preview as queries
from services.api.schemas import journeys as schemas
from shared.journey.compile import compile_journey
from shared.journey.model import SubjectKind
from shared.keys.principal import Scope
from shared.maps import to_journey
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


@router.post(
    "/{journey:encoded}:rollback",
    operation_id="rollBackJourney",
    scope=Scope.MAPS_WRITE,
    refusals=[Code.JOURNEY_UNKNOWN, Code.NO_EARLIER_MAP],
    summary="Publish the map before this one again",
    response_description="The new version.",
    example=schemas.ROLLED_BACK_EXAMPLE,
)
async def roll_back_journey(
    journey: JourneyId, caller: Caller, context: Context, database: Database, now: Now
) -> schemas.RolledBack:
    """The newest earlier map that differs from the one in force becomes the next version.

    A journey that was retired is put in force again. A second call undoes the first.
    """
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        if await stored.get(connection, workspace_id, journey) is None:
            raise RequestRefused(Code.JOURNEY_UNKNOWN)
        done = await stored.roll_back(connection, workspace_id, journey, caller.key_id, now)
    if done is None:
        raise RequestRefused(Code.NO_EARLIER_MAP)
    context.maps.invalidate_newest(workspace_id)
    return schemas.RolledBack(key=journey, version=done.version, restored=done.restored)


@router.post(
    ":preview",
    operation_id="previewJourney",
    scope=Scope.MAPS_WRITE,
    refusals=[Code.MAP_INVALID],
    summary="What publishing a map would change",
    response_description="The moves of subjects, and what the map adds and removes.",
    example=schemas.PREVIEW_EXAMPLE,
    body=MAP_BODY,
)
async def preview_journey(
    request: Request, context: Context, database: Database, now: Now
) -> schemas.Preview:
    """Folds histories by the map in the body, and compares with where their subjects stand. Writes nothing.

    At most the first 500 subjects by id, and 10,000 touchpoints, are folded; `folded` and `total` say
    how many of how many.
    """
    document, _ = await read_map(request, max_bytes=context.max_map_bytes)
    workspace_id, key = database.workspace_id, document.journey
    async with database.transaction() as connection:
        newest = await stored.get(connection, workspace_id, key)
        sample = await queries.sample(connection, workspace_id, SubjectKind(document.subject))
        before = await queries.positions(connection, workspace_id, key, list(sample.histories))
    in_force = None if newest is None or newest.is_retired else newest
    version = 1 if newest is None else newest.version + 1

    def changes() -> list[schemas.Move]:
        compiled = compile_journey(to_journey(document, version))
        counted = changed_positions(compiled, sample.histories, before, now)
        return [
            schemas.Move(
                from_stage=earlier[0],
                from_outcome=earlier[1],
                to_stage=later[0],
                to_outcome=later[1],
                subjects=subjects,
            )
            for (earlier, later), subjects in counted.most_common()
        ]

    # Folding thousands of touchpoints takes longer than the event loop may be held.
    moves = await asyncio.to_thread(changes)
    definition = in_force.definition if in_force else {}
    stages_added, stages_removed, _ = key_changes(definition, document.definition(), "stages")
    outcomes = key_changes(definition, document.definition(), "outcomes")
    return schemas.Preview(
        key=key,
        version=in_force.version if in_force else None,
        total=sample.total,
        folded=len(sample.histories),
        placed=len(before),
        moving=sum(
            move.subjects for move in moves if (move.from_stage, move.from_outcome) != ABSENT
        ),
        moves=moves,
        stages_added=stages_added,
        stages_removed=stages_removed,
        outcomes_added=outcomes[0],
        outcomes_removed=outcomes[1],
        outcomes_changed=outcomes[2],
    )
