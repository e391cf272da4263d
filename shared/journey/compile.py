"""Compilation of a journey: a closure for each rule, and a plan for each position.

Precedence at one instant, highest first: outcomes, then win-back and loops, then the furthest stage
forward, then moves back; among equals the first in the map.
"""

from dataclasses import dataclass, replace

from shared.journey.condition import Condition, Needs, needs_of
from shared.journey.facts import FactRegistry, Place
from shared.journey.kinds.touchpoint import AnyTouchpoint
from shared.journey.map import Journey, Stage
from shared.journey.model import Status, TransitionKind
from shared.journey.plan import (
    PlannedMilestone,
    PlannedMove,
    PositionPlan,
    Rules,
    build_plan,
)
from shared.journey.soundness import contradiction
from shared.journey.state import State
from shared.journey.trackers import Since, Tracker, TraitOwner, TraitTracker

_NOT_STARTED, _ENDED = Status.NOT_STARTED, Status.ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """What a move back clears, so that only new touchpoints can lead forward again."""

    facts: frozenset[int]
    milestones: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledJourney:
    """A journey with everything precomputed for folding. Immutable; all subjects share one."""

    journey: Journey
    facts: FactRegistry
    apart: PositionPlan | None
    """Before `applies_to` has held; None if the journey takes everyone."""
    entry: PositionPlan
    active: dict[str, PositionPlan]
    ended: dict[tuple[str, str], PositionPlan]
    """By outcome and the stage that it ended in."""
    milestones: dict[str, tuple[Condition, Place]]
    """Every milestone's own condition, by key, for explanations."""
    account_traits: tuple[TraitTracker, ...]
    person_traits: tuple[TraitTracker, ...]
    on_visit: dict[str, frozenset[int]]
    """Facts that a visit clears as it begins, by its stage: those of the visit before, and those that no
    rule reads before they are cleared anyway."""
    on_end: frozenset[int]
    """Facts that an outcome clears, for the same two reasons."""
    on_cycle: frozenset[int]
    """Facts that a new cycle clears in addition."""
    on_regress: dict[str, Reset]
    """What a move back clears in addition, by the stage moved to."""

    def plan(self, state: State) -> PositionPlan:
        """The position of `state`. Raises KeyError if the state is not of this journey."""
        status = state.status
        if status is _NOT_STARTED:
            if self.apart is not None and not state.joined:
                return self.apart
            return self.entry
        if status is _ENDED:
            return self.ended[state.outcome or "", state.stage or ""]
        return self.active[state.stage or ""]


def compile_journey(journey: Journey) -> CompiledJourney:
    """Compile `journey` for folding.

    Raises ValueError where the map contradicts itself: a name that does not exist or exists twice, a
    duration that is not positive or longer than a century, an operand of the wrong type.
    Cost: milliseconds; compile once per map version.
    """
    return _Compiler(journey).compiled()


