"""Every way in which a touchpoint moves a subject, by hand."""

from datetime import timedelta
from typing import Any

import pytest

from shared.journey.conditions import (
    All,
    AnyOf,
    MilestoneReached,
    Never,
    Not,
    Operator,
    Predicate,
    Scope,
    Trait,
    TraitOwner,
)
from shared.journey.fold import OutOfOrder, advance, fold, is_late, refold
from shared.journey.model import (
    Back,
    Cause,
    Loop,
    Status,
    Transition,
    TransitionKind,
    WinBack,
)
from shared.journey.state import State
from tests.unit.journey.build import (
    at,
    day,
    done,
    journey,
    milestone,
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


def test_any_touchpoint_enters_a_first_stage_without_condition() -> None:
    state, effects = play(journey(*FOUR), at(1, "Anything"))

    assert story(effects) == ["1 enter >aware"]
    assert (state.status, state.stage, state.cycle) == (Status.ACTIVE, "aware", 1)
    assert state.entered_at == day(1)


def test_a_transition_names_its_cause_its_rule_and_its_map() -> None:
    _, effects = play(journey(*FOUR), at(1, "Visit"), at(3.5, "Trial", "m-2"))

    assert effects[1] == Transition(
        sequence=2,
        kind=TransitionKind.ADVANCE,
        from_stage="aware",
        to_stage="trial",
        outcome=None,
        cycle=1,
        occurred_at=day(3.5),
        dwell_seconds=2.5 * 86_400,
        cause=Cause(message_id="m-2", event="Trial"),
        rule="stages.trial.enter",
        map_version=7,
    )


def test_stages_may_be_skipped() -> None:
    _, effects = play(journey(*FOUR), at(1, "Visit"), at(2, "Order"))

    assert story(effects) == ["1 enter >aware", "2 advance aware>buy"]


def test_a_subject_may_enter_in_the_middle() -> None:
    _, effects = play(journey(*FOUR), at(1, "Order"))

    assert story(effects) == ["1 enter >buy"]


def test_the_furthest_stage_wins() -> None:
    stages = (stage("a"), stage("b", done("X")), stage("c", done("X")))

    _, effects = play(journey(*stages), at(1, "Visit"), at(2, "X"))

    assert story(effects) == ["1 enter >a", "2 advance a>c"]


def test_a_map_that_forbids_skips_goes_one_stage_at_a_time() -> None:
    compiled = journey(*FOUR, may_skip=False)

    _, effects = play(compiled, at(1, "Order"), at(2, "Seats"), at(3, "Trial"))

    # What was earned early counts as soon as the stages before it are reached.
    assert story(effects) == [
        "1 enter >aware",
        "3 advance aware>trial",
        "3 advance trial>buy",
        "3 advance buy>grow",
    ]


def test_an_earlier_stage_does_not_pull_a_subject_back() -> None:
    state, effects = play(journey(*FOUR), at(1, "Order"), at(2, "Trial"))

    assert state.stage == "buy"
    assert len(effects) == 1


def test_a_count_is_over_the_cycle_and_a_window_forgets() -> None:
    compiled = journey(stage("a"), stage("b", done("Price", count=3, within=7)))

    _, too_slow = play(compiled, at(1, "Price"), at(4, "Price"), at(8, "Price"))
    _, in_time = play(compiled, at(1, "Price"), at(4, "Price"), at(7.9, "Price"))

    assert story(too_slow) == ["1 enter >a"]
    assert story(in_time) == ["1 enter >a", "7.9 advance a>b"]


def test_where_filters_on_properties() -> None:
    pro = Predicate(path="plan.tier", operator=Operator.EQ, value="pro")
    compiled = journey(stage("a"), stage("b", done("Order", where=[pro])))

    free, _ = play(compiled, at(1, "Order", properties={"plan": {"tier": "free"}}))
    paid, _ = play(compiled, at(1, "Order", properties={"plan": {"tier": "pro"}}))

    assert (free.stage, paid.stage) == ("a", "b")


def test_conditions_that_look_alike_keep_facts_of_their_own() -> None:
    one, true = (Predicate(path="n", operator=Operator.EQ, value=value) for value in (1, True))
    compiled = journey(
        stage("a"),
        stage("b", done("X", where=[one], scope=Scope.EVER)),
        stage("c", done("X", where=[true], scope=Scope.EVER)),
    )

    number, _ = play(compiled, at(1, "X", properties={"n": 1}))
    truth, _ = play(compiled, at(1, "X", properties={"n": True}))

    assert (number.stage, truth.stage) == ("b", "c")


def test_never_holds_until_it_happens() -> None:
    enter = All(parts=(done("Trial"), Never(events=("Bounced",))))
    compiled = journey(stage("a"), stage("b", enter))

    clean, _ = play(compiled, at(1, "Visit"), at(2, "Trial"))
    spoilt, _ = play(compiled, at(1, "Bounced"), at(2, "Trial"))

    assert (clean.stage, spoilt.stage) == ("b", "a")


BACK = (
    stage("research"),
    stage("trial", done("Trial")),
    stage("buy", done("Order"), back=(Back(to="research", when=done("Refund")),)),
)


def test_a_move_back_makes_later_stages_be_earned_anew() -> None:
    _, effects = play(
        journey(*BACK),
        at(1, "Trial"),
        at(2, "Order"),
        at(3, "Refund"),
        at(4, "Visit"),
        at(5, "Order"),
    )

    assert story(effects) == [
        "1 enter >trial",
        "2 advance trial>buy",
        "3 regress buy>research",
        "5 advance research>buy",
    ]


def test_touchpoints_for_a_move_back_count_from_the_start_of_the_visit() -> None:
    _, effects = play(journey(*BACK), at(1, "Trial"), at(2, "Refund"), at(3, "Order"))

    assert story(effects) == ["1 enter >trial", "3 advance trial>buy"]


def test_the_touchpoint_that_begins_a_visit_does_not_count_in_it() -> None:
    twice = Back(to="a", when=done("X"))
    compiled = journey(stage("a"), stage("b", done("X"), back=(twice,)))

    _, effects = play(compiled, at(1, "Visit"), at(2, "X"), at(3, "X"), at(4, "X"))

    assert story(effects) == ["1 enter >a", "2 advance a>b", "3 regress b>a", "4 advance a>b"]


def test_a_move_back_keeps_what_earlier_stages_and_outcomes_rest_on() -> None:
    compiled = journey(
        stage("a"),
        stage("b", done("X")),
        stage("c", done("Order"), back=(Back(to="b", when=done("Refund")),)),
        outcomes=[outcome("lost", done("Order", count=2))],
    )

    _, effects = play(compiled, at(1, "X"), at(2, "Order"), at(3, "Refund"), at(4, "Order"))

    # For the stage the first order is forgotten, for the outcome this is the second of the cycle.
    assert story(effects)[-1] == "4 outcome b>lost"


def test_a_fact_of_ever_survives_a_move_back() -> None:
    compiled = journey(
        stage("a"),
        stage("b", done("Order", scope=Scope.EVER), back=(Back(to="a", when=done("Refund")),)),
    )

    state, effects = play(compiled, at(1, "Order"), at(2, "Refund"))

    # The order still counts, so the same touchpoint leads forward again, once.
    assert story(effects) == ["1 enter >b", "2 regress b>a", "2 advance a>b"]
    assert state.stage == "b"


def test_the_first_named_move_back_wins() -> None:
    backs = (Back(to="b", when=done("Stop")), Back(to="a", when=done("Stop")))
    compiled = journey(stage("a"), stage("b", done("X")), stage("c", done("Y"), back=backs))

    _, effects = play(compiled, at(1, "Y"), at(2, "Stop"))

    assert story(effects)[-1] == "2 regress c>b"


ROUND = journey(
    stage("buy", done("Order")),
    stage("use", done("Login", count=2)),
    loops=[Loop(stages=("use",), to="buy", when=done("Renewed"))],
)


def test_a_loop_opens_the_next_cycle_with_nothing_earned() -> None:
    state, effects = play(
        ROUND,
        at(1, "Order"),
        at(2, "Login"),
        at(3, "Login"),
        at(4, "Renewed"),
        at(5, "Login"),
        at(6, "Login"),
    )

    assert story(effects) == [
        "1 enter >buy",
        "3 advance buy>use",
        "4 loop use>buy",
        "6 advance buy>use",
    ]
    assert [each.cycle for each in effects if isinstance(each, Transition)] == [1, 1, 2, 2]
    assert state.cycle == 2


def test_a_loop_may_lead_back_into_its_own_stage() -> None:
    compiled = journey(
        stage("a"),
        stage("grow", done("Order")),
        loops=[Loop(stages=("grow",), to="grow", when=done("Renewed"))],
    )

    state, effects = play(compiled, at(1, "Order"), at(366, "Renewed"), at(731, "Renewed"))

    assert story(effects) == ["1 enter >grow", "366 loop grow>grow", "731 loop grow>grow"]
    assert (state.cycle, state.entered_at) == (3, day(731))


def test_a_loop_beats_a_stage_ahead_and_an_outcome_beats_both() -> None:
    compiled = journey(
        stage("a"),
        stage("b", done("X", "Y")),
        outcomes=[outcome("lost", done("Y"))],
        loops=[Loop(stages=("a",), to="a", when=done("X", "Y"))],
    )

    _, looped = play(compiled, at(1, "Visit"), at(2, "X"))
    _, ended = play(compiled, at(1, "Visit"), at(2, "Y"))

    assert story(looped)[1:] == ["2 loop a>a"]
    assert story(ended)[1:] == ["2 outcome a>lost"]


LOSING = journey(
    stage("a"),
    stage("b", done("X")),
    outcomes=[
        outcome("lost", done("No"), win_back=WinBack(to="b", when=done("Again"))),
        outcome("won", done("Yes"), stages=("b",)),
    ],
)


def test_an_outcome_ends_the_journey_in_the_stage_where_it_stood() -> None:
    state, effects = play(LOSING, at(1, "X"), at(4, "No"), at(5, "X"))

    assert story(effects) == ["1 enter >b", "4 outcome b>lost"]
    assert (state.status, state.stage, state.outcome) == (Status.ENDED, "b", "lost")
    assert state.entered_at == day(4)


def test_an_outcome_is_reachable_only_from_the_stages_that_it_names() -> None:
    state, _ = play(LOSING, at(1, "Visit"), at(2, "Yes"))
    later, _ = play(LOSING, at(1, "Visit"), at(2, "Yes"), at(3, "X"))

    assert state.status is Status.ACTIVE
    # The outcome's own facts are of the cycle: the early "Yes" counts once the stage is reached.
    assert (later.status, later.outcome) == (Status.ENDED, "won")


def test_a_subject_that_never_entered_has_no_outcome() -> None:
    compiled = journey(
        stage("a", done("X")), stage("b", done("Y")), outcomes=[outcome("lost", done("No"))]
    )

    state, effects = play(compiled, at(1, "No"))

    assert (state.status, effects) == (Status.NOT_STARTED, [])


def test_a_win_back_opens_a_new_cycle_and_has_no_dwell() -> None:
    state, effects = play(LOSING, at(1, "X"), at(2, "Again"), at(4, "No"), at(9, "Again"))

    assert story(effects) == ["1 enter >b", "4 outcome b>lost", "9 win_back b>b"]
    assert (state.status, state.stage, state.outcome, state.cycle) == (
        Status.ACTIVE,
        "b",
        None,
        2,
    )
    assert [each.dwell_seconds for each in effects if isinstance(each, Transition)] == [
        None,
        3 * 86_400,
        None,
    ]


def test_an_ended_journey_opens_by_a_loop_too_but_its_win_back_wins() -> None:
    compiled = journey(
        stage("a"),
        stage("b", done("X")),
        outcomes=[outcome("lost", done("No"), win_back=WinBack(to="b", when=done("Both")))],
        loops=[Loop(stages=("a",), to="a", when=done("Both", "Loop"))],
    )

    _, by_loop = play(compiled, at(1, "Visit"), at(2, "No"), at(3, "Loop"))
    _, by_both = play(compiled, at(1, "Visit"), at(2, "No"), at(3, "Both"))

    assert story(by_loop)[-1] == "3 loop a>a"
    assert story(by_both)[-1] == "3 win_back a>b"


MILES = journey(
    stage("a"),
    stage("b", MilestoneReached(milestone="value"), back=(Back(to="a", when=done("Lost data")),)),
    milestones=[
        milestone("value", done("Report", count=2)),
        milestone("delight", MilestoneReached(milestone="value")),
    ],
    loops=[Loop(stages=("b",), to="a", when=done("Renewed"))],
)


def test_a_milestone_is_reached_once_a_cycle_and_others_may_rest_on_it() -> None:
    state, effects = play(MILES, at(1, "Report"), at(2, "Report"), at(3, "Report"))

    assert story(effects) == [
        "1 enter >a",
        "2 reaches value",
        "2 reaches delight",
        "2 advance a>b",
    ]
    assert state.milestones == {"value": day(2), "delight": day(2)}


def test_a_new_cycle_begins_without_milestones() -> None:
    state, effects = play(
        MILES, at(1, "Report"), at(2, "Report"), at(3, "Renewed"), at(4, "Report")
    )

    assert state.milestones == {}
    assert story(effects)[-1] == "3 loop b>a"


def test_a_move_back_takes_the_milestones_that_later_stages_name() -> None:
    state, effects = play(
        MILES,
        at(1, "Report"),
        at(2, "Report"),
        at(3, "Lost data"),
        at(4, "Report"),
        at(5, "Report"),
    )

    assert story(effects)[4:] == ["3 regress b>a", "5 reaches value", "5 advance a>b"]
    assert state.milestones == {"value": day(5), "delight": day(2)}


def test_milestones_count_before_the_first_stage_and_after_the_end() -> None:
    compiled = journey(
        stage("a", MilestoneReached(milestone="seen")),
        stage("b", done("X")),
        outcomes=[outcome("won", done("Order"))],
        milestones=[milestone("seen", done("Visit")), milestone("referred", done("Referral"))],
    )

    state, effects = play(compiled, at(1, "Visit"), at(2, "Order"), at(3, "Referral"))

    assert story(effects) == [
        "1 reaches seen",
        "1 enter >a",
        "2 outcome a>won",
        "3 reaches referred",
    ]
    assert state.status is Status.ENDED


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
    # What happened before joining counts: who an account is often becomes known late.
    assert story(effects) == ["2 enter >trial", "3 advance trial>buy"]
    assert state.stage == "buy"


def test_visit_facts_count_before_the_first_visit_and_before_joining() -> None:
    compiled = journey(
        stage("a", done("X", count=2, scope=Scope.VISIT)), stage("b", done("Y")), applies_to=SAAS
    )

    _, effects = play(
        compiled, at(1, "X"), at(2, "Visit", account_traits={"industry": "saas"}), at(3, "X")
    )

    assert story(effects) == ["3 enter >a"]


def test_a_person_trait_holds_while_anybody_has_it() -> None:
    admin = Trait(
        owner=TraitOwner.PERSON,
        predicate=Predicate(path="role", operator=Operator.EQ, value="admin"),
    )
    compiled = journey(stage("a"), stage("b", All(parts=(admin, done("Order")))))

    nobody, _ = play(
        compiled,
        at(1, "Hi", person="ann", traits={"role": "admin"}),
        at(2, "Hi", person="ann", traits={"role": "user"}),
        at(3, "Order", person="bob"),
    )
    somebody, _ = play(
        compiled,
        at(1, "Hi", person="ann", traits={"role": "admin"}),
        at(2, "Hi", person="bob", traits={"role": "user"}),
        at(3, "Order", person="bob"),
    )

    assert (nobody.stage, somebody.stage) == ("a", "b")


def test_a_change_of_a_trait_alone_can_move_a_subject() -> None:
    compiled = journey(stage("a"), stage("b", AnyOf(parts=(SAAS, Not(part=Not(part=done("X")))))))

    _, effects = play(compiled, at(1, "Hi"), at(2, "Hi", account_traits={"industry": "saas"}))

    assert story(effects) == ["1 enter >a", "2 advance a>b"]


def test_touchpoints_at_one_instant_go_by_their_ids() -> None:
    compiled = journey(stage("a"), stage("b", done("X"), back=(Back(to="a", when=done("Y")),)))

    one, _ = play(compiled, at(1, "X", "m-1"), at(1, "Y", "m-2"))
    other, _ = play(compiled, at(1, "Y", "m-1"), at(1, "X", "m-2"))

    assert (one.stage, other.stage) == ("a", "b")


def test_a_late_touchpoint_is_refused_by_the_fold_and_mended_by_a_refold() -> None:
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


def test_the_value_is_the_newest_one_told() -> None:
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
