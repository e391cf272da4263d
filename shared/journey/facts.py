"""The facts of one map, numbered, and the places of the conditions that read them.

A fact is what one condition on touchpoints or traits has to remember. Conditions that read the
same share a fact, unless a move back may clear the one and not the other: cycle facts of different
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


Key = tuple[str, ...]


class FactRegistry:
    """The numbered facts of one map. Numbers follow the order in which conditions register."""

    def __init__(self) -> None:
        self.trackers: dict[Key, Tracker] = {}
        self.traits: dict[Key, TraitTracker] = {}

    def tracker(self, key: Key, make: Callable[[int], Tracker]) -> Tracker:
        """The fact about touchpoints under `key`; `make` builds it for a number if it is new.

        Facts with one key may differ in `keep` alone; the greatest one wins.
        """
        tracker = self.trackers.get(key)
        wanted = make(self._next() if tracker is None else tracker.number)
        if tracker is None or tracker.keep < wanted.keep:
            tracker = self.trackers[key] = wanted
        return tracker

    def trait(self, key: Key, make: Callable[[int], TraitTracker]) -> TraitTracker:
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
