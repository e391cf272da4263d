"""`GET /v1/stage`, the hot path, and its batch form."""

from hashlib import blake2b

import msgspec
from starlette.responses import Response

from services.api.errors import DETAIL, Code, RequestRefused
from services.api.maps.cache import MapCache, PreparedMap
from services.api.operation import Answer, Body, Call, Operation
from services.api.queries.connections import StageConnections
from services.api.queries.stage import Name, Placed, Standing, name_of, standing, standings
from services.api.schemas.stage import (
    BATCH_EXAMPLE,
    STAGE_EXAMPLE,
    Stage,
    StageAnswer,
    StageBatch,
    StageBatchBody,
    StageQuery,
    SubjectRef,
)
from shared.ids import WorkspaceId
from shared.journey.model import Status
from shared.keys.principal import Scope

_encoder = msgspec.json.Encoder()

_MAX_BODY_BYTES = 2_500_000
"""1,000 ids of 512 characters of four bytes, and room for the JSON around them."""

_HEADERS = {"Cache-Control": "private, max-age=0", "Vary": "Authorization"}
_DOCUMENTED_HEADERS = {
    "ETag": "Strong; changes with every byte of the answer, and so with the map version.",
    "Cache-Control": "Private, to be checked each time.",
    "Vary": "The answer depends on the key.",
}


