"""The fold of a history, or of its end, by several journeys at once and in pieces. Pure.

A fold that begins at a snapshot and comes to another one that it agrees with may skip what follows: the
same touchpoints gave the rest before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.stager.fold.snapshots import equal
from services.stager.subjects.subject import Snapshot, StoredState, Subject
from shared.journey.compile import CompiledJourney
from shared.journey.fold import advance, fold_all
from shared.journey.model import Effect, Touchpoint
from shared.journey.state import State

_PIECE = 500
"""Touchpoints folded in one go, 1 to 3 ms a journey."""


@dataclass(slots=True)
class JourneyFold:
    """One journey of a `HistoryFold`."""

    compiled: CompiledJourney
    start: State
    """Where the fold begins; initial for a whole history."""
    state: State
    effects: list[Effect] = field(default_factory=list)
    """Since `start`."""
    skipped_from: State | None = None
    """Where the fold skips what is stored and right, None if it does not."""
    later_effects: list[Effect] = field(default_factory=list)
    """Since the end of what was skipped."""

    def add(self, touchpoints: Sequence[Touchpoint]) -> None:
        """Fold touchpoints that are in order and later than all before."""
        self.state, effects = fold_all(self.compiled, self.state, touchpoints)
        self._note(effects)

    def pass_time(self, until: datetime) -> None:
        """Apply the deadlines up to `until`."""
        self.state, effects = advance(self.compiled, self.state, until)
        self._note(effects)

    def _note(self, effects: list[Effect]) -> None:
        if self.skipped_from is None:
            self.effects += effects
        else:
            self.later_effects += effects


class HistoryFold:
    """Folds a history from its beginning, or from a snapshot."""

    def __init__(
        self, journeys: Sequence[CompiledJourney], start: Snapshot | None, every: int
    ) -> None:
        """`start` fits `journeys`. `every`: touchpoints between two snapshots."""
        self.start_at = None if start is None else start.at
        """Instant of the snapshot."""
        self.skipped_from_at: datetime | None = None
        """Instant from which on what is stored is right."""
        self.journeys: list[JourneyFold] = []
        self.account_traits: dict[str, Any] = {}
        self.value: float | None = None
        self.snapshots: list[Snapshot] = []
        """Snapshots made on the way."""
        self.folded = 0
        """Touchpoints folded."""
        self._every = every
        self._since = 0
        for compiled in journeys:
            state = State.initial() if start is None else start.states[compiled.journey.key].s
            self.journeys.append(JourneyFold(compiled, state, state))
        if start is not None:
            self.account_traits, self.value = dict(start.account_traits), start.value

    def add(self, touchpoints: Sequence[Touchpoint]) -> Iterator[None]:
        """Fold touchpoints that are in order and later than all before, with snapshots between them.

        Yields after each piece, so that the caller can let others work; the fold goes on with the iteration.
        """
        number, at = len(touchpoints), 0
        while at < number:
            if (
                self._since >= self._every
                and number - at >= self._every
                and _begins_instant(touchpoints, at)
            ):
                self._since = 0
                self.snapshots.append(self._snapshot(touchpoints[at - 1].occurred_at))
            end = min(number, at + _PIECE)
            due = at + max(1, self._every - self._since)
            if number - due >= self._every:
                while due < end and not _begins_instant(touchpoints, due):
                    due += 1
                end = min(end, due)
            self._add(touchpoints[at:end])
            at = end
            yield

    def is_same_at(self, at: datetime, stored: Snapshot | None) -> bool:
        """Whether the fold, which has all touchpoints up to `at`, agrees with the stored snapshot of `at`.

        If not, that snapshot is to be replaced by one among `snapshots`. `stored` None: nothing is known.
        """
        self._since = 0
        snapshot = self._snapshot(at)
        if stored is not None and equal(
            snapshot, stored, [each.compiled for each in self.journeys]
        ):
            return True
        self.snapshots.append(snapshot)
        return False

    def skip(self, at: datetime, subject: Subject) -> None:
        """Go on at the stored end of the history, because from `at` on nothing differs."""
        self.skipped_from_at = at
        for each in self.journeys:
            each.skipped_from = each.state
            each.state = subject.states[each.compiled.journey.key].s
        self.account_traits, self.value = dict(subject.account_traits), subject.value

    def finish(self, now: datetime) -> None:
        """Apply the deadlines up to `now`."""
        for each in self.journeys:
            each.pass_time(now)

    def _add(self, touchpoints: Sequence[Touchpoint]) -> None:
        for each in self.journeys:
            each.add(touchpoints)
        for touchpoint in touchpoints:
            if touchpoint.account_traits:
                self.account_traits.update(touchpoint.account_traits)
            if touchpoint.value is not None:
                self.value = touchpoint.value
        self._since += len(touchpoints)
        self.folded += len(touchpoints)

    def _snapshot(self, at: datetime) -> Snapshot:
        """The snapshot of `at`, up to which all touchpoints are folded."""
        states: dict[str, StoredState] = {}
        for each in self.journeys:
            each.pass_time(at)
            journey = each.compiled.journey
            states[journey.key] = StoredState(journey.version, each.state)
        return Snapshot(at, states, dict(self.account_traits), self.value)


def _begins_instant(touchpoints: Sequence[Touchpoint], at: int) -> bool:
    """Whether the touchpoint at a place is later than the one before it, and not of one instant with it."""
    return at > 0 and touchpoints[at].occurred_at > touchpoints[at - 1].occurred_at
