"""The ready maps: verbatim names, rules that differ, and a history that walks each from end to end."""

import re
from datetime import date
from itertools import pairwise

import pytest

from shared.journey.model import Stall, Status, SubjectKind, Transition
from shared.maps import lint, parse, templates, to_journey
from tests.unit.maps.histories import DAY_BY_DAY, Step, after, moves, played, stalls

TITLES = {
    "awareness-purchase-2": ["Awareness", "Purchase"],
    "b2b-core-5": ["Awareness", "Consideration", "Decision", "Onboarding", "Advocacy"],
    "b2b-jtbd-7": [
        "Trigger", "Research", "Consideration", "Evaluation", "Purchase", "Onboarding",
        "Expansion or renewal",
    ],
    "b2b-retention-5": ["Awareness", "Consideration", "Decision", "Retention", "Advocacy"],
    "lifecycle-7": [
        "Awareness", "Research", "Evaluation", "Purchase", "Onboarding", "Retention", "Advocacy",
    ],
    "saas-growth-5": ["Awareness", "Evaluation", "Purchase", "Onboarding", "Growth"],
    "shop-person": ["Browse", "Consider", "Cart", "Checkout", "Purchased"],
}  # fmt: skip


def test_every_stage_list_has_a_ready_map_and_the_default_is_one() -> None:
    assert templates.names() == sorted(TITLES)
    assert templates.DEFAULT == "b2b-jtbd-7"


def test_a_map_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        templates.read("../document")


@pytest.mark.parametrize("name", TITLES)
def test_a_ready_map_is_sound_and_named_as_its_file(name: str) -> None:
    document = parse(templates.read(name))

    assert document.journey == name
    assert [stage.title for stage in document.stages] == TITLES[name]


@pytest.mark.parametrize("name", TITLES)
def test_a_ready_map_gets_no_advice_but_what_it_shows_on_purpose(name: str) -> None:
    advice = [each.message for each in lint(parse(templates.read(name)), today=date(2026, 1, 5))]

    expected = ["no stage comes after the purchase"] if name == "awareness-purchase-2" else []
    assert advice == expected


def test_ready_maps_differ_in_their_rules_and_not_only_in_names() -> None:
    """Stages of one title, in two maps, are entered by different rules."""
    rules: dict[str, list[str]] = {}
    for name in TITLES:
        for stage in parse(templates.read(name)).stages[1:]:
            assert stage.enter is not None
            rules.setdefault(stage.title, []).append(str(stage.enter.model_dump()))
    shared_titles = {title: several for title, several in rules.items() if len(several) > 1}

    assert sorted(shared_titles) == [
        "Advocacy", "Consideration", "Decision", "Evaluation", "Onboarding", "Purchase", "Research",
        "Retention",
    ]  # fmt: skip
    for several in shared_titles.values():
        assert len(set(several)) == len(several)


def test_people_are_the_subject_where_people_buy_for_themselves() -> None:
    persons = {
        name
        for name in TITLES
        if to_journey(parse(templates.read(name)), 1).subject is SubjectKind.PERSON
    }

    assert persons == {"shop-person", "awareness-purchase-2"}


def test_the_default_map_has_a_job_for_every_stage() -> None:
    jobs = {stage.key: stage.job for stage in parse(templates.read(templates.DEFAULT)).stages}

    assert all(jobs.values())
    assert jobs["evaluation"] == "prove ROI to the CFO"
    assert jobs["onboarding"] == "get first team members live"