class _Compiler:
    """One compilation. Conditions register in the order of the map, which numbers the facts."""

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.facts = FactRegistry()
        problem = contradiction(journey)
        if problem is not None:
            raise ValueError(problem)
        self.milestones = tuple(self._milestone(each.key, each.when) for each in journey.milestones)
        self.milestone_needs = {each.key: each.needs for each in self.milestones}
        self.join = self._join()
        self.enter = {stage.key: self._enter(at, stage) for at, stage in enumerate(journey.stages)}
        self.back = {stage.key: self._back(stage) for stage in journey.stages}
        self.outcomes = [
            (each.stages, self._planned(
                TransitionKind.OUTCOME, f"outcomes.{each.key}.when", each.when, Since.CYCLE,
                outcome=each.key,
            ))
            for each in journey.outcomes
        ]  # fmt: skip
        self.win_back = {
            each.key: self._planned(
                TransitionKind.WIN_BACK, f"outcomes.{each.key}.win_back", each.win_back.when,
                Since.VISIT, to=each.win_back.to,
            )
            for each in journey.outcomes
            if each.win_back is not None
        }  # fmt: skip
        self.loops = [
            (each.stages, self._planned(
                TransitionKind.LOOP, f"loops.{at}", each.when, Since.VISIT, to=each.to
            ))
            for at, each in enumerate(journey.loops)
        ]  # fmt: skip

    def compiled(self) -> CompiledJourney:
        """Plans of all positions. All conditions have registered, so every fact has its number."""
        journey, facts = self.journey, self.facts
        trackers = tuple(facts.trackers.values())
        visit = _numbers(trackers, Since.VISIT)
        entries = self._rules(self._entries())
        entry = build_plan(entries, trackers)
        behind = [self._behind(at) for at in range(len(journey.stages) + 1)]
        apart = None
        if self.join is not None:
            join = Rules(milestones=(), moves=(self.join,))
            apart = build_plan(join, trackers, later=entries)
        return CompiledJourney(
            journey=journey,
            facts=facts,
            apart=apart,
            entry=entry,
            active={
                stage.key: build_plan(
                    self._rules(self._moves(at, stage)),
                    [each for each in trackers if each.group not in behind[at]],
                    stall_after=stage.stall_after,
                )
                for at, stage in enumerate(journey.stages)
            },
            ended=self._ended(trackers),
            milestones={
                each.key: (each.when, _place_of_milestone(each.key)) for each in journey.milestones
            },
            account_traits=tuple(facts.of(TraitOwner.ACCOUNT)),
            person_traits=tuple(facts.of(TraitOwner.PERSON)),
            on_visit={
                stage.key: visit.union(each.number for each in trackers if each.group in behind[at])
                for at, stage in enumerate(journey.stages)
            },
            on_end=visit.union(each.number for each in trackers if each.group in behind[-1]),
            on_cycle=_numbers(trackers, Since.CYCLE),
            on_regress={
                stage.key: self._reset(at, trackers) for at, stage in enumerate(journey.stages)
            },
        )

    def _behind(self, at: int) -> set[str]:
        """Rules whose cycle facts no rule reads in the stage numbered `at`.

        To enter a stage that is not ahead, a subject must first move back beyond it or open a new
        cycle, and both clear the facts of its `enter`. So they are not collected.
        """
        return {f"stages.{stage.key}.enter" for stage in self.journey.stages[: at + 1]}

    def _ended(self, trackers: tuple[Tracker, ...]) -> dict[tuple[str, str], PositionPlan]:
        behind = self._behind(len(self.journey.stages))
        readable = [each for each in trackers if each.group not in behind]
        plans: dict[tuple[str, ...], PositionPlan] = {}
        ended = {}
        for outcome in self.journey.outcomes:
            for stage in self.journey.stages:
                if not outcome.stages or stage.key in outcome.stages:
                    moves = self._reopenings(outcome.key, stage.key)
                    rules = tuple(move.rule for move in moves)
                    if rules not in plans:
                        plans[rules] = build_plan(self._rules(moves), readable)
                    ended[outcome.key, stage.key] = plans[rules]
        return ended

    def _rules(self, moves: list[PlannedMove]) -> Rules:
        return Rules(milestones=self.milestones, moves=tuple(moves))

    def _entries(self) -> list[PlannedMove]:
        keys = [stage.key for stage in self.journey.stages]
        reachable = reversed(keys) if self.journey.may_skip else keys[:1]
        entries = (self.enter[key] for key in reachable)
        return [replace(each, kind=TransitionKind.ENTER) for each in entries if each is not None]

    def _moves(self, at: int, stage: Stage) -> list[PlannedMove]:
        ahead = [each.key for each in self.journey.stages[at + 1 :]]
        reachable = reversed(ahead) if self.journey.may_skip else ahead[:1]
        forward = [self.enter[key] for key in reachable]
        return [
            *(move for stages, move in self.outcomes if not stages or stage.key in stages),
            *(move for stages, move in self.loops if stage.key in stages),
            *(move for move in forward if move is not None),
            *self.back[stage.key],
        ]

    def _reopenings(self, outcome: str, stage: str) -> list[PlannedMove]:
        win_back = self.win_back.get(outcome)
        return [
            *([] if win_back is None else [win_back]),
            *(move for stages, move in self.loops if stage in stages),
        ]

    def _reset(self, at: int, trackers: tuple[Tracker, ...]) -> Reset:
        groups, milestones = set(), set[str]()
        for stage in self.journey.stages[at + 1 :]:
            groups.add(f"stages.{stage.key}.enter")
            move = self.enter[stage.key]
            if move is not None:
                milestones |= self._named(move.needs)
        groups |= {f"milestones.{key}.when" for key in milestones}
        return Reset(
            facts=frozenset(each.number for each in trackers if each.group in groups),
            milestones=frozenset(milestones),
        )

    def _join(self) -> PlannedMove | None:
        if self.journey.applies_to is None:
            return None
        return self._planned(None, "applies_to", self.journey.applies_to, Since.CYCLE)

    def _enter(self, at: int, stage: Stage) -> PlannedMove | None:
        rule = f"stages.{stage.key}.enter"
        kind = TransitionKind.ADVANCE
        if stage.enter is not None:
            return self._planned(kind, rule, stage.enter, Since.CYCLE, to=stage.key, group=rule)
        if at > 0:
            return None
        return self._planned(kind, rule, AnyTouchpoint(), Since.CYCLE, to=stage.key)

    def _back(self, stage: Stage) -> list[PlannedMove]:
        return [
            self._planned(
                TransitionKind.REGRESS, f"stages.{stage.key}.back.{each.to}", each.when,
                Since.VISIT, to=each.to,
            )
            for each in stage.back
        ]  # fmt: skip

    def _milestone(self, key: str, when: Condition) -> PlannedMilestone:
        place = _place_of_milestone(key)
        check = when.compile(place, self.facts)
        return PlannedMilestone(key=key, check=check, needs=needs_of(when, place, self.facts))

    def _planned(
        self,
        kind: TransitionKind | None,
        rule: str,
        when: Condition,
        since: Since,
        *,
        to: str | None = None,
        outcome: str | None = None,
        group: str | None = None,
    ) -> PlannedMove:
        place = Place(since=since, group=group)
        check = when.compile(place, self.facts)
        needs = needs_of(when, place, self.facts)
        timers = needs.union(self.milestone_needs[key] for key in self._named(needs))
        return PlannedMove(
            kind=kind, rule=rule, to=to, outcome=outcome, check=check, needs=needs,
            timers=timers, condition=when, place=place,
        )  # fmt: skip

    def _named(self, needs: Needs) -> set[str]:
        """Milestones that `needs` names, directly or through other milestones."""
        named, ahead = set[str](), set(needs.milestones)
        while ahead:
            key = ahead.pop()
            named.add(key)
            ahead |= self.milestone_needs[key].milestones - named
        return named


def _place_of_milestone(key: str) -> Place:
    return Place(since=Since.CYCLE, group=f"milestones.{key}.when")


def _numbers(trackers: tuple[Tracker, ...], since: Since) -> frozenset[int]:
    return frozenset(each.number for each in trackers if each.since is since)
