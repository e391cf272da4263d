"""History of an account: its transitions and its touchpoints."""

from typing import Any, Literal

from pydantic import Field

from services.api.schemas.base import Example, PageQuery, ResponseModel
from services.api.schemas.fields import Instant, JourneyKey


class HistoryQuery(PageQuery):
    """Filters of transitions."""

    journey: JourneyKey | None = Field(
        default=None, description="Only transitions on this journey."
    )
    include_superseded: bool = Field(
        default=False,
        description="Also transitions that a late event, a merge or a new map version replaced.",
    )


class Cause(ResponseModel):
    """Cause of a transition: a touchpoint or the passage of time."""

    message_id: str | None = None
    event: str | None = None
    timer: str | None = Field(
        default=None,
        description="`idle`, `in_stage` or `window` if the cause was the passage of time.",
    )


class Transition(ResponseModel):
    """A transition from one stage to another, with its cause."""

    journey: str
    sequence: int = Field(description="Numbers the transitions of a journey, from 1.")
    kind: str = Field(description="enter, advance, regress, loop, outcome or win_back.")
    from_stage: str | None
    to_stage: str | None
    outcome: str | None
    cycle: int
    occurred_at: Instant
    processed_at: Instant
    dwell_seconds: float | None = Field(description="Length of the visit that it ended.")
    cause: Cause
    rule: str = Field(description="Path of the deciding rule within the map.")
    map_version: int
    superseded_at: Instant | None


class OpenVisit(ResponseModel):
    """A visit to a stage that has not ended."""

    journey: str
    stage: str | None
    cycle: int
    entered_at: Instant
    elapsed_seconds: float = Field(description="From `entered_at` to now; never negative.")


class History(ResponseModel):
    """A page of transitions, oldest first, and the visits that have not ended."""

    account_id: str
    items: list[Transition]
    open_visits: list[OpenVisit]
    next_cursor: str | None


class TimelineQuery(PageQuery):
    """Order and page of touchpoints."""

    order: Literal["newest", "oldest"] = Field(
        default="newest", description="By event time, which come first."
    )


class TimelineItem(ResponseModel):
    """A touchpoint as it was sent, with the times of receipt and processing."""

    message_id: str
    type: str
    event: str
    occurred_at: Instant
    received_at: Instant | None
    processed_at: Instant
    silence_seconds: float | None = Field(
        description="Time since the previous touchpoint of the account; null for the first."
    )
    person_id: str | None
    channel: str | None
    role: str | None
    properties: dict[str, Any]
    traits: dict[str, Any]
    account_traits: dict[str, Any]
    sentiment: int | None
    emotion: str | None
    friction: str | None
    thought: str | None
    question: str | None
    survey: str | None
    score: float | None
    logged_by: str | None
    internal: bool
    campaign: dict[str, str] | None
    value: float | None


class Timeline(ResponseModel):
    """A page of touchpoints."""

    account_id: str
    items: list[TimelineItem]
    next_cursor: str | None


HISTORY_EXAMPLE: Example = {
    "account_id": "acme",
    "items": [
        {
            "journey": "b2b-jtbd-7",
            "sequence": 4,
            "kind": "advance",
            "from_stage": "consideration",
            "to_stage": "evaluation",
            "outcome": None,
            "cycle": 1,
            "occurred_at": "2026-03-02T09:30:00Z",
            "processed_at": "2026-03-02T09:30:01.120000Z",
            "dwell_seconds": 604800.0,
            "cause": {"message_id": "m-117", "event": "Demo Requested", "timer": None},
            "rule": "stages.evaluation.enter",
            "map_version": 3,
            "superseded_at": None,
        }
    ],
    "open_visits": [
        {
            "journey": "b2b-jtbd-7",
            "stage": "evaluation",
            "cycle": 1,
            "entered_at": "2026-03-02T09:30:00Z",
            "elapsed_seconds": 196927.5,
        }
    ],
    "next_cursor": None,
}

TIMELINE_EXAMPLE: Example = {
    "account_id": "acme",
    "items": [
        {
            "message_id": "m-117",
            "type": "track",
            "event": "Demo Requested",
            "occurred_at": "2026-03-02T09:30:00Z",
            "received_at": "2026-03-02T09:30:00.980000Z",
            "processed_at": "2026-03-02T09:30:01.120000Z",
            "silence_seconds": 86400.0,
            "person_id": "user:leah",
            "channel": "website",
            "role": "champion",
            "properties": {"plan": "pro"},
            "traits": {},
            "account_traits": {},
            "sentiment": 4,
            "emotion": "confident",
            "friction": None,
            "thought": None,
            "question": "Can our controller see it live?",
            "survey": None,
            "score": None,
            "logged_by": None,
            "internal": False,
            "campaign": {"name": "spring", "source": "newsletter", "medium": "email"},
            "value": 12000.0,
        }
    ],
    "next_cursor": None,
}
