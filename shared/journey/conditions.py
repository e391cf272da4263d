"""What a map can ask of a subject's history: conditions as plain data.

Declarative only: no user code and no user regular expressions, so evaluating one costs what its size
says. `compile.py` turns them into closures, `explain.py` into sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

Scalar = str | int | float | bool | None


class Operator(StrEnum):
    """How a property or trait is compared, see `comparison.py`.

    Null, booleans, numbers and text never equal each other; `ne` is the exact opposite of `eq`.
    """

    EQ = "eq"
    NE = "ne"
    IN = "in"
    EXISTS = "exists"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"


class Scope(StrEnum):
    """Since when touchpoints count for a condition."""

    VISIT = "visit"
    """Since the present visit began, its own cause excluded."""
    CYCLE = "cycle"
    """Since the present cycle began."""
    EVER = "ever"
    """Since the first touchpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """One comparison on a property (`where`) or trait; dots in `path` step into objects."""

    path: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    """Every part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The part does not hold."""

    part: "Condition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """One of `events` happened at least `count` times, within the last `within` if given.

    `scope` None means the default of the place where the condition stands: CYCLE for `enter`,
    milestones and outcomes; VISIT for moves back, loops and win-backs.
    """

    events: tuple[str, ...]
    where: tuple[Predicate, ...] = ()
    count: int = 1
    within: timedelta | None = None
    scope: Scope | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """None of `events` happened, within the last `within` if given; scope as in `Performed`.

    Holds from the beginning: nothing has to happen first.
    """

    events: tuple[str, ...]
    where: tuple[Predicate, ...] = ()
    within: timedelta | None = None
    scope: Scope | None = None


class TraitOwner(StrEnum):
    """Whose trait is asked for; `person` holds when any person of the subject has it."""

    ACCOUNT = "account"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """The newest value of a trait compares as asked; `exists: false` of persons: nobody has it."""

    owner: TraitOwner
    predicate: Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleFor:
    """No touchpoint at all for `duration`."""

    duration: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class InStageFor:
    """The present visit has lasted `duration`; with `stage`, and is a visit of that stage.

    Of an ended journey, without `stage`: `duration` has passed since the outcome.
    """

    duration: timedelta
    stage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneReached:
    """The milestone was reached in the present cycle."""

    milestone: str


Condition = All | AnyOf | Not | Performed | Never | Trait | IdleFor | InStageFor | MilestoneReached


def walk(condition: Condition) -> Sequence[Condition]:
    """The condition and everything inside it, outermost first."""
    match condition:
        case All(parts=parts) | AnyOf(parts=parts):
            return [condition, *(inner for part in parts for inner in walk(part))]
        case Not(part=part):
            return [condition, *walk(part)]
        case _:
            return [condition]
