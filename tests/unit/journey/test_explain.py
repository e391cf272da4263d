"""Explanations, with the expected sentences written by hand."""

from shared.journey.comparison import Operator, Predicate
from shared.journey.condition import Node
from shared.journey.explain import Explanation, Reachable, explain
from shared.journey.kinds import (
    All,
    AnyOf,
    IdleFor,
    InStageFor,
    MilestoneReached,
    Never,
    Not,
    Trait,
)
from shared.journey.map import Back, Loop, WinBack
from shared.journey.model import Status, TransitionKind
from shared.journey.state import State
from shared.journey.trackers import TraitOwner
from tests.unit.journey.build import (
    at,
    day,
    days,
    done,
    journey,
    milestone,
    outcome,
    play,
    stage,
)

ON_PRO = Predicate(path="plan", operator=Operator.EQ, value="pro")
COMPILED = journey(
    stage("research"),
    stage("trial", done("Pricing Viewed", count=3, within=14, where=[ON_PRO])),
    stage(
        "buy",
        AnyOf(parts=(done("Order"), MilestoneReached(milestone="value"))),
        back=(Back(to="research", when=IdleFor(duration=days(30))),),
    ),
    outcomes=[outcome("lost", done("Deal Lost"), win_back=WinBack(to="trial", when=done("Demo")))],
    loops=[Loop(stages=("buy",), to="trial", when=done("Renewal Started"))],
    milestones=[milestone("value", done("Report", count=2))],
)


def reachable(explanation: Explanation, rule: str) -> Reachable:
    return next(each for each in explanation.reachable if each.rule == rule)


def test_the_rules_that_can_act_next_stand_in_the_order_in_which_they_win() -> None:
    state, _ = play(COMPILED, at(1, "Order"))

    explanation = explain(COMPILED, state, day(2))

    assert (explanation.status, explanation.stage) == (Status.ACTIVE, "buy")
    assert [(each.rule, each.kind) for each in explanation.reachable] == [
        ("outcomes.lost.when", TransitionKind.OUTCOME),
        ("loops.0", TransitionKind.LOOP),
        ("stages.buy.back.research", TransitionKind.REGRESS),
    ]
    assert not any(each.holds for each in explanation.reachable)


def test_a_count_tells_what_there_is_what_is_needed_and_what_is_missing() -> None:
    views = [at(1 + number, "Pricing Viewed", properties={"plan": "pro"}) for number in range(2)]
    state, _ = play(COMPILED, *views, at(3, "Pricing Viewed", properties={"plan": "free"}))

    target = reachable(explain(COMPILED, state, day(4)), "stages.trial.enter")

    assert (target.kind, target.to_stage, target.holds) == (TransitionKind.ADVANCE, "trial", False)
    assert target.condition == Node(
        condition="performed",
        text="Pricing Viewed at least 3 times where plan is “pro” within 14 days in this cycle",
        holds=False,
        have=2,
        need=3,
        satisfied_by="Pricing Viewed 1 more time where plan is “pro”",
        events=("Pricing Viewed",),
    )


def test_a_window_ends_in_an_explanation_too() -> None:
    state, _ = play(COMPILED, at(1, "Pricing Viewed", properties={"plan": "pro"}))

    before = reachable(explain(COMPILED, state, day(14.9)), "stages.trial.enter")
    after = reachable(explain(COMPILED, state, day(15)), "stages.trial.enter")

    assert (before.condition.have, after.condition.have) == (1, 0)


def test_alternatives_name_every_way_and_a_milestone_its_own_condition() -> None:
    state, _ = play(COMPILED, at(1, "Report"))

    target = reachable(explain(COMPILED, state, day(2)), "stages.buy.enter")

    assert target.condition.condition == "any"
    assert target.condition.satisfied_by == "Order, or Report 1 more time"
    assert target.condition.events == ("Order", "Report")
    reached = target.condition.parts[1]
    assert reached.text == "the milestone value is reached in this cycle"
    assert (reached.parts[0].have, reached.parts[0].need) == (1, 2)


def test_idleness_tells_when_it_will_act() -> None:
    state, _ = play(COMPILED, at(1, "Order"), at(5, "Visit"))

    target = reachable(explain(COMPILED, state, day(15)), "stages.buy.back.research")

    assert target.at == day(35)
    assert target.condition == Node(
        condition="idle",
        text="no touchpoint for 30 days",
        holds=False,
        have=10 * 86_400.0,
        need=30 * 86_400.0,
        satisfied_by="waiting 20 days more",
        at=day(35),
    )


