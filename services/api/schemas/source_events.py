"""Newest events of a source with their outcome, and its usage by day."""

from datetime import date
from typing import Literal

from pydantic import Field

from services.api.schemas.base import Example, ListOf, PageQuery, RequestModel, ResponseModel
from services.api.schemas.fields import Instant
from shared.sources.event import Outcome

_YEAR_DAYS = 366


class SourceEventsQuery(PageQuery):
    """Filters of the newest events."""

    after: int | None = Field(
        default=None,
        ge=0,
        le=2**63 - 1,
        description="Only events with a higher `id`: those that arrived since.",
    )
    outcome: Outcome | None = Field(default=None, description="Only events with this outcome.")


class CausedTransition(ResponseModel):
    """A transition that an event caused."""

    journey: str
    kind: str
    from_stage: str | None
    to_stage: str | None
    outcome: str | None


OTHER_CONTENT = "other_content"
"""`reason` of a duplicate that says something else than the event whose message id it has."""


class Became(ResponseModel):
    """State of an accepted event.

    `pending`: in the log, not processed yet. `duplicate`: its `message_id` was received before, and
    counts once; with the reason `other_content` it says something else than the event that counts, which is
    lost. `dead_letter`: it could not be applied, and is kept. `retracted`: it was taken back, by itself or
    with its import, before or after it arrived.
    """

    state: Literal["pending", "applied", "duplicate", "dead_letter", "retracted"]
    processed_at: Instant | None
    subject_id: str | None = Field(description="The account or person that it counts for.")
    reason: str | None = Field(
        description="Why it is a dead letter; `other_content` of a duplicate that says something else."
    )
    detail: str | None
    transitions: list[CausedTransition]


class SourceEventItem(ResponseModel):
    """One event, or one request that was refused as a whole."""

    id: int
    received_at: Instant
    route: str
    outcome: Outcome
    code: str | None = Field(
        description="Why it was refused or dropped, or of an accepted one `ignored_ids`, `join_withheld`,"
        " `replaced_time` or `alias_of_devices`; see docs/ingest.md."
    )
    detail: str | None
    message_id: str | None
    event: str | None = Field(description="Null where a whole request was refused.")
    meant: str | None = Field(
        description="Where no map knows the event: the known one of which its name is likely a misspelling."
    )
    person: str | None = Field(description="Its strongest name, hashed if the source is set to.")
    account_id: str | None
    became: Became | None = Field(description="Null if it was not accepted.")


class SourceEvents(ListOf[SourceEventItem]):
    """A page of the newest events, newest first. Some hundreds are kept; not all at high rates."""


class UsageQuery(RequestModel):
    """Number of days."""

    days: int = Field(default=30, ge=1, le=_YEAR_DAYS, description="UTC days, today included.")


class UsageItem(ResponseModel):
    """Events of a UTC day. Those of requests that were refused as a whole are not counted."""

    day: date
    accepted: int
    refused: int
    dropped: int


class Usage(ResponseModel):
    """Usage by day, newest first; days without events are left out."""

    items: list[UsageItem]
    next_cursor: None = None


SOURCE_EVENTS_EXAMPLE: Example = {
    "items": [
        {
            "id": 118,
            "received_at": "2026-03-02T09:31:00Z",
            "route": "/v1/batch",
            "outcome": "refused",
            "code": "missing_identity",
            "detail": "An event names somebody: at least one of account_id, user_id, anonymous_id,"
            " email, external_id, account_external_id.",
            "message_id": "m-118",
            "event": "Pricing Viewed",
            "meant": None,
            "person": None,
            "account_id": None,
            "became": None,
        },
        {
            "id": 117,
            "received_at": "2026-03-02T09:30:00.980000Z",
            "route": "/v1/touchpoints",
            "outcome": "accepted",
            "code": None,
            "detail": None,
            "message_id": "m-117",
            "event": "Demo Requested",
            "meant": None,
            "person": "user:leah",
            "account_id": "acme",
            "became": {
                "state": "applied",
                "processed_at": "2026-03-02T09:30:01.120000Z",
                "subject_id": "acme",
                "reason": None,
                "detail": None,
                "transitions": [
                    {
                        "journey": "b2b-jtbd-7",
                        "kind": "advance",
                        "from_stage": "consideration",
                        "to_stage": "evaluation",
                        "outcome": None,
                    }
                ],
            },
        },
    ],
    "next_cursor": None,
}

USAGE_EXAMPLE: Example = {
    "items": [{"day": "2026-03-02", "accepted": 4210, "refused": 3, "dropped": 12}],
    "next_cursor": None,
}
