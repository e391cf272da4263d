"""Accounts: list and profile."""

from typing import Any, Literal

from pydantic import Field

from services.api.schemas.base import Example, ListOf, PageQuery, ResponseModel
from services.api.schemas.fields import Instant, JourneyKey, OnJourney, StageKey, Status, Word


class AccountsQuery(PageQuery):
    """Filters of accounts."""

    journey: JourneyKey | None = Field(default=None, description="Only accounts on this journey.")
    stage: StageKey | None = Field(default=None, description="Only accounts in this stage.")
    status: OnJourney | None = Field(default=None, description="Only accounts with this status.")
    owner: Word | None = Field(
        default=None, description="Only accounts in a stage of this owner, by the map."
    )


class Placement(ResponseModel):
    """Position of an account on one journey."""

    journey: str
    map_version: int
    status: Status
    stage: str | None
    stage_title: str | None
    owner: str | None = Field(description="Owner of the stage, by the map.")
    outcome: str | None
    cycle: int
    entered_at: Instant | None
    stalled_at: Instant | None
    milestones: dict[str, Instant] = Field(
        description="Milestones of this cycle, each with its instant."
    )
    version: int
    processed_at: Instant


class AccountItem(ResponseModel):
    """An account in a list."""

    account_id: str
    kind: Literal["account", "person"]
    last_event_at: Instant | None
    touchpoints: int
    value: float | None
    placements: list[Placement] = Field(description="Placements that pass the filters.")


class Accounts(ListOf[AccountItem]):
    """A page of accounts, by id."""


class Member(ResponseModel):
    """A person seen in an account."""

    person_id: str
    role: str | None
    traits: dict[str, Any]
    first_seen_at: Instant


class Account(ResponseModel):
    """Profile of an account."""

    account_id: str = Field(
        description="The current id; ids that were merged into it resolve to it."
    )
    kind: Literal["account", "person"]
    traits: dict[str, Any]
    value: float | None
    touchpoints: int
    last_event_at: Instant | None
    processed_at: Instant
    placements: list[Placement]
    members: list[Member] = Field(description="The first 200 people seen.")
    member_count: int
    identifiers: list[str] = Field(
        description="Names that resolve to it, at most 500: `user:...`, `email:...`, `anonymous:...`."
    )


PLACEMENT_EXAMPLE: Example = {
    "journey": "b2b-jtbd-7",
    "map_version": 3,
    "status": "active",
    "stage": "evaluation",
    "stage_title": "Evaluation",
    "owner": "sales",
    "outcome": None,
    "cycle": 1,
    "entered_at": "2026-03-02T09:30:00Z",
    "stalled_at": None,
    "milestones": {"first_call": "2026-03-02T09:30:00Z"},
    "version": 5,
    "processed_at": "2026-03-02T09:30:01.120000Z",
}

ACCOUNTS_EXAMPLE: Example = {
    "items": [
        {
            "account_id": "acme",
            "kind": "account",
            "last_event_at": "2026-03-04T16:12:07.250000Z",
            "touchpoints": 48,
            "value": 12000.0,
            "placements": [PLACEMENT_EXAMPLE],
        }
    ],
    "next_cursor": None,
}

ACCOUNT_EXAMPLE: Example = {
    "account_id": "acme",
    "kind": "account",
    "traits": {"name": "Acme", "industry": "manufacturing"},
    "value": 12000.0,
    "touchpoints": 48,
    "last_event_at": "2026-03-04T16:12:07.250000Z",
    "processed_at": "2026-03-04T16:12:07.391000Z",
    "placements": [PLACEMENT_EXAMPLE],
    "members": [
        {
            "person_id": "user:leah",
            "role": "champion",
            "traits": {"name": "Leah"},
            "first_seen_at": "2026-02-11T08:00:00Z",
        }
    ],
    "member_count": 1,
    "identifiers": ["anonymous:7f3a", "email:leah@acme.example", "user:leah"],
}
