"""Applying the rules that hold at one instant, until none holds.

This terminates: a stage is entered at most once between two touchpoints, and an outcome needs a visit
to end, so n stages allow at most n entries and n + 1 outcomes, whatever the map.
"""

from dataclasses import replace
from datetime import datetime

from shared.journey.compile import CompiledJourney
from shared.journey.deadlines import stall_due, timer_of
from shared.journey.model import (
    Cause,
    Effect,
    Reached,
    Stall,
    Status,
    Touchpoint,
    Transition,
    TransitionKind,
)
from shared.journey.plan import PlannedMove, Rules
from shared.journey.state import State
from shared.journey.trackers import clear, without

_NEW_CYCLE = (TransitionKind.LOOP, TransitionKind.WIN_BACK)


def settle(
    compiled: CompiledJourney,
    work: State,
    at: datetime,
    effects: list[Effect],
    *,
    rules: Rules,
    touchpoint: Touchpoint | None,
) -> None:
    """Reach the milestones and make the moves that hold at `at`, into `work` and `effects`.

    `rules`: those of the position that may have begun to hold; all others are false. `touchpoint` None:
    time alone is the cause.
    """
    cause: Cause | None = None
    while True:
        moves = rules.moves
        if rules.milestones:
            reachable = compiled.plan(work).rules
            if _reach(work, at, effects, rules=rules, reachable=reachable):
                moves = reachable.moves
        for planned in moves:
            if planned.check(work, at) and planned.to not in work.entered:
                break
        else:
            return
        if cause is None:
            cause = _cause(touchpoint, planned, work, at)
        _move(compiled, work, at, effects, planned=planned, cause=cause)
        rules = compiled.plan(work).rules


def elapse(compiled: CompiledJourney, work: State, at: datetime, effects: list[Effect]) -> None:
    """Apply the deadline `at`, as `next_deadline` gives it. A move takes precedence over a stall."""
    plan = compiled.plan(work)
    settle(compiled, work, at, effects, rules=plan.timed, touchpoint=None)
    due = stall_due(compiled.plan(work), work)
    if due is not None and due <= at:
        _stall(work, due, effects)
    work.advanced_to = at


def _reach(
    work: State, at: datetime, effects: list[Effect], *, rules: Rules, reachable: Rules
) -> bool:
    """Reach milestones one by one, in the order of the map: one may depend on another."""
    has_reached = False
    milestones = rules.milestones
    while True:
        for rule in milestones:
            if rule.key not in work.milestones and rule.check(work, at):
                break
        else:
            return has_reached
        work.milestones = {**work.milestones, rule.key: at}
        effects.append(Reached(milestone=rule.key, cycle=work.cycle, occurred_at=at))
        has_reached = True
        milestones = reachable.milestones


def _move(
    compiled: CompiledJourney,
    work: State,
    at: datetime,
    effects: list[Effect],
    *,
    planned: PlannedMove,
    cause: Cause,
) -> None:
    kind = planned.kind
    if kind is None:
        work.joined = True
        return
    if work.stall is not None:
        effects.append(replace(work.stall, cleared_at=at))
        work.stall = None
    # The time after an outcome is not a visit, so it has no dwell.
    is_visit = work.entered_at is not None and work.status is not Status.ENDED
    from_stage, entered_at = work.stage, work.entered_at
    if kind in _NEW_CYCLE:
        work.cycle += 1
        work.milestones = {}
        clear(work, compiled.on_cycle)
    if planned.to is None:
        clear(work, compiled.on_end)
        work.status, work.outcome = Status.ENDED, planned.outcome
    else:
        clear(work, compiled.on_visit[planned.to])
        if kind is TransitionKind.REGRESS:
            reset = compiled.on_regress[planned.to]
            clear(work, reset.facts)
            work.milestones = without(work.milestones, reset.milestones)
        work.status, work.stage, work.outcome = Status.ACTIVE, planned.to, None
        work.entered = (*work.entered, planned.to)
    work.entered_at = at
    work.sequence += 1
    work.slim()
    effects.append(
        Transition(
            sequence=work.sequence,
            kind=kind,
            from_stage=from_stage,
            to_stage=planned.to,
            outcome=planned.outcome,
            cycle=work.cycle,
            occurred_at=at,
            dwell_seconds=(at - entered_at).total_seconds() if is_visit and entered_at else None,
            cause=cause,
            rule=planned.rule,
            map_version=compiled.journey.version,
        )
    )


def _stall(work: State, at: datetime, effects: list[Effect]) -> None:
    stage, entered_at = work.stage, work.entered_at
    if stage is None or entered_at is None:
        raise AssertionError
    work.status = Status.STALLED
    work.stall = Stall(
        stage=stage,
        cycle=work.cycle,
        entered_at=entered_at,
        stalled_at=at,
        last_touchpoint=work.last,
        value=work.value,
    )
    effects.append(work.stall)


def _cause(touchpoint: Touchpoint | None, planned: PlannedMove, work: State, at: datetime) -> Cause:
    if touchpoint is None:
        return Cause(timer=timer_of(planned.timers, work, at))
    return Cause(message_id=touchpoint.message_id, event=touchpoint.event)
