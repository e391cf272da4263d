"""A published map, reduced to what decides stages. Immutable."""

from dataclasses import dataclass
from datetime import timedelta

from shared.journey.condition import Condition
from shared.journey.model import SubjectKind


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
    """A significant event of the journey, reached at most once a cycle."""

    key: str
    title: str
    when: Condition
    is_customer_facing: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WinBack:
    """How an ended journey reopens: a new cycle begins at stage `to`."""

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
