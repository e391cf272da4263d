"""Which subjects join a journey, and in which order touchpoints count; expectations by hand."""

from datetime import timedelta
from typing import Any

import pytest

from shared.journey.comparison import Operator, Predicate
from shared.journey.fold import OutOfOrder, advance, fold, is_late, refold
from shared.journey.kinds import All, AnyOf, MilestoneReached, Never, Not, Trait
from shared.journey.map import Back, Loop, WinBack
from shared.journey.model import Status
from shared.journey.state import State
from shared.journey.trackers import Since, TraitOwner
from tests.unit.journey.build import (
    at,
    day,
    done,
    journey,
    outcome,
    play,
    stage,
    story,
)

FOUR = (
    stage("aware"),
    stage("trial", done("Trial")),
    stage("buy", done("Order")),
    stage("grow", done("Seats")),
)


SAAS = Trait(
    owner=TraitOwner.ACCOUNT,
    predicate=Predicate(path="industry", operator=Operator.EQ, value="saas"),
)


def test_a_subject_joins_once_applies_to_holds_and_then_stays() -> None:
    compiled = journey(*FOUR, applies_to=SAAS)

    outside, _ = play(compiled, at(1, "Trial"), at(2, "Order", account_traits={"industry": "ads"}))
    state, effects = play(
        compiled,
        at(1, "Trial"),
        at(2, "Visit", account_traits={"industry": "saas"}),
        at(3, "Order", account_traits={"industry": "ads"}),
    )

    assert outside.status is Status.NOT_STARTED
    # Touchpoints before joining count: traits of an account often arrive late.
    assert story(effects) == ["2 enter >trial", "3 advance trial>buy"]
    assert state.stage == "buy"


def test_visit_facts_count_before_the_first_visit_and_before_joining() -> None:
    compiled = journey(
        stage("a", done("X", count=2, since=Since.VISIT)), stage("b", done("Y")), applies_to=SAAS
    )

    _, effects = play(
        compiled, at(1, "X"), at(2, "Visit", account_traits={"industry": "saas"}), at(3, "X")
    )

    assert story(effects) == ["3 enter >a"]


def test_a_person_trait_holds_while_any_person_has_it() -> None:
    admin = Trait(
        owner=TraitOwner.PERSON,
        predicate=Predicate(path="role", operator=Operator.EQ, value="admin"),
    )
    compiled = journey(stage("a"), stage("b", All(parts=(admin, done("Order")))))

    without, _ = play(
        compiled,
        at(1, "Hi", person="ann", traits={"role": "admin"}),
        at(2, "Hi", person="ann", traits={"role": "user"}),
        at(3, "Order", person="bob"),
    )
    with_one, _ = play(
        compiled,
        at(1, "Hi", person="ann", traits={"role": "admin"}),
        at(2, "Hi", person="bob", traits={"role": "user"}),
        at(3, "Order", person="bob"),
    )

    assert (without.stage, with_one.stage) == ("a", "b")


def test_a_change_of_a_trait_alone_can_move_a_subject() -> None:
    compiled = journey(stage("a"), stage("b", AnyOf(parts=(SAAS, Not(part=Not(part=done("X")))))))

    _, effects = play(compiled, at(1, "Hi"), at(2, "Hi", account_traits={"industry": "saas"}))

    assert story(effects) == ["1 enter >a", "2 advance a>b"]


def test_touchpoints_at_one_instant_go_by_their_ids() -> None:
    compiled = journey(stage("a"), stage("b", done("X"), back=(Back(to="a", when=done("Y")),)))

    one, _ = play(compiled, at(1, "X", "m-1"), at(1, "Y", "m-2"))
    other, _ = play(compiled, at(1, "Y", "m-1"), at(1, "X", "m-2"))

    assert (one.stage, other.stage) == ("a", "b")


def test_a_late_touchpoint_is_refused_by_the_fold_and_repaired_by_a_refold() -> None:
    compiled = journey(*FOUR)
    state, _ = play(compiled, at(1, "Visit"), at(5, "Order"))
    late = at(3, "Trial")

    assert is_late(state, late)
    with pytest.raises(OutOfOrder):
        fold(compiled, state, late)
    _, effects = refold(compiled, [at(5, "Order"), late, at(1, "Visit")], day(5))
    assert story(effects) == ["1 enter >aware", "3 advance aware>trial", "5 advance trial>buy"]


def test_the_newest_touchpoint_and_those_before_it_in_order_are_late() -> None:
    compiled = journey(*FOUR)
    state, _ = play(compiled, at(1, "Visit", "m-5"))

    assert is_late(state, at(1, "Visit", "m-5"))
    assert is_late(state, at(1, "Visit", "m-4"))
    assert not is_late(state, at(1, "Visit", "m-6"))
    assert not is_late(State.initial(), at(1, "Visit"))


def test_a_touchpoint_counts_once_and_its_earliest_telling_counts() -> None:
    compiled = journey(stage("a"), stage("b", done("X", count=2)))

    state, _ = play(compiled, at(2, "X", "same"), at(1, "X", "same"), at(3, "Visit"))

    assert state.stage == "a"
    assert state.entered_at == day(1)


def test_fold_leaves_the_given_state_as_it_is() -> None:
    compiled = journey(*FOUR)
    before, _ = play(compiled, at(1, "Visit"))
    kept, _ = play(compiled, at(1, "Visit"))

    after, _ = fold(compiled, before, at(2, "Trial", account_traits={"plan": "pro"}))

    assert before == kept
    assert after.stage == "trial"


def test_rules_that_hold_for_ever_cannot_spin() -> None:
    always = Never(events=("Nothing",))
    compiled = journey(
        stage("a", always),
        stage("b", always, back=(Back(to="a", when=always),)),
        loops=[Loop(stages=("a", "b"), to="a", when=always)],
        outcomes=[outcome("lost", always, win_back=WinBack(to="b", when=always))],
    )

    _, effects = play(compiled, at(1, "X"), now=40_000)
    _, more = play(compiled, at(1, "X"), at(2, "X"), now=40_000)

    # Each stage is entered once a touchpoint, and each visit ends once.
    assert story(effects) == [
        "1 enter >b",
        "1 outcome b>lost",
        "1 loop b>a",
        "1 outcome a>lost",
    ]
    assert len(more) <= 2 * 5


def test_the_value_is_that_of_the_newest_touchpoint_with_one() -> None:
    state, _ = play(journey(*FOUR), at(1, "A", value=10.0), at(2, "B", value=25.5), at(3, "C"))

    assert state.value == 25.5


def test_an_initial_state_has_no_deadline_and_no_history() -> None:
    compiled = journey(*FOUR)

    assert advance(compiled, State.initial(), day(1000)) == (State.initial(), [])
    assert State.initial().status is Status.NOT_STARTED


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ((stage("a"),), "at least two stages"),
        ((stage("a"), stage("a")), "there twice"),
        ((stage("a"), stage("b", MilestoneReached(milestone="m"))), "milestone 'm'"),
        ((stage("a", back=(Back(to="b", when=done("X")),)), stage("b")), "earlier stage"),
        ((stage("a"), stage("b", done("X", within=0))), "not a span"),
        ((stage("a"), stage("b", stall_after=timedelta(0))), "not a span"),
        ((stage("a"), stage("b", done("X", within=40_000))), "not a span"),
        ((stage("a"), stage("b", done("X", count=0))), "counts less than one"),
        ((stage("a"), stage("b", done())), "names no event"),
    ],
)
def test_a_map_that_contradicts_itself_is_refused(stages: tuple[Any, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        journey(*stages)
