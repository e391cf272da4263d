"""What can happen next to a subject, prepared for every position on the map.

A position is a stage (stalled or not), a stage with an outcome, or before the first stage. Its
plan says which rules are reachable, which of them an event can touch, and which instants matter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.journey.conditions import Condition, Scope
from shared.journey.facts import Place, Tracker
from shared.journey.model import TransitionKind
from shared.journey.state import State

Check = Callable[[State, datetime], bool]
"""Whether a condition holds for a state at an instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the truth of a condition depends on."""

    facts: frozenset[int] = frozenset()
    """Numbers of the facts about touchpoints that it reads."""
    milestones: frozenset[str] = frozenset()
    idles: frozenset[timedelta] = frozenset()
    """Its truth can change so long after the last touchpoint, and at the one that ends that."""
    visits: frozenset[timedelta] = frozenset()
    """Its truth can change so long after the visit began."""
    windows: frozenset[tuple[int, timedelta]] = frozenset()
    """Its truth can change so long after an instant of a windowed fact."""

    def union(self, others: Iterable["Needs"]) -> "Needs":
        """What these truths depend on together."""
        needs = [self, *others]
        return Needs(
            facts=frozenset().union(*(each.facts for each in needs)),
            milestones=frozenset().union(*(each.milestones for each in needs)),
            idles=frozenset().union(*(each.idles for each in needs)),
            visits=frozenset().union(*(each.visits for each in needs)),
            windows=frozenset().union(*(each.windows for each in needs)),
        )

    @property
    def is_timed(self) -> bool:
        """Whether time alone can change the truth."""
        return bool(self.idles or self.visits or self.windows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A move that a rule can make. `kind` None: the subject joins the journey."""

    kind: TransitionKind | None
    rule: str
    to: str | None
    outcome: str | None
    check: Check
    needs: Needs
    timers: Needs
    """`needs` with those of the milestones that it names, directly or through other ones."""
    condition: Condition | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneRule:
    """A milestone that can be reached."""

    key: str
    check: Check
    needs: Needs
    condition: Condition
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Rules to evaluate together, each kind in the order in which it wins."""

    milestones: tuple[MilestoneRule, ...]
    targets: tuple[Target, ...]

    def those(self, is_wanted: Callable[[Needs], bool]) -> "Rules":
        """The rules whose needs are wanted."""
        return Rules(
            milestones=tuple(each for each in self.milestones if is_wanted(each.needs)),
            targets=tuple(each for each in self.targets if is_wanted(each.needs)),
        )

    def needs(self) -> Needs:
        """Everything that their truth depends on."""
        of_milestones = (each.needs for each in self.milestones)
        return Needs().union([*of_milestones, *(each.needs for each in self.targets)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What one event adds to, and which rules that can make true."""

    trackers: tuple[Tracker, ...]
    rules: Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
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
    also: Rules | None = None,
) -> Plan:
    """Prepare a position.

    `also`: rules of a later position whose visit facts count already, because no visit begins
    in between.
    """
    needs = rules.needs()
    awaited = needs.facts if also is None else needs.facts | also.needs().facts
    listening: dict[str, list[Tracker]] = {}
    for tracker in trackers:
        # Visit facts of other positions would be cleared before anybody reads them.
        if tracker.scope is not Scope.VISIT or tracker.number in awaited:
            for event in dict.fromkeys(tracker.events):
                listening.setdefault(event, []).append(tracker)
    return Plan(
        rules=rules,
        timed=rules.those(lambda each: each.is_timed),
        reactions={event: _reaction(tuple(heard), rules) for event, heard in listening.items()},
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
        rules=rules.those(lambda each: not numbers.isdisjoint(each.facts)),
    )
