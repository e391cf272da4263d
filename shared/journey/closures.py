"""Conditions turned into closures: what evaluating one costs is what its size says.

A closure reads the facts of a state at an instant and nothing else. Windows are half-open: a
touchpoint counts from its instant until just before its instant plus `within`.
"""

from datetime import datetime, timedelta
from typing import assert_never

from shared.journey.conditions import (
    All,
    AnyOf,
    Condition,
    IdleFor,
    InStageFor,
    MilestoneReached,
    Never,
    Not,
    Performed,
    Trait,
    TraitOwner,
    walk,
)
from shared.journey.facts import Facts, Place, Tracker, TraitTracker, is_nobody
from shared.journey.model import Status
from shared.journey.plan import Check, Needs
from shared.journey.state import State

ENDED = Status.ENDED

LONGEST = timedelta(days=36_525)
"""A century: longer spans are a mistake in the map, and instants stay inside the calendar."""


def compile_condition(  # noqa: PLR0911 - one return a kind of condition
    condition: Condition, place: Place, facts: Facts
) -> Check:
    """Closure of `condition` as it stands at `place`. Raises ValueError if it makes no sense."""
    match condition:
        case All(parts=parts):
            return _all(tuple(compile_condition(part, place, facts) for part in parts))
        case AnyOf(parts=parts):
            return _any(tuple(compile_condition(part, place, facts) for part in parts))
        case Not(part=part):
            inner = compile_condition(part, place, facts)
            return lambda state, at: not inner(state, at)
        case Performed():
            return _performed(condition, facts.tracker(condition, place))
        case Never():
            happened = _performed(
                Performed(events=condition.events, within=condition.within),
                facts.tracker(condition, place),
            )
            return lambda state, at: not happened(state, at)
        case Trait():
            return _trait(condition, facts.trait(condition))
        case IdleFor(duration=duration):
            return _idle(_span(duration))
        case InStageFor(duration=duration, stage=stage):
            return _in_stage(_span(duration), stage)
        case MilestoneReached(milestone=milestone):
            return lambda state, _: milestone in state.milestones
        case _:
            assert_never(condition)


def needs_of(condition: Condition, place: Place, facts: Facts) -> Needs:
    """What the truth of `condition` at `place` depends on."""
    return Needs().union(_needs_of_part(part, place, facts) for part in walk(condition))


def _needs_of_part(part: Condition, place: Place, facts: Facts) -> Needs:
    match part:
        case Performed() | Never():
            tracker = facts.tracker(part, place)
            windows = set() if part.within is None else {(tracker.number, part.within)}
            return Needs(facts=frozenset({tracker.number}), windows=frozenset(windows))
        case IdleFor(duration=duration):
            return Needs(idles=frozenset({duration}))
        case InStageFor(duration=duration):
            return Needs(visits=frozenset({duration}))
        case MilestoneReached(milestone=milestone):
            return Needs(milestones=frozenset({milestone}))
        case _:
            return Needs()


def _all(parts: tuple[Check, ...]) -> Check:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:  # noqa: PLR2004 - the common case, spared a loop
        first, second = parts
        return lambda state, at: first(state, at) and second(state, at)
    return lambda state, at: all(part(state, at) for part in parts)


def _any(parts: tuple[Check, ...]) -> Check:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:  # noqa: PLR2004 - the common case, spared a loop
        first, second = parts
        return lambda state, at: first(state, at) or second(state, at)
    return lambda state, at: any(part(state, at) for part in parts)


def _performed(condition: Performed, tracker: Tracker) -> Check:
    if not condition.events or condition.count < 1:
        raise ValueError(f"{condition} names no event or counts less than one")
    number, count = tracker.number, condition.count
    if condition.within is None:
        if count == 1:
            return lambda state, _: number in state.counts
        return lambda state, _: state.counts.get(number, 0) >= count
    within = _span(condition.within)

    def performed(state: State, at: datetime) -> bool:
        times = state.times.get(number)
        return times is not None and len(times) >= count and at - times[-count] < within

    return performed


def _trait(condition: Trait, tracker: TraitTracker) -> Check:
    number = tracker.number
    if tracker.owner is TraitOwner.PERSON:
        if is_nobody(condition):
            return lambda state, _: number not in state.held
        return lambda state, _: number in state.held
    if tracker.accepts_missing:
        return lambda state, _: number not in state.counts
    return lambda state, _: number in state.counts


def _idle(duration: timedelta) -> Check:
    def idle(state: State, at: datetime) -> bool:
        return state.last is not None and at - state.last.occurred_at >= duration

    return idle


def _in_stage(duration: timedelta, stage: str | None) -> Check:
    def in_stage(state: State, at: datetime) -> bool:
        if state.entered_at is None or at - state.entered_at < duration:
            return False
        return stage is None or (stage == state.stage and state.status is not ENDED)

    return in_stage


def is_span(duration: timedelta) -> bool:
    """Whether a rule may wait for `duration`."""
    return timedelta(0) < duration <= LONGEST


def _span(duration: timedelta) -> timedelta:
    if not is_span(duration):
        raise ValueError(f"{duration} is not a span between an instant and a century")
    return duration
