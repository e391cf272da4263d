"""Properties that hold for any map and any history."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.journey.compile import CompiledJourney, compile_journey
from shared.journey.deadlines import next_deadline
from shared.journey.fold import advance, fold, is_late, refold
from shared.journey.map import Journey
from shared.journey.model import Cause, Effect, Stall, Touchpoint, Transition
from shared.journey.state import State
from tests.unit.journey.maps_and_histories import (
    LAST_MINUTE,
    LONGEST_SPAN,
    START,
    clocks,
    histories,
    journeys,
)
from tests.unit.journey.reference import SOME_TIMER, Reference

fixed = settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
thorough = settings(fixed, max_examples=400)
END = START + timedelta(minutes=LAST_MINUTE + 3 * LONGEST_SPAN)


@given(journeys(), histories(), clocks)
@thorough
def test_the_fold_equals_an_engine_that_evaluates_every_rule_each_time(
    journey: Journey, history: list[Touchpoint], now: datetime
) -> None:
    expected = Reference(journey).run(history, now)

    state, effects = refold(compile_journey(journey), history, now)

    assert expected.effects == [without_timer(effect) for effect in effects]
    assert expected.status == state.status
    assert (expected.stage, expected.outcome) == (state.stage, state.outcome)
    assert (expected.cycle, expected.entered_at) == (state.cycle, state.entered_at)
    assert expected.milestones == state.milestones
    assert expected.stall == state.stall
    assert expected.advanced_to == state.advanced_to
    assert tuple(expected.entered) == state.entered
    if history:
        assert expected.last() == state.last
        assert expected.value() == state.value


class Arrival:
    """A small stager: folds new touchpoints, re-folds for late ones, and sweeps."""

    def __init__(self, compiled: CompiledJourney) -> None:
        self.compiled = compiled
        self.kept: dict[str, Touchpoint] = {}
        self.state = State.initial()
        self.effects: list[Effect] = []

    def arrive(self, batch: list[Touchpoint], now: datetime) -> None:
        for touchpoint in batch:
            if touchpoint.message_id in self.kept:
                continue
            self.kept[touchpoint.message_id] = touchpoint
            if is_late(self.state, touchpoint):
                self.state, self.effects = refold(self.compiled, self.kept.values(), now)
            else:
                self.state, since = fold(self.compiled, self.state, touchpoint)
                self.effects += since
        self.state = msgspec.json.decode(msgspec.json.encode(self.state), type=State)

    def sweep(self, now: datetime) -> None:
        self.state, since = advance(self.compiled, self.state, now)
        self.effects += since


@given(journeys(), histories(), st.data())
@thorough
def test_order_repetition_batches_and_sweeps_do_not_matter(
    journey: Journey, history: list[Touchpoint], data: st.DataObject
) -> None:
    compiled = compile_journey(journey)
    expected, expected_effects = refold(compiled, history, END)
    arrival = Arrival(compiled)

    repeated = [
        *history,
        *data.draw(st.lists(st.sampled_from(history)) if history else st.just([])),
    ]
    waiting = list(data.draw(st.permutations(repeated)))
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        batch, waiting = waiting[:size], waiting[size:]
        now = data.draw(clocks)
        arrival.arrive(batch, now)
        if data.draw(st.booleans()):
            arrival.sweep(now)
    arrival.sweep(END)

    assert expected == arrival.state
    assert msgspec.json.encode(expected) == msgspec.json.encode(arrival.state)
    assert expected_effects == arrival.effects


@given(journeys(), histories(), clocks, clocks)
@fixed
def test_replaying_later_gives_the_same_past(
    journey: Journey, history: list[Touchpoint], one: datetime, other: datetime
) -> None:
    compiled = compile_journey(journey)
    earlier, later = sorted([one, other])
    past_touchpoints = [each for each in history if each.occurred_at <= earlier]
    before, past = refold(compiled, past_touchpoints, earlier)

    after, everything = refold(compiled, past_touchpoints, later)

    assert past == [effect for effect in everything if instant_of(effect) <= earlier]
    assert (after, everything[len(past) :]) == advance(compiled, before, later)


@given(journeys(), histories(), clocks)
@fixed
def test_the_next_deadline_is_exactly_when_time_changes_something(
    journey: Journey, history: list[Touchpoint], now: datetime
) -> None:
    compiled = compile_journey(journey)
    state, _ = refold(compiled, history, now)

    due = next_deadline(compiled, state)

    if due is None:
        assert advance(compiled, state, END + timedelta(days=36_500)) == (state, [])
        return
    assert due > now or due > max(each.occurred_at for each in history)
    assert state.advanced_to is None or due > state.advanced_to
    assert advance(compiled, state, due - timedelta(microseconds=1)) == (state, [])
    changed, _ = advance(compiled, state, due)
    assert changed != state
    assert changed.advanced_to == due


@given(journeys(), histories())
@fixed
def test_effects_are_a_gapless_story(journey: Journey, history: list[Touchpoint]) -> None:
    _, effects = refold(compile_journey(journey), history, END)

    assert sorted(map(instant_of, effects)) == [instant_of(effect) for effect in effects]
    moves = [effect for effect in effects if isinstance(effect, Transition)]
    assert list(range(1, len(moves) + 1)) == [move.sequence for move in moves]
    for one, next_ in pairwise(moves):
        assert (one.to_stage or one.from_stage) == next_.from_stage
        if one.to_stage is not None:
            assert (next_.occurred_at - one.occurred_at).total_seconds() == next_.dwell_seconds
    opened = [effect for effect in effects if isinstance(effect, Stall) and not effect.cleared_at]
    cleared = [effect for effect in effects if isinstance(effect, Stall) and effect.cleared_at]
    visits = [(stall.cycle, stall.stage, stall.entered_at) for stall in opened]
    assert len(set(visits)) == len(visits)
    assert [replace(stall, cleared_at=None) for stall in cleared] == opened[: len(cleared)]
    assert len(opened) - len(cleared) in {0, 1}


@given(journeys(), histories())
@fixed
def test_time_alone_moves_a_subject_only_so_often_and_memory_stays_small(
    journey: Journey, history: list[Touchpoint]
) -> None:
    compiled = compile_journey(journey)
    far_away = END + timedelta(days=36_500)

    state, effects = refold(compiled, history, far_away)

    moves = [effect for effect in effects if isinstance(effect, Transition)]
    most_at_once = 2 * len(journey.stages) + 1
    assert len(moves) <= most_at_once * len(history)
    keeps = {each.number: each.keep for each in compiled.facts.trackers.values()}
    assert all(len(times) <= keeps[number] for number, times in state.times.items())
    assert all(count <= keeps.get(number, 1) for number, count in state.counts.items())


def instant_of(effect: Effect) -> datetime:
    if isinstance(effect, Stall):
        return effect.cleared_at or effect.stalled_at
    return effect.occurred_at


def without_timer(effect: Effect) -> Effect:
    if isinstance(effect, Transition) and effect.cause.timer is not None:
        assert effect.cause == Cause(timer=effect.cause.timer)
        return replace(effect, cause=SOME_TIMER)
    return effect
