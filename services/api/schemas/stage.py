"""The stage of a subject: requests and responses of the hot path."""

from datetime import datetime
from typing import Annotated

import msgspec
from pydantic import AfterValidator, Field

from services.api.schemas.base import Example, RequestModel, ResponseModel
from services.api.schemas.fields import Id, Instant, JourneyKey, Status, SubjectId


def _storable(value: str) -> str:
    if "\x00" in value:
        message = "NUL can be part of no id"
        raise ValueError(message)
    return value


_BodyId = Annotated[Id, AfterValidator(_storable)]
_BodySubjectId = Annotated[SubjectId, AfterValidator(_storable)]

_ACCOUNT = (
    "Account, by the id that it was sent under; also `user:ID`, `email:ADDR`, `anonymous:ID`."
)


class StageQuery(RequestModel):
    """A subject by exactly one of its names, and optionally one journey."""

    account_id: SubjectId | None = Field(default=None, description=_ACCOUNT)
    user_id: Id | None = Field(default=None, description="Person, by the user id.")
    anonymous_id: Id | None = Field(default=None, description="Visitor, by the anonymous id.")
    email: Id | None = Field(default=None, description="Person, by e-mail in any case.")
    journey: JourneyKey | None = Field(
        default=None,
        description="Journey to answer for; absent: the default journey, or, of the journeys that the"
        " subject is on, the one that was published first.",
    )


class SubjectRef(RequestModel):
    """A subject by exactly one of its names."""

    account_id: _BodySubjectId | None = Field(default=None, description=_ACCOUNT)
    user_id: _BodyId | None = None
    anonymous_id: _BodyId | None = None
    email: _BodyId | None = None


MAX_BATCH_SUBJECTS = 1000


class StageBatchBody(RequestModel):
    """Up to 1,000 subjects, and optionally one journey for all of them."""

    subjects: list[SubjectRef] = Field(min_length=1, max_length=MAX_BATCH_SUBJECTS)
    journey: JourneyKey | None = None


class NextStage(ResponseModel):
    """The stage that follows in the order of the map."""

    key: str
    title: str


class Stage(ResponseModel):
    """Current position of a subject on a journey."""

    account_id: str = Field(
        description="The account, or the person's own id (`user:...`) if no account is linked"
        " or the journey is about persons."
    )
    journey: str | None = Field(
        description="Null only for a subject on no journey in a workspace without any."
    )
    map_version: int | None = Field(description="Map version that placed the subject.")
    stage: str | None = Field(description="On an ended journey, the stage in which it ended.")
    stage_title: str | None
    status: Status
    outcome: str | None = Field(description="Outcome of an ended journey.")
    entered_at: Instant | None = Field(
        description="Start of the present visit; on an ended journey, the instant of the outcome."
    )
    cycle: int | None = Field(description="Run through the journey, from 1.")
    job: str | None = Field(description="What the customer wants to get done in this stage.")
    persona: str | None = Field(description="Null until a persona is assigned.")
    content: dict[str, str] | None = Field(
        description="Text of the stage by slot, for the persona or the default."
    )
    next: NextStage | None
    health: float | None = Field(description="0 to 100; null if there is no score.")
    event_at: Instant | None = Field(description="When the newest touchpoint happened.")
    processed_at: Instant | None = Field(description="When the newest touchpoint was processed.")
    version: int = Field(
        description="Increases with every change of the placement; 0 before the first."
    )


class BatchError(ResponseModel):
    """Error of one subject of a batch."""

    code: str = Field(description="`subject_unknown` or `subject_required`.")
    detail: str


class BatchItem(ResponseModel):
    """Response for one subject: `result` or `error`; the other is null."""

    result: Stage | None
    error: BatchError | None


class StageBatch(ResponseModel):
    """Responses in the order of the subjects in the request."""

    items: list[BatchItem]


class StageAnswer(msgspec.Struct, frozen=True):
    """`Stage` as the hot path writes it: the same fields, encoded six times as fast."""

    account_id: str
    journey: str | None
    map_version: int | None
    stage: str | None
    stage_title: str | None
    status: str
    outcome: str | None
    entered_at: datetime | None
    cycle: int | None
    job: str | None
    persona: str | None
    content: dict[str, str] | None
    next: dict[str, str] | None
    health: float | None
    event_at: datetime | None
    processed_at: datetime | None
    version: int


STAGE_EXAMPLE: Example = {
    "account_id": "acme",
    "journey": "b2b-jtbd-7",
    "map_version": 3,
    "stage": "evaluation",
    "stage_title": "Evaluation",
    "status": "active",
    "outcome": None,
    "entered_at": "2026-03-02T09:30:00Z",
    "cycle": 1,
    "job": "prove ROI to her CFO",
    "persona": None,
    "content": {"banner": "See what teams like yours save"},
    "next": {"key": "purchase", "title": "Purchase"},
    "health": None,
    "event_at": "2026-03-04T16:12:07.250000Z",
    "processed_at": "2026-03-04T16:12:07.391000Z",
    "version": 5,
}

STAGE_BATCH_EXAMPLE: Example = {
    "items": [
        {"result": STAGE_EXAMPLE, "error": None},
        {
            "result": None,
            "error": {
                "code": "subject_unknown",
                "detail": "No touchpoint of this subject has been processed in this workspace; one that was"
                " accepted a moment ago may be on its way.",
            },
        },
    ]
}

STAGE_BATCH_BODY_EXAMPLE: Example = {
    "subjects": [{"account_id": "acme"}, {"email": "leah@acme.example"}]
}
