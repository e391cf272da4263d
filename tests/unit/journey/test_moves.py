"""Moves forward, moves back and loops by touchpoints; expectations by hand."""

from shared.journey.comparison import Operator, Predicate
from shared.journey.kinds import All, Never
from shared.journey.map import Back, Loop
from shared.journey.model import Cause, Status, Transition, TransitionKind
from shared.journey.trackers import Since
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


def test_a_count_is_over_the_cycle_and_a_window_ends() -> None:
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
        stage("b", done("X", where=[one], since=Since.EVER)),
        stage("c", done("X", where=[true], since=Since.EVER)),
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


def test_after_a_move_back_later_stages_need_new_touchpoints() -> None:
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

    # The stage no longer counts the first order; for the outcome this is the second of the cycle.
    assert story(effects)[-1] == "4 outcome b>lost"


def test_a_fact_of_ever_survives_a_move_back() -> None:
    compiled = journey(
        stage("a"),
        stage("b", done("Order", since=Since.EVER), back=(Back(to="a", when=done("Refund")),)),
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
