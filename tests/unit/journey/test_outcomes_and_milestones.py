"""How a journey ends and reopens, and which milestones it reaches; expectations by hand."""

from shared.journey.kinds import MilestoneReached
from shared.journey.map import Back, Loop, WinBack
from shared.journey.model import Status, Transition
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
