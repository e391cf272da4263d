"""How a touchpoint adds to one numbered fact.

A state's dicts are replaced, never changed: copies of a state share them.
"""

from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Container, Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from shared.journey.comparison import Accepts, Scalar, value_at
from shared.journey.model import Touchpoint
from shared.journey.state import State

MAX_TRAIT_CHARS = 64
"""Longest text kept of an account trait; enough to recognise the value in an explanation."""

LARGEST_INT = 2**53
"""Beyond it JSON readers disagree about integers, so larger ones are kept as text."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Since(StrEnum):
    """Since when touchpoints count for a condition."""

    VISIT = "visit"
    """Since the present visit began, its own cause excluded."""
    CYCLE = "cycle"
    """Since the present cycle began."""
    EVER = "ever"
    """Since the first touchpoint."""


class TraitOwner(StrEnum):
    """Whose trait is compared; `person` holds when any person of the subject has it."""

    ACCOUNT = "account"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker(ABC):
    """One numbered fact about touchpoints of some events."""

    number: int
    events: tuple[str, ...]
    since: Since
    group: str | None
    keep: int = 1
    """Highest count that a condition compares with."""

    @abstractmethod
    def record(self, work: State, touchpoint: Touchpoint) -> bool:
        """Add a touchpoint of one of `events`; whether the fact changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTracker(Tracker):
    """How many touchpoints there were, up to `keep`."""

    accepts: Accepts | None
    """Test of the properties; None accepts all."""

    def record(self, work: State, touchpoint: Touchpoint) -> bool:
        """Count `touchpoint` unless the count is at `keep` already."""
        accepts = self.accepts
        if accepts is not None and not accepts(touchpoint.properties):
            return False
        number = self.number
        count = work.counts.get(number, 0)
        if count >= self.keep:
            return False
        work.counts = {**work.counts, number: count + 1}
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTracker(Tracker):
    """The newest instants of touchpoints, `keep` of them, oldest first."""

    accepts: Accepts | None
    """Test of the properties; None accepts all."""

    def record(self, work: State, touchpoint: Touchpoint) -> bool:
        """Add the instant of `touchpoint`, which is the newest."""
        accepts = self.accepts
        if accepts is not None and not accepts(touchpoint.properties):
            return False
        number, keep = self.number, self.keep
        times = work.times.get(number)
        if times is None or keep == 1:
            times = [touchpoint.occurred_at]
        else:
            times = [*times[1 - keep :], touchpoint.occurred_at]
        work.times = {**work.times, number: times}
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitTracker(ABC):
    """One numbered fact about a trait: whether its newest value is accepted."""

    number: int
    owner: TraitOwner
    path: tuple[str, ...]
    accepts: Accepts

    @abstractmethod
    def record(self, work: State, touchpoint: Touchpoint) -> bool:
        """Apply the trait's value if `touchpoint` carries one; whether the fact changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTraitTracker(TraitTracker):
    """Whether the account's newest value is accepted.

    `counts` holds the number while that differs from `accepts_missing`, so that a subject
    without the trait keeps nothing.
    """

    accepts_missing: bool
    """The answer while no touchpoint has carried the trait."""

    def record(self, work: State, touchpoint: Touchpoint) -> bool:
        """Apply an account trait, and keep its value, shortened, for explanations."""
        path = self.path
        if path[0] not in touchpoint.account_traits:
            return False
        value = value_at(touchpoint.account_traits, path)
        name, shown = ".".join(path), _shortened(value)
        if shown is not None:
            work.traits = {**work.traits, name: shown}
        elif name in work.traits:
            work.traits = without(work.traits, (name,))
            work.slim()
        number = self.number
        differs = self.accepts(value) is not self.accepts_missing
        if differs is (number in work.counts):
            return False
        if differs:
            work.counts = {**work.counts, number: 1}
        else:
            work.counts = without(work.counts, (number,))
            work.slim()
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTraitTracker(TraitTracker):
    """Which persons' newest values are accepted: `held` lists them. A missing reference is one."""

    def record(self, work: State, touchpoint: Touchpoint) -> bool:
        """Apply a trait of the acting person."""
        path = self.path
        if path[0] not in touchpoint.traits:
            return False
        person = touchpoint.person or ""
        holders = work.held.get(self.number, [])
        holds = self.accepts(value_at(touchpoint.traits, path))
        if holds is (person in holders):
            return False
        if holds:
            holders = holders.copy()
            insort(holders, person)
        else:
            holders = [each for each in holders if each != person]
        if holders:
            work.held = {**work.held, self.number: holders}
        else:
            work.held = without(work.held, (self.number,))
            work.slim()
        return True


def clear(work: State, numbers: Container[int]) -> None:
    """Drop the facts of `numbers`."""
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
