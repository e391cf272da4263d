"""The plan of a position: its reachable rules, indexed by event, and its timers.

A position is a stage (stalled or not), a stage with an outcome, or before the first stage. Its
plan says which rules are reachable, which of them an event can affect, and which instants matter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.journey.condition import Check, Condition, Needs
from shared.journey.facts import Place
from shared.journey.model import Touchpoint, TransitionKind
from shared.journey.state import State
from shared.journey.trackers import Since, Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMove:
    """A reachable move. `kind` None: the subject joins the journey."""

    kind: TransitionKind | None
    rule: str
    to: str | None
    outcome: str | None
    check: Check
    needs: Needs
    timers: Needs
    """`needs`, and those of the milestones named, directly or through other milestones."""
    condition: Condition
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMilestone:
    """A reachable milestone."""

    key: str
    check: Check
    needs: Needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Rules to evaluate together, each list in order of precedence."""

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
    """The facts that an event adds to, and the rules that it can make true."""

    records: tuple[Callable[[State, Touchpoint], bool], ...]
    """`Tracker.record` of the facts, bound here: the fold spares the lookup at each touchpoint."""
    rules: Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionPlan:
    """Everything that the fold looks up at one position."""

    rules: Rules
    """All reachable rules."""
    timed: Rules
    """The rules that time alone can make true."""
    reactions: Mapping[str, Reaction]
    """By event name; events that no condition names are absent."""
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
    """Build the plan of a position.

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
        records=tuple(tracker.record for tracker in trackers),
        rules=rules.select(lambda each: not numbers.isdisjoint(each.facts)),
    )