def test_the_growth_map_carries_the_table_of_goals() -> None:
    table = [
        (stage.title, kpi.name, kpi.target, kpi.current, kpi.unit, kpi.direction, kpi.action)
        for stage in parse(templates.read("saas-growth-5")).stages
        for kpi in stage.kpis
    ]

    assert table == [
        (
            "Awareness", "Content engagement rate", 35, 28, "percent", "higher",
            "Improve content relevance",
        ),
        (
            "Evaluation", "Trial activation rate", 80, 64, "percent", "higher",
            "Simplify setup process",
        ),
        (
            "Purchase", "Sales cycle length", 60, 87, "days", "lower",
            "Accelerate security review",
        ),
        (
            "Onboarding", "Time-to-first-value", 14, 22, "days", "lower",
            "Proactive implementation support",
        ),
        (
            "Growth", "Net Revenue Retention", 120, 108, "percent", "higher",
            "Expansion playbook development",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("name", TITLES)
def test_a_plausible_history_walks_every_stage_in_order(name: str) -> None:
    state, effects = played(name, DAY_BY_DAY[name])

    assert moves(effects) == [stage.key for stage in parse(templates.read(name)).stages]
    assert state.cycle == 1
    assert state.status is Status.ACTIVE


def test_leah_walks_the_default_map_and_expands_after_nine_months_without_a_false_alarm() -> None:
    steps: list[Step] = [*DAY_BY_DAY["b2b-jtbd-7"][:-1], (after(days=321), "Seats Added")]

    state, effects = played("b2b-jtbd-7", steps)

    assert moves(effects) == [
        "trigger", "research", "consideration", "evaluation", "purchase", "onboarding",
        "expansion_or_renewal", "expanded",
    ]  # fmt: skip
    assert (state.status, state.outcome) == (Status.ENDED, "expanded")
    dwell = [each.dwell_seconds for each in effects if isinstance(each, Transition)]
    days = [None, 2, 7, 7, 24, 7, 274, 0]
    assert dwell == [None if each is None else each * 86_400.0 for each in days]
    assert stalls(effects) == []


def test_a_customer_of_the_default_map_who_stays_silent_for_a_year_is_a_stall() -> None:
    steps = DAY_BY_DAY["b2b-jtbd-7"][:-1]

    before, _ = played("b2b-jtbd-7", steps, until=after(days=47 + 364))
    state, effects = played("b2b-jtbd-7", steps, until=after(days=47 + 365))

    assert before.status is Status.ACTIVE
    assert state.status is Status.STALLED
    assert stalls(effects) == ["onboarding"]


@pytest.mark.parametrize(
    ("name", "steps", "expected"),
    [
        (
            "b2b-jtbd-7",
            [
                (after(), "Demo Requested"),
                (after(days=10), "Case Study Read"),
                (after(days=12), "Comparison Viewed"),
                (after(days=20), "Demo Attended"),
                (after(days=21), "Deal Lost"),
                (after(days=90), "Webinar Attended"),
            ],
            ["evaluation", "consideration", "evaluation", "lost", "*consideration"],
        ),
        (
            "b2b-jtbd-7",
            [
                (after(), "Contract Signed"),
                (after(days=5), "Kickoff Held"),
                (after(days=300), "Contract Renewed"),
                (after(days=400), "Usage Limit Reached"),
                (after(days=410), "Seats Added"),
                (after(days=420), "New Need Raised"),
            ],
            [
                "purchase", "onboarding", "expansion_or_renewal", "renewed", "*evaluation",
                "expansion_or_renewal", "expanded", "*trigger",
            ],
        ),
        (
            "b2b-jtbd-7",
            [
                (after(), "Contract Signed"),
                (after(days=5), "Subscription Cancelled"),
                (after(days=50), "Quote Requested"),
            ],
            ["purchase", "left", "*evaluation"],
        ),
        (
            "b2b-retention-5",
            # A pilot alone does not leave out the consideration.
            [
                (after(), "Pilot Started"),
                (after(days=5), "Webinar Attended"),
                (after(days=9), "Pilot Failed"),
                (after(days=20), "Executive Approval Given"),
            ],
            ["awareness", "consideration", "decision", "consideration", "decision"],
        ),
        (
            "b2b-retention-5",
            # Signed, but not in use: not retained.
            [
                (after(), "Webinar Attended"),
                (after(days=5), "Contract Signed"),
                (after(days=9), "Business Review Held"),
                (after(days=50), "Onboarding Completed"),
                (after(days=400), "Contract Renewed"),
                (after(days=765), "Contract Renewed"),
            ],
            ["awareness", "consideration", "decision", "retention", "renewed", "*retention"],
        ),
        (
            "b2b-core-5",
            # Praise before there was a first value is no advocacy.
            [
                (after(), "Subscription Started"),
                (after(days=5), "Review Published"),
                (after(days=9), "First Value Reached"),
                (after(days=20), "Contract Renewed"),
            ],
            ["onboarding", "advocacy", "*onboarding"],
        ),
        (
            "lifecycle-7",
            [
                (after(), "Trial Started"),
                (after(days=14), "Trial Expired"),
                (after(days=20), "Order Completed"),
                (after(days=21), "Subscription Renewed"),
                (after(days=22), "Support Ticket Opened"),
                (after(days=23), "Support Ticket Opened"),
                (after(days=24), "Support Ticket Opened"),
                (after(days=30), "Account Closed"),
                (after(days=60), "Subscription Resumed"),
            ],
            [
                "evaluation", "research", "purchase", "retention", "onboarding", "churned",
                "*onboarding",
            ],
        ),
        (
            "lifecycle-7",
            [
                (after(), "Reference Given"),
                (after(days=1), "NPS Answered", {"score": 3}),
                (after(days=365), "Subscription Renewed"),
                (after(days=400), "Upgrade Requested"),
            ],
            ["advocacy", "retention", "*retention", "*evaluation"],
        ),
        (
            "saas-growth-5",
            [
                (after(), "Signed Up"),
                (after(days=14), "Trial Expired"),
                (after(days=60), "Trial Started"),
            ],
            ["evaluation", "lost", "*evaluation"],
        ),
        (
            "saas-growth-5",
            [
                (after(), "Subscription Started"),
                (after(days=14), "First Value Reached"),
                (after(days=20), "Seats Added"),
                (after(days=365), "Subscription Renewed"),
                (after(days=380), "Upgrade Requested"),
            ],
            ["onboarding", "growth", "*growth", "*purchase"],
        ),
        (
            "awareness-purchase-2",
            [
                (after(), "Page Viewed"),
                (after(days=1), "Order Completed"),
                (after(days=8), "Order Completed"),
                (after(days=9), "Order Refunded"),
            ],
            ["awareness", "purchase", "*purchase", "refunded"],
        ),
        (
            "shop-person",
            [
                (after(), "promo_page"),
                (after(minutes=1), "add_to_cart"),
                (after(minutes=2), "shipping_details"),
                (after(minutes=3), "add_to_cart"),
                (after(minutes=4), "payment_details"),
                (after(minutes=5), "purchase"),
                (after(days=3), "catalog"),
                (after(days=3, minutes=1), "compare"),
                (after(days=40), "home"),
            ],
            [
                "browse", "cart", "checkout", "cart", "checkout", "purchased", "*browse",
                "consider", "gone", "*browse",
            ],
        ),
    ],
)  # fmt: skip
def test_ready_maps_go_back_end_return_and_loop(
    name: str, steps: list[Step], expected: list[str]
) -> None:
    _, effects = played(name, steps)

    assert moves(effects) == expected


def test_a_shopper_who_leaves_at_the_checkout_stalls_there_after_an_hour() -> None:
    steps: list[Step] = [
        (after(), "promo_page"),
        (after(minutes=5), "review_page"),
        (after(minutes=9), "add_to_cart"),
        (after(minutes=12), "shipping_details"),
        (after(minutes=20), "payment_error"),
    ]

    _, early = played("shop-person", steps, until=after(minutes=71))
    state, effects = played("shop-person", steps, until=after(minutes=72))

    assert stalls(early) == []
    assert state.status is Status.STALLED
    stall = effects[-1]
    assert isinstance(stall, Stall)
    assert stall.stage == "checkout"
    assert stall.last_touchpoint is not None
    assert stall.last_touchpoint.event == "payment_error"


@pytest.mark.parametrize("name", TITLES)
def test_times_fit_the_business_from_hours_in_a_shop_to_months_in_a_long_sale(name: str) -> None:
    journey = to_journey(parse(templates.read(name)), 1)
    spans = [stage.stall_after for stage in journey.stages if stage.stall_after is not None]

    shortest, longest = {
        "shop-person": (after(hours=1), after(days=3)),
        "awareness-purchase-2": (after(days=14), after(days=14)),
        "saas-growth-5": (after(days=7), after(days=180)),
        "lifecycle-7": (after(days=7), after(days=365)),
        "b2b-core-5": (after(days=30), after(days=56)),
        "b2b-jtbd-7": (after(days=30), after(days=365)),
        "b2b-retention-5": (after(days=90), after(days=540)),
    }[name]
    assert (min(spans), max(spans)) == (shortest, longest)


def test_histories_here_are_in_order() -> None:
    for steps in DAY_BY_DAY.values():
        assert all(one[0] <= other[0] for one, other in pairwise(steps))


MONEY_AND_CONTRACTS = re.compile(
    r"\b(?:Contract (?:Signed|Renewed|Ended|Terminated|Expired)|Proposal Signed|Deal Lost|Tender Lost"
    r"|Order (?:Completed|Refunded)|Ticket Bought|Invoice Paid|Seats Added|Plan Upgraded"
    r"|Subscription (?:Started|Renewed|Resumed|Cancelled|Expired)|event: purchase)\b"
)


@pytest.mark.parametrize("name", templates.names())
def test_no_ready_map_takes_money_or_contracts_from_a_write_key(name: str) -> None:
    text = templates.read(name)
    used = {each.removeprefix("event: ") for each in MONEY_AND_CONTRACTS.findall(text)}

    assert used
    assert used <= set(parse(text).server_only or ())
