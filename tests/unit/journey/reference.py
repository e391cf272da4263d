"""A second engine, written to be obvious: it keeps every touchpoint and evaluates every rule each time.

It shares the model's nouns with the real engine and no line of its reasoning: no facts, no plans, no
closures, no deadlines. Time passes minute by minute, so histories must lie on whole minutes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.journey.comparison import Operator
from shared.journey.condition import Condition, walk
from shared.journey.kinds import (
    All,
    AnyOf,
    IdleFor,
    InStageFor,
    MilestoneReached,
    Never,
    Not,
    Performed,
    Trait,
)
from shared.journey.map import Journey
from shared.journey.model import (
    Cause,
    Effect,
    LastTouchpoint,
    Reached,
    Stall,
    Status,
    Touchpoint,
    Transition,
    TransitionKind,
)
from shared.journey.trackers import Since, TraitOwner
from tests.unit.journey.reference_comparison import compares, dig

TICK = timedelta(minutes=1)
SOME_TIMER = Cause(timer="time")


@dataclass
class Rule:
    kind: TransitionKind | None
    path: str
    when: Condition | None
    since: Since
    to: str | None = None
    outcome: str | None = None
    group: str | None = None


@dataclass
class Reference:
    journey: Journey
    history: list[Touchpoint] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    status: Status = Status.NOT_STARTED
    stage: str | None = None
    outcome: str | None = None
    cycle: int = 1
    entered_at: datetime | None = None
    stall: Stall | None = None
    milestones: dict[str, datetime] = field(default_factory=dict)
    advanced_to: datetime | None = None
    has_joined: bool = False
    entered: list[str] = field(default_factory=list)
    visit_from: int = 0
    cycle_from: int = 0
    group_from: dict[str, int] = field(default_factory=dict)

    def run(self, touchpoints: Iterable[Touchpoint], now: datetime) -> "Reference":
        for touchpoint in sorted(
            touchpoints, key=lambda each: (each.occurred_at, each.tie, each.message_id)
        ):
            if any(each.message_id == touchpoint.message_id for each in self.history):
                continue
            self.wait_until(touchpoint.occurred_at - TICK)
            self.history.append(touchpoint)
            self.entered = []
            self.settle(
                touchpoint.occurred_at,
                Cause(message_id=touchpoint.message_id, event=touchpoint.event),
            )
        self.wait_until(now)
        return self

    def wait_until(self, end: datetime) -> None:
        if not self.history:
            return
        at = max(self.history[-1].occurred_at, self.advanced_to or self.history[-1].occurred_at)
        while at <= end:
            before = len(self.effects), self.has_joined
            self.settle(at, SOME_TIMER)
            self.stall_if_due(at)
            if before != (len(self.effects), self.has_joined):
                self.advanced_to = at
            at += TICK

    def settle(self, at: datetime, cause: Cause) -> None:
        while True:
            self.reach_milestones(at)
            for rule in self.rules():
                if rule.to in self.entered:
                    continue
                if rule.when is None or self.holds(rule.when, rule.since, rule.group, at):
                    self.apply(rule, at, cause)
                    break
            else:
                return

    def reach_milestones(self, at: datetime) -> None:
        if self.journey.applies_to is not None and not self.has_joined and self.stage is None:
            return
        searching = True
        while searching:
            searching = False
            for milestone in self.journey.milestones:
                group = f"milestone {milestone.key}"
                if milestone.key not in self.milestones and self.holds(
                    milestone.when, Since.CYCLE, group, at
                ):
                    self.milestones[milestone.key] = at
                    self.effects.append(
                        Reached(milestone=milestone.key, cycle=self.cycle, occurred_at=at)
                    )
                    searching = True
                    break

    def rules(self) -> Iterator[Rule]:  # noqa: C901 - all precedence at a glance
        journey = self.journey
        keys = [stage.key for stage in journey.stages]
        if self.status is Status.NOT_STARTED:
            if journey.applies_to is not None and not self.has_joined:
                yield Rule(None, "applies_to", journey.applies_to, Since.CYCLE)
                return
            for key in reversed(keys) if journey.may_skip else keys[:1]:
                yield from self.enter(key, TransitionKind.ENTER)
            return
        assert self.stage is not None
        if self.status is Status.ENDED:
            for outcome in journey.outcomes:
                if outcome.key == self.outcome and outcome.win_back:
                    path = f"outcomes.{outcome.key}.win_back"
                    back_to, when = outcome.win_back.to, outcome.win_back.when
                    yield Rule(TransitionKind.WIN_BACK, path, when, Since.VISIT, to=back_to)
            yield from self.loops()
            return
        for outcome in journey.outcomes:
            if not outcome.stages or self.stage in outcome.stages:
                path = f"outcomes.{outcome.key}.when"
                kind = TransitionKind.OUTCOME
                yield Rule(kind, path, outcome.when, Since.CYCLE, outcome=outcome.key)
        yield from self.loops()
        here = keys.index(self.stage)
        ahead = keys[here + 1 :]
        for key in reversed(ahead) if journey.may_skip else ahead[:1]:
            yield from self.enter(key, TransitionKind.ADVANCE)
        for back in journey.stages[here].back:
            path = f"stages.{self.stage}.back.{back.to}"
            yield Rule(TransitionKind.REGRESS, path, back.when, Since.VISIT, to=back.to)

    def loops(self) -> Iterator[Rule]:
        for index, loop in enumerate(self.journey.loops):
            if self.stage in loop.stages:
                path = f"loops.{index}"
                yield Rule(TransitionKind.LOOP, path, loop.when, Since.VISIT, to=loop.to)

    def enter(self, key: str, kind: TransitionKind) -> Iterator[Rule]:
        stage = next(each for each in self.journey.stages if each.key == key)
        if stage.enter is not None or stage is self.journey.stages[0]:
            path = f"stages.{key}.enter"
            yield Rule(kind, path, stage.enter, Since.CYCLE, to=key, group=f"stage {key}")

    def apply(self, rule: Rule, at: datetime, cause: Cause) -> None:
        if rule.kind is None:
            self.has_joined = True
            return
        if self.stall is not None:
            self.effects.append(replace(self.stall, cleared_at=at))
            self.stall = None
        dwell = None
        if self.status in {Status.ACTIVE, Status.STALLED}:
            assert self.entered_at is not None
            dwell = (at - self.entered_at).total_seconds()
        if rule.kind in {TransitionKind.LOOP, TransitionKind.WIN_BACK}:
            self.cycle += 1
            self.cycle_from = len(self.history)
            self.milestones = {}
        if rule.kind is TransitionKind.REGRESS:
            assert rule.to is not None
            self.reset_later_stages(rule.to)
        number = 1 + sum(isinstance(effect, Transition) for effect in self.effects)
        self.effects.append(
            Transition(
                sequence=number,
                kind=rule.kind,
                from_stage=self.stage,
                to_stage=rule.to,
                outcome=rule.outcome,
                cycle=self.cycle,
                occurred_at=at,
                dwell_seconds=dwell,
                cause=cause,
                rule=rule.path,
                map_version=self.journey.version,
            )
        )
        self.visit_from = len(self.history)
        self.entered_at = at
        self.outcome = rule.outcome
        if rule.to is None:
            self.status = Status.ENDED
        else:
            self.status, self.stage = Status.ACTIVE, rule.to
            self.entered.append(rule.to)

    def reset_later_stages(self, key: str) -> None:
        keys = [stage.key for stage in self.journey.stages]
        whens = {milestone.key: milestone.when for milestone in self.journey.milestones}
        lost: set[str] = set()
        for stage in self.journey.stages[keys.index(key) + 1 :]:
            self.group_from[f"stage {stage.key}"] = len(self.history)
            to_visit = [] if stage.enter is None else [stage.enter]
            while to_visit:
                for part in walk(to_visit.pop()):
                    if isinstance(part, MilestoneReached) and part.milestone not in lost:
                        lost.add(part.milestone)
                        to_visit.append(whens[part.milestone])
        for milestone in lost:
            self.group_from[f"milestone {milestone}"] = len(self.history)
            self.milestones.pop(milestone, None)

    def stall_if_due(self, at: datetime) -> None:
        if self.status is not Status.ACTIVE:
            return
        stage = next(each for each in self.journey.stages if each.key == self.stage)
        assert self.entered_at is not None
        if stage.stall_after is not None and at >= self.entered_at + stage.stall_after:
            self.status = Status.STALLED
            self.stall = Stall(
                stage=stage.key,
                cycle=self.cycle,
                entered_at=self.entered_at,
                stalled_at=at,
                last_touchpoint=self.last(),
                value=self.value(),
            )
            self.effects.append(self.stall)

    def last(self) -> LastTouchpoint:
        newest = self.history[-1]
        return LastTouchpoint(
            message_id=newest.message_id,
            event=newest.event,
            occurred_at=newest.occurred_at,
            tie=newest.tie,
            channel=newest.channel,
        )

    def value(self) -> float | None:
        values = [each.value for each in self.history if each.value is not None]
        return values[-1] if values else None

    def holds(  # noqa: C901, PLR0911 - one case a kind of condition
        self, condition: Condition, since: Since, group: str | None, at: datetime
    ) -> bool:
        match condition:
            case All():
                return all(self.holds(part, since, group, at) for part in condition.parts)
            case AnyOf():
                return any(self.holds(part, since, group, at) for part in condition.parts)
            case Not():
                return not self.holds(condition.part, since, group, at)
            case Performed():
                return len(self.matching(condition, since, group, at)) >= condition.count
            case Never():
                return not self.matching(condition, since, group, at)
            case Trait():
                return self.trait(condition)
            case IdleFor():
                return at >= self.history[-1].occurred_at + condition.duration
            case InStageFor():
                if self.entered_at is None or at < self.entered_at + condition.duration:
                    return False
                if condition.stage is None:
                    return True
                return self.stage == condition.stage and self.status is not Status.ENDED
            case MilestoneReached():
                return condition.milestone in self.milestones
            case _:
                raise AssertionError(condition)

    def matching(
        self, condition: Performed | Never, since: Since, group: str | None, at: datetime
    ) -> list[Touchpoint]:
        start = 0
        match condition.since or since:
            case Since.VISIT:
                start = self.visit_from
            case Since.CYCLE:
                start = max(self.cycle_from, self.group_from.get(group or "", 0))
            case Since.EVER:
                pass
        return [
            each
            for each in self.history[start:]
            if each.event in condition.events
            and all(compares(part, dig(each.properties, part.path)) for part in condition.where)
            and (condition.within is None or at < each.occurred_at + condition.within)
        ]

    def trait(self, condition: Trait) -> bool:
        predicate = condition.predicate
        name = predicate.path.split(".")[0]
        if condition.owner is TraitOwner.ACCOUNT:
            newest: Any = None
            for each in self.history:
                if name in each.account_traits:
                    newest = dig(each.account_traits, predicate.path)
            return compares(predicate, newest)
        newest_of: dict[str | None, Any] = {}
        for each in self.history:
            if name in each.traits:
                newest_of[each.person] = dig(each.traits, predicate.path)
        if predicate.operator is Operator.EXISTS and predicate.value is False:
            return all(value is None for value in newest_of.values())
        return any(compares(predicate, value) for value in newest_of.values())
