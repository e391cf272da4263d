"""Accounts: list, profile, history, timeline and explanation."""

from typing import Any, Literal

from pydantic import Field

from services.api.schemas.common import (
    Asked,
    Instant,
    JourneyKey,
    OnJourney,
    PageQuery,
    StageKey,
    Status,
    Told,
    Word,
)


class AccountsQuery(PageQuery):
    """Which accounts."""

    journey: JourneyKey | None = Field(default=None, description="Only accounts on this journey.")
    stage: StageKey | None = Field(default=None, description="Only accounts in this stage.")
    status: OnJourney | None = Field(default=None, description="Only accounts that stand so.")
    owner: Word | None = Field(
        default=None, description="Only accounts in a stage that the map gives to this owner."
    )


class Placement(Told):
    """Where an account stands on one journey."""

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
        description="Reached in this cycle, with their instants."
    )
    version: int
    processed_at: Instant


class AccountItem(Told):
    """An account in a list."""

    account_id: str
    kind: Literal["account", "person"]
    last_event_at: Instant | None
    touchpoints: int
    value: float | None
    placements: list[Placement] = Field(description="Those that the filters ask for.")


class Accounts(Told):
    """A page of accounts, by id."""

    items: list[AccountItem]
    next_cursor: str | None


class Member(Told):
    """A person seen in an account."""

    person_id: str
    role: str | None
    traits: dict[str, Any]
    first_seen_at: Instant


class Account(Told):
    """All that is known of an account."""

    account_id: str = Field(description="The id that stands now; merged ids lead here.")
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
        description="Names that lead here, at most 500: `user:...`, `email:...`, `anonymous:...`."
    )


class HistoryQuery(PageQuery):
    """Which transitions."""

    journey: JourneyKey | None = Field(default=None, description="Only this journey's.")
    include_superseded: bool = Field(
        default=False,
        description="Also those that a late or merged event, or a new map version, has replaced.",
    )


class Cause(Told):
    """What made a transition: a touchpoint or the passage of time."""

    message_id: str | None = None
    event: str | None = None
    timer: str | None = Field(
        default=None, description="`idle`, `in_stage` or `window` where time alone did it."
    )


class Transition(Told):
    """A move from one stage to another, with its cause."""

    journey: str
    sequence: int = Field(description="Numbers the transitions of a journey, from 1.")
    kind: str = Field(description="enter, advance, regress, loop, outcome or win_back.")
    from_stage: str | None
    to_stage: str | None
    outcome: str | None
    cycle: int
    occurred_at: Instant
    processed_at: Instant
    dwell_seconds: float | None = Field(description="Length of the visit that ended here.")
    cause: Cause
    rule: str = Field(description="Path of the deciding rule within the map.")
    map_version: int
    superseded_at: Instant | None


class OpenVisit(Told):
    """The stay that still lasts."""

    journey: str
    stage: str | None
    cycle: int
    entered_at: Instant
    elapsed_seconds: float = Field(description="From `entered_at` to now; never negative.")


class History(Told):
    """A page of transitions, oldest first, and the visits that still last."""

    account_id: str
    items: list[Transition]
    open_visits: list[OpenVisit]
    next_cursor: str | None


class TimelineQuery(PageQuery):
    """Which touchpoints, in which order."""

    order: Literal["newest", "oldest"] = Field(default="newest", description="Which come first.")


class TimelineItem(Told):
    """A touchpoint as it was sent, with the times that it got."""

    message_id: str
    type: str
    event: str
    occurred_at: Instant
    received_at: Instant | None
    processed_at: Instant
    silence_seconds: float | None = Field(
        description="Time since the account's touchpoint before it; null for the first of all."
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


class Timeline(Told):
    """A page of touchpoints."""

    account_id: str
    items: list[TimelineItem]
    next_cursor: str | None


class ExplainQuery(Asked):
    """Which journey."""

    journey: JourneyKey | None = Field(
        default=None,
        description="Journey to explain; needed only where the account is on more than one.",
    )
