"""The facts of one map, numbered, and the places of the conditions that read them.

A fact is the part of the history that one condition on touchpoints or traits needs. Equal conditions
share a fact, unless a move back may clear the one and not the other: cycle facts of different
stages' `enter` and of different milestones are kept apart by their `group`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shared.journey.trackers import Since, Tracker, TraitOwner, TraitTracker


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a map a condition stands."""

    since: Since
    """Default of conditions that name no `since`."""
    group: str | None = None
    """Rule whose cycle facts can be cleared by themselves."""


FactKey = tuple[str, ...]


class FactRegistry:
    """The numbered facts of one map. Numbers follow the order in which conditions register."""

    def __init__(self) -> None:
        self.trackers: dict[FactKey, Tracker] = {}
        self.traits: dict[FactKey, TraitTracker] = {}

    def tracker(self, key: FactKey, make: Callable[[int], Tracker], *, keep: int = 1) -> Tracker:
        """The fact about touchpoints under `key`; `make` builds it for a number, with `keep`.

        Conditions with one key may differ in `keep` alone; the fact has the greatest of them.
        """
        tracker = self.trackers.get(key)
        if tracker is None:
            tracker = self.trackers[key] = make(self._next())
        elif tracker.keep < keep:
            tracker = self.trackers[key] = make(tracker.number)
        return tracker

    def trait(self, key: FactKey, make: Callable[[int], TraitTracker]) -> TraitTracker:
        """The fact about a trait under `key`; `make` builds it for a number if it is new."""
        tracker = self.traits.get(key)
        if tracker is None:
            tracker = self.traits[key] = make(self._next())
        return tracker

    def of(self, owner: TraitOwner) -> Iterator[TraitTracker]:
        """Trait facts of `owner`."""
        return (each for each in self.traits.values() if each.owner is owner)

    def _next(self) -> int:
        return len(self.trackers) + len(self.traits)
