"""The facts that a map asks for, numbered, and how a touchpoint adds to them.

A fact is what one condition on touchpoints or traits needs to remember. Conditions that ask the
same share a fact, unless a move back may clear the one and not the other: cycle facts of different
stages' `enter` and of different milestones are kept apart by their `group`.
"""

from bisect import insort
from collections.abc import Container, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from shared.journey.comparison import Accepts, accepts_properties, accepts_values, value_at
from shared.journey.conditions import (
    Never,
    Operator,
    Performed,
    Predicate,
    Scalar,
    Scope,
    Trait,
    TraitOwner,
)
from shared.journey.model import Touchpoint
from shared.journey.state import State

MAX_TRAIT_CHARS = 64
"""Longest text kept of an account trait; enough to recognise the value in an explanation."""

LARGEST_INT = 2**53
"""Beyond it JSON readers disagree about integers, so larger ones are kept as text."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a map a condition stands."""

    scope: Scope
    """Scope of conditions that name none."""
    group: str | None = None
    """Rule whose cycle facts can be cleared by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """One numbered fact about touchpoints."""

    number: int
    events: tuple[str, ...]
    accepts: Accepts | None
    within: timedelta | None
    scope: Scope
    group: str | None
    keep: int
    """Highest count that a condition asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitTracker:
    """One numbered fact about a trait: whether its newest value is as asked."""

    number: int
    owner: TraitOwner
    path: tuple[str, ...]
    accepts: Accepts
    accepts_missing: bool
    """Answer as long as nobody has told the trait."""


Key = tuple[str, ...]


class Facts:
    """The numbered facts of one map. Numbers follow the order in which conditions register."""

    def __init__(self) -> None:
        self.trackers: dict[Key, Tracker] = {}
        self.traits: dict[Key, TraitTracker] = {}

    def tracker(self, condition: Performed | Never, place: Place) -> Tracker:
        """The fact that `condition` reads at `place`, registered if it is new."""
        scope = condition.scope or place.scope
        group = place.group if scope is Scope.CYCLE else None
        keep = condition.count if isinstance(condition, Performed) else 1
        # repr tells True from 1, which compare equal and would share a fact otherwise.
        asked = (condition.events, condition.where, condition.within)
        key = ("touchpoint", repr(asked), scope.value, group or "")
        known = self.trackers.get(key)
        if known is None:
            known = Tracker(
                number=self._next(),
                events=condition.events,
                accepts=accepts_properties(condition.where),
                within=condition.within,
                scope=scope,
                group=group,
                keep=keep,
            )
        elif known.keep < keep:
            known = replace(known, keep=keep)
        self.trackers[key] = known
        return known

    def trait(self, condition: Trait) -> TraitTracker:
        """The fact that `condition` reads, registered if it is new."""
        key = ("trait", condition.owner.value, repr(condition.predicate))
        known = self.traits.get(key)
        if known is None:
            predicate = asked_of_one(condition)
            accepts = accepts_values(predicate)
            known = TraitTracker(
                number=self._next(),
                owner=condition.owner,
                path=tuple(predicate.path.split(".")),
                accepts=accepts,
                accepts_missing=condition.owner is TraitOwner.ACCOUNT and accepts(None),
            )
            self.traits[key] = known
        return known

    def of(self, owner: TraitOwner) -> Iterator[TraitTracker]:
        """Trait facts of `owner`."""
        return (each for each in self.traits.values() if each.owner is owner)

    def _next(self) -> int:
        return len(self.trackers) + len(self.traits)


def is_nobody(condition: Trait) -> bool:
    """Whether `condition` asks that no person has the trait: `exists: false` of `person`."""
    return (
        condition.owner is TraitOwner.PERSON
        and condition.predicate.operator is Operator.EXISTS
        and condition.predicate.value is False
    )


def asked_of_one(condition: Trait) -> Predicate:
    """What is asked of one owner; "nobody has it" is asked as "somebody has it" and negated."""
    if is_nobody(condition):
        return replace(condition.predicate, value=True)
    return condition.predicate


def record(tracker: Tracker, work: State, touchpoint: Touchpoint) -> bool:
    """Add `touchpoint` to a fact that listens to its event; whether the fact changed."""
    accepts = tracker.accepts
    if accepts is not None and not accepts(touchpoint.properties):
        return False
    number = tracker.number
    if tracker.within is None:
        so_far = work.counts.get(number, 0)
        if so_far >= tracker.keep:
            return False
        work.counts = {**work.counts, number: so_far + 1}
        return True
    keep = tracker.keep
    times = work.times.get(number)
    if times is None or keep == 1:
        times = [touchpoint.occurred_at]
    else:
        times = [*times[1 - keep :], touchpoint.occurred_at]
    work.times = {**work.times, number: times}
    return True


def record_account_trait(tracker: TraitTracker, work: State, touchpoint: Touchpoint) -> bool:
    """Take over an account trait if `touchpoint` tells it; whether the fact changed."""
    path = tracker.path
    if path[0] not in touchpoint.account_traits:
        return False
    value = value_at(touchpoint.account_traits, path)
    name, shown = ".".join(path), _shortened(value)
    if shown is not None:
        work.traits = {**work.traits, name: shown}
    elif name in work.traits:
        work.traits = without(work.traits, (name,))
        work.slim()
    number = tracker.number
    differs = tracker.accepts(value) is not tracker.accepts_missing
    if differs is (number in work.counts):
        return False
    if differs:
        work.counts = {**work.counts, number: 1}
    else:
        work.counts = without(work.counts, (number,))
        work.slim()
    return True


def record_person_trait(tracker: TraitTracker, work: State, touchpoint: Touchpoint) -> bool:
    """Take over a person's trait if `touchpoint` tells it; whether the fact changed.

    Persons without a reference are one person.
    """
    path = tracker.path
    if path[0] not in touchpoint.traits:
        return False
    person = touchpoint.person or ""
    holders = work.held.get(tracker.number, [])
    holds = tracker.accepts(value_at(touchpoint.traits, path))
    if holds is (person in holders):
        return False
    if holds:
        holders = holders.copy()
        insort(holders, person)
    else:
        holders = [each for each in holders if each != person]
    if holders:
        work.held = {**work.held, tracker.number: holders}
    else:
        work.held = without(work.held, (tracker.number,))
        work.slim()
    return True


def trait_holds(condition: Trait, tracker: TraitTracker, state: State) -> bool:
    """Whether the newest value is as asked; of persons, whether it is so for any of them."""
    if tracker.owner is TraitOwner.PERSON:
        return (tracker.number in state.held) is not is_nobody(condition)
    return (tracker.number in state.counts) is not tracker.accepts_missing


def clear(work: State, numbers: Container[int]) -> None:
    """Forget the facts of `numbers`."""
    work.counts = without(work.counts, numbers)
    work.times = without(work.times, numbers)


def without(entries: Mapping[K, V], keys: Container[K]) -> dict[K, V]:
    """`entries` but for `keys`, as a new dict."""
    return {key: value for key, value in entries.items() if key not in keys}


def _shortened(value: Any) -> Scalar:  # noqa: ANN401 - any JSON value
    match value:
        case None | bool() | float():
            return value
        case int() if -LARGEST_INT <= value <= LARGEST_INT:
            return value
        case int():
            text = f"{value:.3e}" if abs(value) < 10**300 else "a huge number"
        case str():
            text = value
        case dict():
            text = "{…}"
        case _:
            text = "[…]"
    return text if len(text) <= MAX_TRAIT_CHARS else text[: MAX_TRAIT_CHARS - 1] + "…"
