"""What can happen next to a subject, prepared for every position on the map.

A position is a stage (stalled or not), a stage with an outcome, or before the first stage. Its
plan says which rules are reachable, which of them an event can touch, and which instants matter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.journey.condition import Check, Condition, Needs
from shared.journey.facts import Place
from shared.journey.model import TransitionKind
from shared.journey.trackers import Since, Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMove:
    """A move that a rule can make. `kind` None: the subject joins the journey."""

    kind: TransitionKind | None
    rule: str
    to: str | None
    outcome: str | None
    check: Check
    needs: Needs
    timers: Needs
    """`needs` with those of the milestones that it names, directly or through other ones."""
    condition: Condition
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMilestone:
    """A milestone that can be reached."""

    key: str
    check: Check
    needs: Needs
    condition: Condition
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Rules to evaluate together, each kind in the order in which it wins."""

    milestones: tuple[PlannedMilestone, ...]
    moves: tuple[PlannedMove, ...]

    def select(self, is_selected: Callable[[Needs], bool]) -> "Rules":
        """The rules whose needs are selected."""
        return Rules(
            milestones=tuple(each for each in self.milestones if is_selected(each.needs)),
            moves=tuple(each for each in self.moves if is_selected(each.needs)),
        )

    def needs(self) -> Needs:
        """Everything that their truth depends on."""
        of_milestones = (each.needs for each in self.milestones)
        return Needs().union([*of_milestones, *(each.needs for each in self.moves)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What one event adds to, and which rules that can make true."""

    trackers: tuple[Tracker, ...]
    rules: Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionPlan:
    """One position, prepared."""

    rules: Rules
    """All that are reachable here."""
    timed: Rules
    """Those that time alone can make true."""
    reactions: Mapping[str, Reaction]
    """By event name; an event that no condition names is not there."""
    idles: tuple[timedelta, ...]
    visits: tuple[timedelta, ...]
    windows: tuple[tuple[int, timedelta], ...]
    stall_after: timedelta | None
    is_timed: bool
    """Whether time alone can change anything here."""


def build_plan(
    rules: Rules,
    trackers: Iterable[Tracker],
    *,
    stall_after: timedelta | None = None,
    later: Rules | None = None,
) -> PositionPlan:
    """Prepare a position.

    `later`: rules of a later position whose visit facts count already, because no visit begins
    in between.
    """
    needs = rules.needs()
    read = needs.facts if later is None else needs.facts | later.needs().facts
    listening: dict[str, list[Tracker]] = {}
    for tracker in trackers:
        # Visit facts of other positions would be cleared before a rule reads them.
        if tracker.since is not Since.VISIT or tracker.number in read:
            for event in dict.fromkeys(tracker.events):
                listening.setdefault(event, []).append(tracker)
    return PositionPlan(
        rules=rules,
        timed=rules.select(lambda each: each.is_timed),
        reactions={event: _reaction(tuple(added), rules) for event, added in listening.items()},
        idles=tuple(sorted(needs.idles)),
        visits=tuple(sorted(needs.visits)),
        windows=tuple(sorted(needs.windows)),
        stall_after=stall_after,
        is_timed=needs.is_timed or stall_after is not None,
    )


def _reaction(trackers: tuple[Tracker, ...], rules: Rules) -> Reaction:
    numbers = frozenset(tracker.number for tracker in trackers)
    return Reaction(
        trackers=trackers,
        rules=rules.select(lambda each: not numbers.isdisjoint(each.facts)),
    )
