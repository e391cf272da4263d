"""`/v1/journeys`: maps as data."""

from typing import Annotated

from fastapi import Query, Request, Response
from starlette.status import HTTP_200_OK, HTTP_201_CREATED

from services.api.dependencies import Caller, Context, Database, JourneyId
from services.api.errors import Code, RequestRefused
from services.api.http.map_body import MAP_BODY, read_map
from services.api.http.routing import ScopedRouter
from services.api.queries.journeys import Progress, progress
from services.api.schemas import journeys as schemas
from shared.http.openapi import header
from shared.keys.principal import Scope
from shared.storage import journeys as stored

router = ScopedRouter(prefix="/v1/journeys", tags=["journeys"])


@router.get(
    "",
    operation_id="listJourneys",
    scope=Scope.STAGES_READ,
    refusals=[],
    summary="Every journey in force",
    response_description="The journeys.",
    example=schemas.JOURNEYS_EXAMPLE,
)
async def list_journeys(database: Database) -> schemas.Journeys:
    """Each in its newest version, by key, all at once: a workspace has few. `next_cursor` is null.

    Retired journeys are left out.
    """
    async with database.transaction() as connection:
        maps = await stored.current(connection, database.workspace_id)
        jobs = await progress(connection, database.workspace_id)
    return schemas.Journeys(
        items=[
            schemas.JourneyItem(
                key=each.journey,
                title=each.title,
                subject=each.subject,
                version=each.version,
                published_at=each.published_at,
                stages=[stage.key for stage in each.stages],
                is_default=each is maps[0],
                refold=_refold(jobs.get((each.journey, each.version))),
            )
            for each in sorted(maps, key=lambda each: each.journey)
        ]
    )


@router.post(
    "",
    operation_id="publishJourney",
    scope=Scope.MAPS_WRITE,
    refusals=[Code.MAP_INVALID, Code.SUBJECT_CHANGED],
    summary="Publish a map",
    response_description="Nothing to change.",
    example=schemas.UNCHANGED_EXAMPLE,
    responses={
        HTTP_201_CREATED: {
            "description": "Published.",
            "model": schemas.Published,
            "headers": {"Location": header("Where the version can be read.")},
            "content": {"application/json": {"example": schemas.PUBLISHED_EXAMPLE}},
        }
    },
    body=MAP_BODY,
)
async def publish_journey(
    request: Request, response: Response, context: Context, caller: Caller, database: Database
) -> schemas.Published:
    """The body is the map, as YAML or JSON, and becomes the next version of its journey.

    The version is applied to the stored history in the background; `GET /v1/journeys/{journey}` shows
    the progress. A map that says the same as the newest version changes nothing and answers 200.
    """
    document, text = await read_map(request, max_bytes=context.max_map_bytes)
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        published = await stored.publish(
            connection, workspace_id, document, text, caller.key_id, context.clock.now()
        )
    if published.other_subject is not None:
        raise RequestRefused(
            Code.SUBJECT_CHANGED,
            f"This journey is one of {published.other_subject}s, and stays that. Publish the map under"
            f" another key; `stageline map retire` ends this journey.",
        )
    context.maps.invalidate_newest(workspace_id)
    response.status_code = HTTP_201_CREATED if published.changed else HTTP_200_OK
    if published.changed:
        location = f"/v1/journeys/{document.journey}?version={published.version}"
        response.headers["Location"] = location
    return schemas.Published(
        key=document.journey, version=published.version, changed=published.changed
    )


# A parameter takes slashes as well, so this route comes after all others below a journey.
@router.get(
    "/{journey:encoded}",
    operation_id="getJourney",
    scope=Scope.STAGES_READ,
    refusals=[Code.JOURNEY_UNKNOWN],
    summary="One version of a map",
    response_description="The map.",
    example=schemas.JOURNEY_EXAMPLE,
)
async def get_journey(
    journey: JourneyId, query: Annotated[schemas.JourneyQuery, Query()], database: Database
) -> schemas.JourneyDetail:
    """With its source text, and how far it has been applied."""
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        version = await stored.get(connection, workspace_id, journey, query.version)
        if version is None:
            newest = await stored.get(connection, workspace_id, journey)
            detail = (
                f"The journey has no such version; the newest is {newest.version}."
                if newest
                else None
            )
            raise RequestRefused(Code.JOURNEY_UNKNOWN, detail)
        jobs = await progress(connection, workspace_id, journey)
    return schemas.JourneyDetail(
        key=version.journey,
        title=version.title,
        subject=version.subject,
        version=version.version,
        published_at=version.published_at,
        published_by=version.published_by,
        definition=version.definition,
        source=version.source,
        is_retired=version.is_retired,
        refold=_refold(jobs.get((version.journey, version.version))),
    )


def _refold(job: Progress | None) -> schemas.Refold | None:
    if job is None:
        return None
    return schemas.Refold(
        done=job.done,
        total=job.total,
        is_finished=job.finished_at is not None,
        finished_at=job.finished_at,
    )