class StageRoutes:
    """Answers where subjects stand."""

    def __init__(self, connections: StageConnections, maps: MapCache) -> None:
        """`connections` for the placements, `maps` for what the map says of them."""
        self._connections = connections
        self._maps = maps

    def operations(self) -> list[Operation]:
        """The calls of this resource."""
        return [
            Operation(
                method="GET",
                path="/v1/stage",
                operation_id="getStage",
                tag="stage",
                summary="Where a subject stands now",
                description=(
                    "Takes exactly one of `account_id`, `user_id`, `anonymous_id`, `email`."
                    " `journey` is needed only where the subject is on more than one. A subject that"
                    " is known but not on the journey is `not_started`, with stage null."
                    " Send the ETag as If-None-Match and an unchanged answer is an empty 304."
                ),
                scope=Scope.STAGES_READ,
                handler=self.get,
                query=StageQuery,
                answers=[
                    Answer(
                        status=200,
                        description="The subject's stage.",
                        schema=Stage,
                        example=STAGE_EXAMPLE,
                        headers=_DOCUMENTED_HEADERS,
                    ),
                    Answer(
                        status=304,
                        description="Unchanged since the answer with this ETag.",
                        headers=_DOCUMENTED_HEADERS,
                    ),
                ],
                refusals=[
                    Code.SUBJECT_REQUIRED,
                    Code.JOURNEY_REQUIRED,
                    Code.SUBJECT_UNKNOWN,
                    Code.JOURNEY_UNKNOWN,
                ],
            ),
            Operation(
                method="POST",
                path="/v1/stage:batch",
                operation_id="getStages",
                tag="stage",
                summary="Where up to 1,000 subjects stand now",
                description=(
                    "Answers in the order of the question. A subject that cannot be answered for"
                    " has an `error` in its place and spoils nothing for the others."
                ),
                scope=Scope.STAGES_READ,
                handler=self.batch,
                body=Body(
                    media_types=("application/json",),
                    max_bytes=_MAX_BODY_BYTES,
                    description="The subjects, each by exactly one of its names.",
                    schema=StageBatchBody,
                    examples={
                        "two": {
                            "subjects": [{"account_id": "acme"}, {"email": "leah@acme.example"}]
                        }
                    },
                ),
                answers=[
                    Answer(
                        status=200,
                        description="One item for each subject, in order.",
                        schema=StageBatch,
                        example=BATCH_EXAMPLE,
                    )
                ],
                refusals=[Code.JOURNEY_UNKNOWN],
            ),
        ]

    async def get(self, call: Call) -> Response:
        """Answer for one subject."""
        asked = call.query(StageQuery)
        name = _name(asked)
        if name is None:
            raise RequestRefused(Code.SUBJECT_REQUIRED)
        workspace_id = call.principal.workspace_id
        found = await standing(self._connections, workspace_id, name, asked.journey)
        if found is None:
            raise RequestRefused(Code.SUBJECT_UNKNOWN)
        answer = await self._answer(workspace_id, found, asked.journey)
        if isinstance(answer, Code):
            raise RequestRefused(answer)
        body = _encoder.encode(answer)
        # Strong: it covers every byte. Map version and placement version are there to be read.
        digest = blake2b(body, digest_size=8).hexdigest()
        etag = f'"m{answer.map_version or 0}.v{answer.version}.{digest}"'
        headers = {**_HEADERS, "ETag": etag}
        if _holds(call.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    async def batch(self, call: Call) -> Response:
        """Answer for many subjects."""
        asked = call.json(StageBatchBody)
        workspace_id = call.principal.workspace_id
        if asked.journey is not None and asked.journey not in await self._maps.newest(workspace_id):
            raise RequestRefused(Code.JOURNEY_UNKNOWN)
        names = [_name(subject) for subject in asked.subjects]
        named = [name for name in names if name is not None]
        found = iter(await standings(self._connections, workspace_id, named, asked.journey))
        items = []
        for name in names:
            answer = (
                Code.SUBJECT_REQUIRED
                if name is None
                else await self._answer(workspace_id, next(found), asked.journey)
            )
            items.append(_item(answer))
        return Response(
            _encoder.encode({"items": items}), media_type="application/json", headers=_HEADERS
        )

    async def _answer(
        self, workspace_id: WorkspaceId, found: Standing | None, journey: str | None
    ) -> StageAnswer | Code:
        if found is None:
            return Code.SUBJECT_UNKNOWN
        if not found.placements:
            return await self._not_started(workspace_id, found, journey)
        if len(found.placements) > 1 and len({each.journey for each in found.placements}) > 1:
            return Code.JOURNEY_REQUIRED
        # Two placements on one journey stand there only while a new version that is about persons
        # instead of accounts (or the reverse) is being applied: the newer version counts.
        placed = max(found.placements, key=lambda each: each.map_version)
        chart = self._maps.prepared(workspace_id, placed.journey, placed.map_version)
        if chart is None:
            chart = await self._maps.version(workspace_id, placed.journey, placed.map_version)
        return _placed(found, placed, chart)

    async def _not_started(
        self, workspace_id: WorkspaceId, found: Standing, journey: str | None
    ) -> StageAnswer | Code:
        newest = await self._maps.newest(workspace_id)
        if journey is None and len(newest) == 1:
            (journey,) = newest
        if journey is not None and journey not in newest:
            return Code.JOURNEY_UNKNOWN
        chart = newest[journey] if journey is not None else None
        return StageAnswer(
            account_id=found.subject_id,
            journey=journey,
            map_version=chart.version if chart else None,
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
            event_at=found.event_at,
            processed_at=found.processed_at,
            version=0,
        )


def _placed(found: Standing, placed: Placed, chart: PreparedMap | None) -> StageAnswer:
    card = chart.stages.get(placed.stage) if chart and placed.stage is not None else None
    has_ended = placed.status == Status.ENDED
    return StageAnswer(
        account_id=placed.subject_id,
        journey=placed.journey,
        map_version=placed.map_version,
        stage=placed.stage,
        stage_title=card.title if card else None,
        status=placed.status,
        outcome=placed.outcome,
        entered_at=placed.entered_at,
        cycle=placed.cycle,
        job=card.job if card else None,
        persona=None,
        content=card.text(None) if card else None,
        next=card.next if card and not has_ended else None,
        health=None,
        event_at=found.event_at,
        processed_at=found.processed_at,
        version=placed.version,
    )


def _name(asked: StageQuery | SubjectRef) -> Name | None:
    return name_of(
        account_id=asked.account_id,
        user_id=asked.user_id,
        anonymous_id=asked.anonymous_id,
        email=asked.email,
    )


def _item(answer: StageAnswer | Code) -> dict[str, StageAnswer | dict[str, str] | None]:
    if isinstance(answer, Code):
        return {"result": None, "error": {"code": answer.value, "detail": DETAIL[answer]}}
    return {"result": answer, "error": None}


def _holds(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has this answer already (RFC 9110, 13.1.2: the weak comparison)."""
    if if_none_match is None:
        return False
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in known or known == ["*"]
