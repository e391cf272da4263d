"""`/v1/journeys`: maps as data."""

import asyncio
import re
from typing import Annotated

from fastapi import Query, Request, Response
from starlette.status import HTTP_200_OK, HTTP_201_CREATED

from services.api.dependencies import Caller, Context, Database, JourneyId
from services.api.errors import Code, RequestRefused
from services.api.http.limits import media_type, stored_text, too_large
from services.api.http.routing import RequestBody, ScopedRouter
from services.api.queries.journeys import Progress, progress
from services.api.schemas import journeys as schemas
from shared.http.openapi import header
from shared.http.problem import FieldProblem
from shared.keys.principal import Scope
from shared.maps import MapInvalid, MapProblem, parse
from shared.storage import journeys as stored

router = ScopedRouter(prefix="/v1/journeys", tags=["journeys"])

_MAX_MAP_BYTES = 524_288
"""Largest value of the setting `max_map_bytes`, and its default."""

_YAML, _JSON = "application/yaml", "application/json"

_MEDIA_TYPES = frozenset(
    {_YAML, _JSON, "", "text/yaml", "application/x-yaml", "text/x-yaml", "text/plain"}
)


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
    refusals=[Code.MAP_INVALID],
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
    body=RequestBody(
        max_bytes=_MAX_MAP_BYTES,
        description="The map; see docs/maps.md and the published JSON Schema.",
        content={
            _YAML: {"schema": {"type": "string"}, "example": schemas.MAP_YAML_EXAMPLE},
            _JSON: {"schema": {"type": "object"}, "example": schemas.MAP_EXAMPLE},
        },
    ),
)
async def publish_journey(
    request: Request, response: Response, context: Context, caller: Caller, database: Database
) -> schemas.Published:
    """The body is the map, as YAML or JSON, and becomes the next version of its journey.

    The version is applied to the stored history in the background; `GET /v1/journeys/{journey}` shows
    the progress. A map that says the same as the newest version changes nothing and answers 200.
    """
    text = await _map_text(request, max_bytes=context.max_map_bytes)
    try:
        # Reading a large map takes longer than the event loop may be held.
        document = await asyncio.to_thread(parse, text)
    except MapInvalid as exc:
        raise RequestRefused(
            Code.MAP_INVALID, errors=[_problem(problem) for problem in exc.problems]
        ) from exc
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        published = await stored.publish(
            connection, workspace_id, document, text, caller.key_id, context.clock.now()
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


async def _map_text(request: Request, *, max_bytes: int) -> str:
    """Body of a request to publish. Raises RequestRefused."""
    body = await request.body()
    if len(body) > max_bytes:
        raise too_large(max_bytes)
    if media_type(request.headers.get("content-type")) not in _MEDIA_TYPES:
        raise RequestRefused(Code.UNSUPPORTED_MEDIA_TYPE)
    text = stored_text(body)
    if text is None:
        raise RequestRefused(Code.MAP_INVALID, "The map is not UTF-8 text without NUL.")
    return text


def _refold(job: Progress | None) -> schemas.Refold | None:
    if job is None:
        return None
    return schemas.Refold(
        done=job.done,
        total=job.total,
        is_finished=job.finished_at is not None,
        finished_at=job.finished_at,
    )


def _problem(problem: MapProblem) -> FieldProblem:
    pointer = "".join(f"/{step}" for step in re.split(r"[.\[\]]+", problem.path) if step)
    place = "" if problem.line is None else f"line {problem.line}, column {problem.column}: "
    hint = f" ({problem.hint})" if problem.hint else ""
    return FieldProblem(pointer=pointer, detail=f"{place}{problem.message}{hint}")
