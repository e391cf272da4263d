"""Advice: reported with a line, and never a reason to refuse a map."""

from datetime import date

import pytest

from shared.maps import lint, parse

GOOD = """\
journey: small
title: Small
subject: account
review_due: 2027-03-31
stages:
  - key: purchase
    title: Purchase
    owner: sales
    job: buy
    touchpoints: [{event: Order Completed, channel: website}]
    metrics:
      volume: {name: Orders, measure: reached, leads_to: renewed}
      health: {name: Speed, measure: duration, leads_to: renewed}
  - key: onboarding
    title: Onboarding
    owner: success
    job: begin
    touchpoints: [Kickoff Held]
    enter: {event: Kickoff Held}
    metrics:
      volume: {name: Kickoffs, measure: reached, leads_to: renewed}
      health: {name: Speed, measure: duration, leads_to: renewed}
milestones:
  - {key: renewed, title: Renewed, when: {event: Contract Renewed}}
  - {key: counted, title: Counted, when: {event: Report Sent}, customer_facing: false}
"""


def test_a_complete_map_gets_no_advice() -> None:
    assert lint(parse(GOOD), today=date(2027, 3, 31)) == []


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (
            "    job: buy\n",
            "",
            [(6, "stages[0]", "the stage `purchase` has no job")],
        ),
        (
            "    owner: sales\n",
            "",
            [
                (6, "stages[0]", "the stage `purchase` has no owner"),
                (9, "stages[0].touchpoints[0]", "the touchpoint `Order Completed` has no owner"),
            ],
        ),
        (
            "channel: website",
            "channel: websit",
            [
                (
                    10,
                    "stages[0].touchpoints[0].channel",
                    "`websit` is not one of the usual channels",
                )
            ],
        ),
        (
            "touchpoints: [Kickoff Held]",
            "touchpoints: [" + ", ".join(["Kickoff Held", *(f"E{n}" for n in range(12))]) + "]",
            [(18, "stages[1].touchpoints", "13 touchpoints in one stage")],
        ),
        (
            "enter: {event: Kickoff Held}",
            "enter: {event: kickoff_held}",
            [
                (
                    19,
                    "stages[1].enter.event[0]",
                    "`kickoff_held` is no touchpoint, but nearly one",
                )
            ],
        ),
        (
            "enter: {event: Kickoff Held}",
            "enter: {any: [{event: Kickof Hedl}, {event: Kickoff Planned}]}",
            [
                (
                    19,
                    "stages[1].enter.any[0].event[0]",
                    "`Kickof Hedl` is no touchpoint, but nearly one",
                )
            ],
        ),
        (
            "enter: {event: Kickoff Held}",
            "enter: {any: [{event: Report Read}, {event: report  read}]}",
            [
                (
                    19,
                    "stages[1].enter.any[1].event[0]",
                    "`report  read` and `Report Read` differ by case or spaces alone",
                )
            ],
        ),
        (
            "enter: {event: Kickoff Held}",
            "enter: {any: [{milestone: counted}, {idle: 7d}]}",
            [(19, "stages[1].enter", "only internal milestones lead to the stage `onboarding`")],
        ),
        (
            "enter: {event: Kickoff Held}",
            "enter: {any: [{milestone: counted}, {milestone: renewed}]}",
            [],
        ),
        ("review_due: 2027-03-31", "review_due: 2027-03-31\nserver_only: Kickoff Held", []),
        (
            "review_due: 2027-03-31",
            "review_due: 2027-03-31\nserver_only: [Kickoff Held, kickoff held]",
            [
                (
                    5,
                    "server_only[1]",
                    "`kickoff held` is no touchpoint, and no rule waits for it",
                )
            ],
        ),
        (
            "review_due: 2027-03-31",
            "review_due: 2027-03-30",
            [(4, "review_due", "the review was due on 2027-03-30")],
        ),
    ],
)
def test_what_a_map_lacks_is_reported_with_its_line(
    right: str, wrong: str, expected: list[tuple[int, str, str]]
) -> None:
    assert right in GOOD
    document = parse(GOOD.replace(right, wrong, 1))

    advice = lint(document, today=date(2027, 3, 31))

    assert [(each.line, each.path, each.message) for each in advice] == expected
    assert all(each.hint for each in advice)


def test_a_map_that_ends_with_the_purchase_gets_a_hint_at_what_comes_after() -> None:
    text = GOOD.replace("title: Purchase", "title: Interest").replace("key: purchase", "key: one")
    text = text.replace("title: Onboarding", "title: Purchase").replace(
        "key: onboarding", "key: two"
    )

    advice = lint(parse(text))

    assert [(each.line, each.message) for each in advice] == [
        (14, "no stage comes after the purchase")
    ]


def test_metrics_get_no_advice_as_long_as_nothing_computes_them() -> None:
    lines = GOOD.splitlines(keepends=True)
    without = "".join(line for line in lines if "measure:" not in line and "metrics:" not in line)

    assert lint(parse(without)) == []
    assert lint(parse(GOOD.replace(", leads_to: renewed", ""))) == []


def test_a_misspelt_event_is_advised_with_the_touchpoint_that_was_meant() -> None:
    (advice,) = lint(
        parse(GOOD.replace("enter: {event: Kickoff Held}", "enter: {event: Kcikoff Held}"))
    )

    assert advice.hint == "names are compared letter by letter; did you mean `Kickoff Held`?"


def test_the_day_matters_only_if_it_is_given() -> None:
    document = parse(GOOD.replace("2027-03-31", "2001-01-01"))

    assert lint(document) == []
