"""Explanations agree with the fold."""

from datetime import datetime

from hypothesis import given

from shared.journey.compile import compile_journey
from shared.journey.condition import Node
from shared.journey.explain import explain
from shared.journey.fold import advance, refold
from shared.journey.map import Journey
from shared.journey.model import Touchpoint
from tests.unit.journey.maps_and_histories import clocks, histories, journeys
from tests.unit.journey.test_fold_properties import fixed


@given(journeys(), histories(), clocks, clocks)
@fixed
def test_explain_agrees_with_the_closures_and_a_settled_state_wants_nothing(
    journey: Journey, history: list[Touchpoint], folded_at: datetime, now: datetime
) -> None:
    compiled = compile_journey(journey)
    state, _ = refold(compiled, history, folded_at)

    explanation = explain(compiled, state, now)

    settled, _ = advance(compiled, state, now)
    assert (settled.status, settled.stage) == (explanation.status, explanation.stage)
    moves = compiled.plan(settled).rules.moves
    assert [move.rule for move in moves] == [each.rule for each in explanation.reachable]
    for move, each in zip(moves, explanation.reachable, strict=True):
        assert move.check(settled, explanation.as_of) == each.holds
        assert each.waits or not each.holds or not history
        assert each.at is None or move.check(settled, each.at)
        assert_sound(each.condition, explanation.as_of)


def assert_sound(node: Node, now: datetime) -> None:
    assert node.text
    assert node.satisfied_by is None or not node.holds
    assert node.at is None or (not node.holds and node.at > now)
    assert node.until is None or (node.holds and node.until > now)
    for part in node.parts:
        assert_sound(part, now)
