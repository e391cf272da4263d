"""A journey made ready to fold: closures for its rules, and a plan for every position.

Precedence at one instant, highest first: outcomes, then win-back and loops, then the furthest stage
forward, then moves back; among equals the one that the map names first.
"""

from dataclasses import dataclass, replace

from shared.journey.closures import compile_condition, needs_of
from shared.journey.conditions import Condition, Scope, TraitOwner
from shared.journey.facts import Facts, Place, Tracker, TraitTracker
from shared.journey.model import Journey, Stage, Status, TransitionKind
from shared.journey.plan import MilestoneRule, Needs, Plan, Rules, Target, build_plan
from shared.journey.soundness import contradiction
from shared.journey.state import State

_NOT_STARTED, _ENDED = Status.NOT_STARTED, Status.ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """What a move back clears: it must be earned anew."""

    facts: frozenset[int]
    milestones: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledJourney:
    """A journey and everything prepared for folding it. Immutable; share one among subjects."""

    journey: Journey
    facts: Facts
    apart: Plan | None
    """Before `applies_to` has held; None if the journey takes everyone."""
    entry: Plan
    active: dict[str, Plan]
    ended: dict[tuple[str, str], Plan]
    """By outcome and the stage that it ended in."""
    milestones: tuple[MilestoneRule, ...]
    account_traits: tuple[TraitTracker, ...]
    person_traits: tuple[TraitTracker, ...]
    on_visit: dict[str, frozenset[int]]
    """Facts that a visit clears as it begins, by its stage: those of the visit before, and those
    that cannot matter again before they are cleared anyway."""
    on_end: frozenset[int]
    """Facts that an outcome clears, for the same two reasons."""
    on_cycle: frozenset[int]
    """Facts that a new cycle clears besides."""
    on_regress: dict[str, Reset]
    """What a move back clears besides, by the stage moved to."""

    def plan(self, state: State) -> Plan:
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
    """Prepare `journey` for folding.

    Raises ValueError where the map contradicts itself: a name that is not there or there twice, a
    span that is not positive or longer than a century, an operand that an operator cannot take.
    Cost: milliseconds; compile once per map version.
    """
    return _Compiler(journey).compiled()


