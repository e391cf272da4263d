"""The nouns of the engine: a journey as the engine needs it, a touchpoint, a subject's state.

Instants are aware UTC datetimes of microsecond precision. A touchpoint's place in history is its
`order`, (`occurred_at`, `message_id`); arrival plays no part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from shared.journey.conditions import Condition


class SubjectKind(StrEnum):
    """Who the journey is about."""

    ACCOUNT = "account"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """A permitted move to an earlier stage; touchpoints count from the start of the visit."""

    to: str
    when: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A named phase. `enter` None is allowed for the first stage: any touchpoint enters it."""

    key: str
    title: str
    enter: Condition | None = None
    back: tuple[Back, ...] = ()
    stall_after: timedelta | None = None
    """Longest visit without a move before it counts as a stall; None: never."""
    job: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """A meaningful moment, reached at most once a cycle."""

    key: str
    title: str
    when: Condition
    is_customer_facing: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WinBack:
    """How an ended journey opens again: a new cycle begins at stage `to`."""

    to: str
    when: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A way for the journey to end. `stages` empty: from any stage."""

    key: str
    title: str
    kind: str
    """`won`, `lost` or `churned`."""
    when: Condition
    stages: tuple[str, ...] = ()
    win_back: WinBack | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """From one of `stages` a new cycle begins at stage `to`; from an ended journey as well."""

    stages: tuple[str, ...]
    to: str
    when: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A published map, reduced to what decides stages. Immutable."""

    key: str
    version: int
    title: str
    subject: SubjectKind
    stages: tuple[Stage, ...]
    applies_to: Condition | None = None
    """Traits that put a subject on this journey; None: everyone. Once on it, a subject stays."""
    outcomes: tuple[Outcome, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    loops: tuple[Loop, ...] = ()
    may_skip: bool = True
    """Whether a forward move may leave stages out."""


class Touchpoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that happened to a subject.

    A struct and no dataclass: the stager makes one for every event, and histories are long. It is made
    several times faster and takes no part in garbage collection.
    """

    message_id: str
    occurred_at: datetime
    event: str
    person: str | None = None
    """Reference of the acting person after identity resolution, if one is known."""
    channel: str | None = None
    role: str | None = None
    properties: Mapping[str, Any] = {}
    traits: Mapping[str, Any] = {}
    account_traits: Mapping[str, Any] = {}
    value: float | None = None

    @property
    def order(self) -> tuple[datetime, str]:
        """Place in the subject's history."""
        return (self.occurred_at, self.message_id)


class Status(StrEnum):
    """How a subject stands on a journey."""

    NOT_STARTED = "not_started"
    ACTIVE = "active"
    STALLED = "stalled"
    ENDED = "ended"


class TransitionKind(StrEnum):
    """Why two visits follow each other."""

    ENTER = "enter"
    """First stage of the first cycle; `from_stage` is None."""
    ADVANCE = "advance"
    REGRESS = "regress"
    LOOP = "loop"
    """A new cycle begins."""
    OUTCOME = "outcome"
    """The journey ended; `to_stage` is None and `outcome` names how."""
    WIN_BACK = "win_back"
    """An ended journey opened again, in a new cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What made a transition: a touchpoint (`message_id`, `event`) or the passage of time."""

    message_id: str | None = None
    event: str | None = None
    timer: str | None = None
    """`idle`, `in_stage` or `window` when time alone did it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A move, at its own instant. `sequence` counts a subject's transitions on a journey from 1."""

    sequence: int
    kind: TransitionKind
    from_stage: str | None
    to_stage: str | None
    outcome: str | None
    cycle: int
    """Cycle that the new visit belongs to; for an outcome, the cycle that ended."""
    occurred_at: datetime
    dwell_seconds: float | None
    """Length of the visit that ended; None for `enter`."""
    cause: Cause
    rule: str
    """Path of the deciding rule within the map, e.g. `stages.evaluation.enter`."""
    map_version: int


@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class LastTouchpoint:
    """The newest touchpoint of a subject, as an alert names it.

    A value like the rest, but not frozen: the fold makes one for every touchpoint, and making a
    frozen one would be a fifth of its cost.
    """

    message_id: str
    event: str
    occurred_at: datetime
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A visit that lasted past its stage's `stall_after`; at most one a visit.

    `cleared_at` is the instant of the move that ended the visit, None while it lasts.
    """

    stage: str
    cycle: int
    entered_at: datetime
    stalled_at: datetime
    last_touchpoint: LastTouchpoint | None
    value: float | None
    """Newest `value` of the subject at `stalled_at`."""
    cleared_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A milestone was reached."""

    milestone: str
    cycle: int
    occurred_at: datetime


Effect = Transition | Stall | Reached
