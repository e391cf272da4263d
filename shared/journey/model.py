"""What goes into the fold and comes out of it: touchpoints in; transitions, stalls, milestones out.

Instants are aware UTC datetimes of microsecond precision. A touchpoint's place in history is its
`order`; the order in which the engine is given touchpoints has no influence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

import msgspec

Order = tuple[datetime, int, str]
"""Place of an event in history: `occurred_at`, `tie`, `message_id` (decision 0028)."""

event_order: Callable[[Any], Order] = attrgetter("occurred_at", "tie", "message_id")
"""`Order` of whatever has these three: a touchpoint, an envelope. The only place that puts them together."""


class SubjectKind(StrEnum):
    """Whose stage a journey decides."""

    ACCOUNT = "account"
    PERSON = "person"


class Touchpoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that happened to a subject.

    A struct, not a dataclass: the stager creates one for every event, and histories are long. Creating a
    struct is six times faster, and the garbage collector skips it.
    """

    message_id: str
    occurred_at: datetime
    tie: int = 0
    """What is known of the order of events of one instant: the smaller is the earlier."""
    event: str
    person: str | None = None
    """Reference of the acting person after identity resolution, if there is one."""
    channel: str | None = None
    role: str | None = None
    properties: Mapping[str, Any] = {}
    traits: Mapping[str, Any] = {}
    account_traits: Mapping[str, Any] = {}
    value: float | None = None

    @property
    def order(self) -> Order:
        """Place in the subject's history."""
        return event_order(self)


class Status(StrEnum):
    """Status of a subject on a journey."""

    NOT_STARTED = "not_started"
    ACTIVE = "active"
    STALLED = "stalled"
    ENDED = "ended"


class TransitionKind(StrEnum):
    """Why a visit ended and the next one began."""

    ENTER = "enter"
    """First stage of the first cycle; `from_stage` is None."""
    ADVANCE = "advance"
    REGRESS = "regress"
    LOOP = "loop"
    """A new cycle begins."""
    OUTCOME = "outcome"
    """The journey ended; `to_stage` is None and `outcome` names how."""
    WIN_BACK = "win_back"
    """An ended journey reopened, in a new cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Cause of a transition: a touchpoint (`message_id`, `event`) or the passage of time."""

    message_id: str | None = None
    event: str | None = None
    timer: str | None = None
    """`idle`, `in_stage` or `window` when time alone was the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A move at an instant. `sequence` counts a subject's transitions on a journey from 1."""

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
    """The newest touchpoint of a subject, as an alert shows it.

    A value like the rest, but not frozen: the fold creates one for every touchpoint, and creating a
    frozen one would be a fifth of its cost.
    """

    message_id: str
    event: str
    occurred_at: datetime
    channel: str | None = None
    tie: int = 0


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