def test_deadlines_that_have_passed_are_part_of_the_explanation() -> None:
    state, _ = play(COMPILED, at(1, "Order"))

    explanation = explain(COMPILED, state, day(40))

    assert explanation.stage == "research"
    assert explanation.as_of == day(40)


def test_an_ended_journey_tells_how_it_opens_again() -> None:
    state, _ = play(COMPILED, at(1, "Order"), at(2, "Deal Lost"))

    explanation = explain(COMPILED, state, day(3))

    assert (explanation.status, explanation.outcome) == (Status.ENDED, "lost")
    assert [each.rule for each in explanation.reachable] == ["outcomes.lost.win_back", "loops.0"]
    assert reachable(explanation, "outcomes.lost.win_back").condition.text == (
        "Demo since the last move"
    )


def test_before_the_first_touchpoint_anything_enters_the_first_stage() -> None:
    explanation = explain(COMPILED, State.initial(), day(1))

    assert explanation.status is Status.NOT_STARTED
    assert explanation.reachable[-1].condition == Node(
        condition="touchpoint", text="any touchpoint", holds=False, satisfied_by="any touchpoint"
    )


def test_an_explanation_of_a_subject_outside_the_journey_says_what_would_make_it_join() -> None:
    saas = Trait(
        owner=TraitOwner.ACCOUNT,
        predicate=Predicate(path="industry", operator=Operator.IN, value=("saas", "cloud")),
    )
    compiled = journey(stage("a"), stage("b", done("X")), applies_to=saas)
    state, _ = play(compiled, at(1, "X", account_traits={"industry": "retail"}))

    (target,) = explain(compiled, state, day(2)).reachable

    assert (target.rule, target.kind) == ("applies_to", None)
    assert target.condition.text == "the account's industry is one of “saas”, “cloud”"
    assert (target.condition.have, target.condition.need) == ("retail", None)
    assert target.condition.satisfied_by == target.condition.text


def test_traits_of_persons_tell_how_many_have_them() -> None:
    role = Predicate(path="role", operator=Operator.EQ, value="buyer")
    unknown = Predicate(path="phone", operator=Operator.EXISTS, value=False)
    both = All(
        parts=(
            Trait(owner=TraitOwner.PERSON, predicate=role),
            Trait(owner=TraitOwner.PERSON, predicate=unknown),
            done("Order"),
        )
    )
    compiled = journey(stage("a"), stage("b", both))
    state, _ = play(
        compiled,
        at(1, "Hi", person="ann", traits={"role": "buyer", "phone": "1"}),
        at(2, "Hi", person="bob", traits={"role": "buyer"}),
    )

    (target,) = explain(compiled, state, day(3)).reachable

    buyers, without_phone, _order = target.condition.parts
    assert (buyers.text, buyers.holds) == ("somebody's role is “buyer”", True)
    assert (buyers.have, buyers.need) == (2, 1)
    assert (without_phone.text, without_phone.holds) == ("nobody's phone is known", False)
    assert (without_phone.have, without_phone.need) == (1, 0)


def test_never_and_not_say_until_when_they_do_not_hold() -> None:
    quiet = All(
        parts=(
            Never(events=("Complaint",), within=days(7)),
            Not(part=done("Ticket", within=10)),
            InStageFor(duration=days(2)),
        )
    )
    compiled = journey(stage("a"), stage("b", quiet))
    state, _ = play(compiled, at(1, "Complaint", "1"), at(1, "Ticket", "2"))

    target = reachable(explain(compiled, state, day(4)), "stages.b.enter")

    never, not_, in_stage = target.condition.parts
    assert (never.holds, never.have, never.need, never.at) == (False, 1, 0, day(8))
    assert never.satisfied_by == "no Complaint until then"
    assert (not_.holds, not_.at, not_.satisfied_by) == (False, day(11), "waiting")
    assert (in_stage.holds, in_stage.text) == (True, "in this stage for 2 days")
    assert target.at == day(11)
    assert (target.condition.have, target.condition.need) == (1, 3)


def test_a_move_that_waits_for_the_next_touchpoint_says_so() -> None:
    always = Never(events=("Nothing",))
    compiled = journey(stage("a", always), stage("b", always, back=(Back(to="a", when=always),)))
    state, _ = play(compiled, at(1, "X"))

    (target,) = explain(compiled, state, day(2)).reachable

    assert (state.stage, state.entered) == ("a", ("b", "a"))
    assert (target.rule, target.holds, target.waits) == ("stages.b.enter", True, True)
