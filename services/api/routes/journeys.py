"""`/v1/journeys`: maps as data."""

import asyncio
import re

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.api import wire
from services.api.errors import Code, RequestRefused
from services.api.maps.cache import MapCache
from services.api.operation import Answer, Body, Call, Operation, json_answer
from services.api.queries.connections import workspace_transaction
from services.api.queries.journeys import Progress, progress
from services.api.schemas import examples
from services.api.schemas import journeys as schemas
from shared.clock import Clock
from shared.http.problem import FieldProblem
from shared.keys.principal import Scope
from shared.maps import MapInvalid, MapProblem, parse
from shared.storage import journeys as stored

_MEDIA_TYPES = ("application/yaml", "application/json")
_ALSO_TAKEN = frozenset({"", "text/yaml", "application/x-yaml", "text/x-yaml", "text/plain"})


class JourneyRoutes:
    """Lists, shows and publishes maps."""

    def __init__(
        self, engine: AsyncEngine, maps: MapCache, clock: Clock, *, max_map_bytes: int
    ) -> None:
        """`engine` in the api's role; `clock` says when a map was published."""
        self._engine = engine
        self._maps = maps
        self._clock = clock
        self._max_map_bytes = max_map_bytes

    def operations(self) -> list[Operation]:
        """The calls of this resource."""
        return [
            Operation(
                method="GET",
                path="/v1/journeys",
                operation_id="listJourneys",
                tag="journeys",
                summary="Every journey in its newest version",
                description="By key, all at once: a workspace has few. `next_cursor` is null.",
                scope=Scope.STAGES_READ,
                handler=self.list,
                answers=[
                    Answer(
                        status=200,
                        description="The journeys.",
                        schema=schemas.Journeys,
                        example=examples.JOURNEYS,
                    )
                ],
            ),
            Operation(
                method="POST",
                path="/v1/journeys",
                operation_id="publishJourney",
                tag="journeys",
                summary="Publish a map",
                description=(
                    "The body is the map, as YAML or JSON. What it says becomes the next version of"
                    " its journey and is applied to the history that is there already, in the"
                    " background; `GET /v1/journeys/{journey}` tells how far. A map that says what"
                    " the newest version says changes nothing and answers 200."
                ),
                scope=Scope.MAPS_WRITE,
                handler=self.publish,
                body=Body(
                    media_types=_MEDIA_TYPES,
                    max_bytes=self._max_map_bytes,
                    description="The map; see docs/maps.md and the published JSON Schema.",
                    examples=examples.MAPS,
                ),
                answers=[
                    Answer(
                        status=200,
                        description="Nothing to change.",
                        schema=schemas.Published,
                        example=examples.UNCHANGED,
                    ),
                    Answer(
                        status=201,
                        description="Published.",
                        schema=schemas.Published,
                        example=examples.PUBLISHED,
                        headers={"Location": "Where the version can be read."},
                    ),
                ],
                refusals=[Code.MAP_INVALID],
            ),
            Operation(
                method="GET",
                path="/v1/journeys/{journey}",
                operation_id="getJourney",
                tag="journeys",
                summary="One version of a map",
                description="With its source text, and how far it has been applied.",
                scope=Scope.STAGES_READ,
                handler=self.get,
                parameters={"journey": "The journey's key."},
                query=schemas.JourneyQuery,
                answers=[
                    Answer(
                        status=200,
                        description="The map.",
                        schema=schemas.JourneyDetail,
                        example=examples.JOURNEY,
                    )
                ],
                refusals=[Code.JOURNEY_UNKNOWN],
            ),
        ]

    async def list(self, call: Call) -> Response:
        """Every journey."""
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            maps = await stored.current(connection, workspace_id)
            jobs = await progress(connection, workspace_id)
        return json_answer(
            schemas.Journeys(
                items=[
                    schemas.JourneyItem(
                        key=each.journey,
                        title=each.definition["title"],
                        subject=each.definition["subject"],
                        version=each.version,
                        published_at=each.published_at,
                        stages=[stage["key"] for stage in each.definition["stages"]],
                        refold=_refold(jobs.get((each.journey, each.version))),
                    )
                    for each in maps
                ]
            )
        )

    async def get(self, call: Call) -> Response:
        """One version."""
        asked = call.query(schemas.JourneyQuery)
        workspace_id = call.principal.workspace_id
        key = call.path["journey"]
        async with workspace_transaction(self._engine, workspace_id) as connection:
            found = await stored.get(connection, workspace_id, key, asked.version)
            if found is None:
                raise RequestRefused(Code.JOURNEY_UNKNOWN)
            jobs = await progress(connection, workspace_id, key)
        return json_answer(
            schemas.JourneyDetail(
                key=found.journey,
                title=found.definition["title"],
                subject=found.definition["subject"],
                version=found.version,
                published_at=found.published_at,
                published_by=found.published_by,
                definition=found.definition,
                source=found.source,
                refold=_refold(jobs.get((found.journey, found.version))),
            )
        )

    async def publish(self, call: Call) -> Response:
        """Publish the body."""
        media_type = wire.media_type(call.headers.get("content-type"))
        if media_type not in _ALSO_TAKEN and media_type not in _MEDIA_TYPES:
            raise RequestRefused(Code.UNSUPPORTED_MEDIA_TYPE)
        source = wire.stored_text(call.body)
        if source is None:
            raise RequestRefused(Code.MAP_INVALID, "The map is not UTF-8 text without NUL.")
        try:
            # Reading a large map takes longer than the event loop may be held.
            document = await asyncio.to_thread(parse, source)
        except MapInvalid as exc:
            raise RequestRefused(
                Code.MAP_INVALID, errors=[_problem(problem) for problem in exc.problems]
            ) from exc
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            published = await stored.publish(
                connection,
                workspace_id,
                document,
                source,
                call.principal.key_id,
                self._clock.now(),
            )
        self._maps.invalidate_newest(workspace_id)
        answer = json_answer(
            schemas.Published(
                key=document.journey, version=published.version, changed=published.changed
            ),
            status=201 if published.changed else 200,
        )
        if published.changed:
            answer.headers["Location"] = (
                f"/v1/journeys/{document.journey}?version={published.version}"
            )
        return answer


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