class _Compiler:
    """One compilation. Conditions register in the order of the map, which numbers the facts."""

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.facts = Facts()
        problem = contradiction(journey)
        if problem is not None:
            raise ValueError(problem)
        self.milestones = tuple(self._milestone(each.key, each.when) for each in journey.milestones)
        self.milestone_needs = {each.key: each.needs for each in self.milestones}
        self.join = self._join()
        self.enter = {stage.key: self._enter(at, stage) for at, stage in enumerate(journey.stages)}
        self.back = {stage.key: self._back(stage) for stage in journey.stages}
        self.outcomes = [
            (each.stages, self._target(
                TransitionKind.OUTCOME, f"outcomes.{each.key}.when", each.when, Scope.CYCLE,
                outcome=each.key,
            ))
            for each in journey.outcomes
        ]  # fmt: skip
        self.win_back = {
            each.key: self._target(
                TransitionKind.WIN_BACK, f"outcomes.{each.key}.win_back", each.win_back.when,
                Scope.VISIT, to=each.win_back.to,
            )
            for each in journey.outcomes
            if each.win_back is not None
        }  # fmt: skip
        self.loops = [
            (each.stages, self._target(
                TransitionKind.LOOP, f"loops.{at}", each.when, Scope.VISIT, to=each.to
            ))
            for at, each in enumerate(journey.loops)
        ]  # fmt: skip

    def compiled(self) -> CompiledJourney:
        """Plans of all positions, once every fact has its number."""
        journey, facts = self.journey, self.facts
        trackers = tuple(facts.trackers.values())
        visit = _numbers(trackers, Scope.VISIT)
        entries = self._rules(self._entries())
        entry = build_plan(entries, trackers)
        apart = None
        if self.join is not None:
            join = Rules(milestones=(), targets=(self.join,))
            apart = build_plan(join, trackers, also=entries)
        return CompiledJourney(
            journey=journey,
            facts=facts,
            apart=apart,
            entry=entry,
            active={
                stage.key: build_plan(
                    self._rules(self._moves(at, stage)),
                    [each for each in trackers if each.group not in self._behind(at)],
                    stall_after=stage.stall_after,
                )
                for at, stage in enumerate(journey.stages)
            },
            ended=self._ended(trackers),
            milestones=self.milestones,
            account_traits=tuple(facts.of(TraitOwner.ACCOUNT)),
            person_traits=tuple(facts.of(TraitOwner.PERSON)),
            on_visit={
                stage.key: visit.union(
                    each.number for each in trackers if each.group in self._behind(at)
                )
                for at, stage in enumerate(journey.stages)
            },
            on_end=visit.union(
                each.number for each in trackers if each.group in self._behind(len(journey.stages))
            ),
            on_cycle=_numbers(trackers, Scope.CYCLE),
            on_regress={
                stage.key: self._reset(at, trackers) for at, stage in enumerate(journey.stages)
            },
        )

    def _behind(self, at: int) -> set[str]:
        """Rules whose cycle facts are of no use in the stage numbered `at`.

        To enter a stage that is not ahead, a subject must first move back beyond it or open a new
        cycle, and both clear the facts of its `enter`. So they are not even collected.
        """
        return {f"stages.{stage.key}.enter" for stage in self.journey.stages[: at + 1]}

    def _ended(self, trackers: tuple[Tracker, ...]) -> dict[tuple[str, str], Plan]:
        behind = self._behind(len(self.journey.stages))
        useful = [each for each in trackers if each.group not in behind]
        plans: dict[tuple[str, ...], Plan] = {}
        ended = {}
        for outcome in self.journey.outcomes:
            for stage in self.journey.stages:
                if not outcome.stages or stage.key in outcome.stages:
                    targets = self._reopenings(outcome.key, stage.key)
                    rules = tuple(target.rule for target in targets)
                    if rules not in plans:
                        plans[rules] = build_plan(self._rules(targets), useful)
                    ended[outcome.key, stage.key] = plans[rules]
        return ended

    def _rules(self, targets: list[Target]) -> Rules:
        return Rules(milestones=self.milestones, targets=tuple(targets))

    def _entries(self) -> list[Target]:
        keys = [stage.key for stage in self.journey.stages]
        reachable = reversed(keys) if self.journey.may_skip else keys[:1]
        entries = (self.enter[key] for key in reachable)
        return [replace(each, kind=TransitionKind.ENTER) for each in entries if each is not None]

    def _moves(self, at: int, stage: Stage) -> list[Target]:
        ahead = [each.key for each in self.journey.stages[at + 1 :]]
        reachable = reversed(ahead) if self.journey.may_skip else ahead[:1]
        forward = [self.enter[key] for key in reachable]
        return [
            *(target for stages, target in self.outcomes if not stages or stage.key in stages),
            *(target for stages, target in self.loops if stage.key in stages),
            *(target for target in forward if target is not None),
            *self.back[stage.key],
        ]

    def _reopenings(self, outcome: str, stage: str) -> list[Target]:
        win_back = self.win_back.get(outcome)
        return [
            *([] if win_back is None else [win_back]),
            *(target for stages, target in self.loops if stage in stages),
        ]

    def _reset(self, at: int, trackers: tuple[Tracker, ...]) -> Reset:
        groups, milestones = set(), set[str]()
        for stage in self.journey.stages[at + 1 :]:
            groups.add(f"stages.{stage.key}.enter")
            target = self.enter[stage.key]
            if target is not None:
                milestones |= self._named(target.needs)
        groups |= {f"milestones.{key}.when" for key in milestones}
        return Reset(
            facts=frozenset(each.number for each in trackers if each.group in groups),
            milestones=frozenset(milestones),
        )

    def _join(self) -> Target | None:
        if self.journey.applies_to is None:
            return None
        return self._target(None, "applies_to", self.journey.applies_to, Scope.CYCLE)

    def _enter(self, at: int, stage: Stage) -> Target | None:
        rule = f"stages.{stage.key}.enter"
        kind = TransitionKind.ADVANCE
        if stage.enter is not None:
            return self._target(kind, rule, stage.enter, Scope.CYCLE, to=stage.key, group=rule)
        if at > 0:
            return None
        return Target(
            kind=kind, rule=rule, to=stage.key, outcome=None, condition=None,
            check=lambda state, _: state.last is not None,
            needs=Needs(), timers=Needs(), place=Place(scope=Scope.CYCLE),
        )  # fmt: skip

    def _back(self, stage: Stage) -> list[Target]:
        return [
            self._target(
                TransitionKind.REGRESS, f"stages.{stage.key}.back.{each.to}", each.when,
                Scope.VISIT, to=each.to,
            )
            for each in stage.back
        ]  # fmt: skip

    def _milestone(self, key: str, when: Condition) -> MilestoneRule:
        rule = f"milestones.{key}.when"
        place = Place(scope=Scope.CYCLE, group=rule)
        check = compile_condition(when, place, self.facts)
        return MilestoneRule(
            key=key,
            check=check,
            needs=needs_of(when, place, self.facts),
            condition=when,
            place=place,
        )

    def _target(
        self,
        kind: TransitionKind | None,
        rule: str,
        when: Condition,
        scope: Scope,
        *,
        to: str | None = None,
        outcome: str | None = None,
        group: str | None = None,
    ) -> Target:
        place = Place(scope=scope, group=group)
        check = compile_condition(when, place, self.facts)
        needs = needs_of(when, place, self.facts)
        timers = needs.union(self.milestone_needs[key] for key in self._named(needs))
        return Target(
            kind=kind, rule=rule, to=to, outcome=outcome, check=check, needs=needs,
            timers=timers, condition=when, place=place,
        )  # fmt: skip

    def _named(self, needs: Needs) -> set[str]:
        """Milestones that `needs` names, directly or through other milestones."""
        found, open_ = set[str](), set(needs.milestones)
        while open_:
            key = open_.pop()
            found.add(key)
            open_ |= self.milestone_needs[key].milestones - found
        return found


def _numbers(trackers: tuple[Tracker, ...], scope: Scope) -> frozenset[int]:
    return frozenset(each.number for each in trackers if each.scope is scope)
