"""`GET /v1/stage`, the hot path, and its batch form.

The stage query is served by `services.api.routes.bare_stage`; what is declared here documents it, and
answers the same (tested). docs/decisions/0016 has the figures.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Annotated

import msgspec
from fastapi import Header, Query
from starlette.responses import Response

from services.api.context import ApiContext
from services.api.dependencies import Caller, Context
from services.api.errors import DETAIL, Code, RequestRefused
from services.api.http.routing import RequestBody, ScopedRouter
from services.api.maps.cache import MapCache, PreparedMap
from services.api.queries.stage import (
    StagePlacement,
    SubjectName,
    SubjectPlacements,
    find_subject,
    find_subjects,
    name_of,
)
from services.api.schemas import stage as schemas
from services.api.schemas.stage import StageAnswer
from shared.http.openapi import Json, header
from shared.ids import WorkspaceId
from shared.journey.model import Status
from shared.keys.principal import Scope

router = ScopedRouter(prefix="/v1", tags=["stage"])

_encoder = msgspec.json.Encoder()

_HEADERS = {"Cache-Control": "private, max-age=0", "Vary": "Authorization"}
_DOCUMENTED_HEADERS: Json = {
    "ETag": header("Strong; changes with every byte of the body, and so with the map version."),
    "Cache-Control": header("Private; to be revalidated each time."),
    "Vary": header("The response depends on the key."),
}


@router.get(
    "/stage",
    operation_id="getStage",
    scope=Scope.STAGES_READ,
    refusals=[
        Code.SUBJECT_REQUIRED,
        Code.SUBJECT_UNKNOWN,
        Code.JOURNEY_UNKNOWN,
    ],
    summary="Where a subject stands now",
    response_model=schemas.Stage,
    response_description="The subject's stage.",
    example=schemas.STAGE_EXAMPLE,
    responses={
        200: {"headers": _DOCUMENTED_HEADERS},
        304: {
            "description": "Unchanged since the response with this ETag.",
            "headers": _DOCUMENTED_HEADERS,
        },
    },
)
async def get_stage(
    query: Annotated[schemas.StageQuery, Query()],
    caller: Caller,
    context: Context,
    if_none_match: Annotated[
        str | None,
        Header(alias="If-None-Match", description="ETag of the response that the caller has."),
    ] = None,
) -> Response:
    """Takes exactly one of `account_id`, `user_id`, `anonymous_id`, `email`, `external_id`.

    Without `journey`, a subject on several is answered for the default journey if it is on that, else for
    the one of its journeys that was published first. A known subject that is not on the journey
    is `not_started`, with stage null. With the ETag as If-None-Match, an unchanged response is an empty
    304.
    """
    return await stage_response(context, caller.workspace_id, query, if_none_match)


@router.post(
    "/stage:batch",
    operation_id="getStages",
    scope=Scope.STAGES_READ,
    refusals=[Code.JOURNEY_UNKNOWN],
    summary="Where up to 1,000 subjects stand now",
    response_model=schemas.StageBatch,
    response_description="One item for each subject, in order.",
    example=schemas.STAGE_BATCH_EXAMPLE,
    body=RequestBody(
        # 1,000 ids of 512 characters of four bytes, and room for the JSON around them.
        max_bytes=2_500_000,
        description="The subjects, each by exactly one of its names.",
        example=schemas.STAGE_BATCH_BODY_EXAMPLE,
    ),
)
async def get_stages(batch: schemas.StageBatchBody, caller: Caller, context: Context) -> Response:
    """Items are in the order of the subjects in the request.

    A subject that is unknown has an `error` in its item; the others are not affected.
    """
    workspace_id, maps = caller.workspace_id, context.maps
    if batch.journey is not None and batch.journey not in await maps.newest(workspace_id):
        raise RequestRefused(Code.JOURNEY_UNKNOWN)
    names = [_name(subject) for subject in batch.subjects]
    subjects = iter(
        await find_subjects(
            context.connections,
            workspace_id,
            [name for name in names if name is not None],
            batch.journey,
        )
    )
    items = []
    for name in names:
        answer = (
            Code.SUBJECT_REQUIRED
            if name is None
            else await _answer(maps, workspace_id, next(subjects), batch.journey)
        )
        items.append(_item(answer))
    # Encoded from structs, as the stage query is: pydantic would validate and encode every item again.
    return Response(
        _encoder.encode({"items": items}), media_type="application/json", headers=_HEADERS
    )


async def stage_response(
    context: ApiContext,
    workspace_id: WorkspaceId,
    query: schemas.StageQuery,
    if_none_match: str | None,
) -> Response:
    """Response to the stage query. Raises RequestRefused and DatabaseUnavailable."""
    name = _name(query)
    if name is None:
        raise RequestRefused(Code.SUBJECT_REQUIRED)
    subject = await find_subject(context.connections, workspace_id, name, query.journey)
    if subject is None:
        raise RequestRefused(Code.SUBJECT_UNKNOWN)
    answer = await _answer(context.maps, workspace_id, subject, query.journey)
    if isinstance(answer, Code):
        raise RequestRefused(answer)
    body = _encoder.encode(answer)
    # Strong: it covers every byte. The versions of map and placement are included for the reader.
    digest = blake2b(body, digest_size=8).hexdigest()
    etag = f'"m{answer.map_version or 0}.v{answer.version}.{digest}"'
    headers = {**_HEADERS, "ETag": etag}
    if _matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


async def _answer(
    maps: MapCache,
    workspace_id: WorkspaceId,
    subject: SubjectPlacements | None,
    journey: str | None,
) -> StageAnswer | Code:
    if subject is None:
        return Code.SUBJECT_UNKNOWN
    if not subject.placements:
        return await _not_started(maps, workspace_id, subject, journey)
    placements = subject.placements
    if len(placements) > 1 and len({each.journey for each in placements}) > 1:
        placements = _of_first_journey(placements, await maps.newest(workspace_id))
    # Two placements on one journey exist only while a new version that is about persons instead of
    # accounts (or the reverse) is being applied: the newer version counts.
    placement = max(placements, key=lambda each: each.map_version)
    prepared = maps.prepared(workspace_id, placement.journey, placement.map_version)
    if prepared is None:
        prepared = await maps.version(workspace_id, placement.journey, placement.map_version)
    return _placed(subject, placement, prepared)


def _of_first_journey(
    placements: Sequence[StagePlacement], newest: Iterable[str]
) -> Sequence[StagePlacement]:
    """The placements on the first of the journeys `newest`, which are in order of precedence.

    Of a retired journey, the placements are still being removed: they count if there are no others.
    """
    for key in newest:
        of_journey = [each for each in placements if each.journey == key]
        if of_journey:
            return of_journey
    return placements


async def _not_started(
    maps: MapCache, workspace_id: WorkspaceId, subject: SubjectPlacements, journey: str | None
) -> StageAnswer | Code:
    newest = await maps.newest(workspace_id)
    if journey is None:
        journey = next(iter(newest), None)
    if journey is not None and journey not in newest:
        return Code.JOURNEY_UNKNOWN
    prepared = newest[journey] if journey is not None else None
    return StageAnswer(
        account_id=subject.subject_id,
        journey=journey,
        map_version=prepared.version if prepared else None,
        stage=None,
        stage_title=None,
        status=Status.NOT_STARTED.value,
        outcome=None,
        entered_at=None,
        cycle=None,
        job=None,
        persona=None,
        content=None,
        next=None,
        health=None,
        event_at=subject.event_at,
        processed_at=subject.processed_at,
        version=0,
    )


def _placed(
    subject: SubjectPlacements, placement: StagePlacement, prepared: PreparedMap | None
) -> StageAnswer:
    card = (
        prepared.stages.get(placement.stage) if prepared and placement.stage is not None else None
    )
    has_ended = placement.status == Status.ENDED
    return StageAnswer(
        account_id=placement.subject_id,
        journey=placement.journey,
        map_version=placement.map_version,
        stage=placement.stage,
        stage_title=card.title if card else None,
        status=placement.status,
        outcome=placement.outcome,
        entered_at=placement.entered_at,
        cycle=placement.cycle,
        job=card.job if card else None,
        persona=None,
        content=card.text(None) if card else None,
        next=card.next if card and not has_ended else None,
        health=None,
        event_at=subject.event_at,
        processed_at=subject.processed_at,
        version=placement.version,
    )


def _name(request: schemas.StageQuery | schemas.SubjectRef) -> SubjectName | None:
    return name_of(
        account_id=request.account_id,
        user_id=request.user_id,
        anonymous_id=request.anonymous_id,
        email=request.email,
        external_id=request.external_id,
    )


def _item(answer: StageAnswer | Code) -> dict[str, StageAnswer | dict[str, str] | None]:
    if isinstance(answer, Code):
        return {"result": None, "error": {"code": answer.value, "detail": DETAIL[answer]}}
    return {"result": answer, "error": None}


def _matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has the response with this ETag (RFC 9110, 13.1.2: weak comparison)."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]
