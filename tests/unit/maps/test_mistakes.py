"""Mistakes that authors make in maps: each is reported at its place, with a hint."""

import pytest

from tests.unit.maps.mistaken import SOUND, problems


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (
            "stall_after: 30d",
            "stal_after: 30d",
            (
                "line 13, column 5: stages[1].stal_after: `stal_after` is not a key that belongs here"
                " (did you mean `stall_after`?)"
            ),
        ),
        (
            "stall_after: 30d",
            "timeout: 30d",
            (
                "line 13, column 5: stages[1].timeout: `timeout` is not a key that belongs here"
                " (did you mean `stall_after`?)"
            ),
        ),
        (
            "title: Small",
            "title: Small\nversion: 3",
            (
                "line 3, column 1: version: `version` is not a key that belongs here"
                " (publishing gives the version; remove it)"
            ),
        ),
        (
            "count: 3",
            "times: 3",
            (
                "line 12, column 55: stages[1].enter.any[1].times: `times` is not a key that belongs"
                " here (did you mean `count`?)"
            ),
        ),
        (
            "{event: Demo Requested}\n        -",
            "{evnt: Demo Requested}\n        -",
            (
                "line 11, column 11: stages[1].enter.any[0]: this is not a condition"
                " (did you mean `event`?)"
            ),
        ),
        (
            "- {event: Demo Requested}",
            "- Demo Requested",
            (
                "line 11, column 11: stages[1].enter.any[0]: this is not a condition"
                " (name an event as `{event: Demo Requested}`)"
            ),
        ),
        (
            "when: {event: Deal Lost}",
            "when: [{event: Deal Lost}]",
            (
                "line 18, column 11: outcomes[0].when: this is not a condition"
                " (put the list under `all:` or `any:`)"
            ),
        ),
        (
            "{event: Deal Lost}",
            "{event: Deal Lost, milestone: signed}",
            (
                "line 18, column 30: outcomes[0].when.milestone: a condition asks for one thing"
                " (put both under `all:` or `any:`, as a list)"
            ),
        ),
        (
            "within: 14d",
            "within: 14",
            (
                "line 12, column 73: stages[1].enter.any[1].within: a duration needs a unit (write for"
                " example `14d`; units are s, m (minutes), h, d, w, mo (30 days), y (365 days))"
            ),
        ),
        (
            "stall_after: 30d",
            "stall_after: 2 weeks",
            (
                "line 13, column 18: stages[1].stall_after: this is not a duration (write `2w`;"
                " units are s, m (minutes), h, d, w, mo (30 days), y (365 days))"
            ),
        ),
        (
            "stall_after: 30d",
            "stall_after: 6 months",
            (
                "line 13, column 18: stages[1].stall_after: this is not a duration (write `6mo`;"
                " units are s, m (minutes), h, d, w, mo (30 days), y (365 days))"
            ),
        ),
        (
            "stall_after: 30d",
            "stall_after: P30D",
            (
                "line 13, column 18: stages[1].stall_after: this is not a duration (write a whole"
                " number above zero with its unit, `14d`; units are s, m (minutes), h, d, w,"
                " mo (30 days), y (365 days))"
            ),
        ),
        (
            "stall_after: 30d",
            "stall_after: 101y",
            "line 13, column 18: stages[1].stall_after: longer than 100 years",
        ),
        (
            "subject: account",
            "subject: acount",
            "line 3, column 10: subject: must be one of account, person (did you mean `account`?)",
        ),
        (
            "subject: account\n",
            "",
            (
                "line 1, column 1: subject: `subject` is missing (add `subject: account`, or `person`"
                " where people buy for themselves)"
            ),
        ),
        (
            "journey: small",
            "journey: Small Map",
            (
                "line 1, column 10: journey: not a journey key (lower-case letters, digits and dashes,"
                " at most 63, as in `b2b-core-5`)"
            ),
        ),
        (
            "key: evaluation",
            "key: 2",
            "line 7, column 10: stages[1].key: must be text (put it in quotes)",
        ),
        (
            "key: evaluation",
            'key: "2"',
            (
                "line 7, column 10: stages[1].key: not a key (a lower-case letter, then letters,"
                " digits and underscores, at most 63)"
            ),
        ),
        (
            "title: Evaluation",
            "title:",
            "line 8, column 11: stages[1].title: has no value (give it one, or remove the key)",
        ),
        (
            "count: 3",
            "count: three",
            (
                "line 12, column 62: stages[1].enter.any[1].count: must be a whole number"
                " (write digits, without unit and quotes)"
            ),
        ),
        (
            "count: 3",
            "count: true",
            (
                "line 12, column 62: stages[1].enter.any[1].count: must be a whole number"
                " (write digits, without unit and quotes)"
            ),
        ),
        (
            "count: 3",
            "count: 0",
            "line 12, column 62: stages[1].enter.any[1].count: must be at least 1",
        ),
        (
            "count: 3",
            "count: 1001",
            "line 12, column 62: stages[1].enter.any[1].count: must be at most 1000",
        ),
        (
            "where: {plan: pro}",
            "where: {plan: {above: 3}}",
            (
                "line 12, column 50: stages[1].enter.any[1].where.plan.above: `above` is not a key"
                " that belongs here (known here: `contains`, `eq`, `exists`, `gt`, `gte`, `in`, `lt`,"
                " `lte`, `ne`, `starts_with`)"
            ),
        ),
        (
            "where: {plan: pro}",
            "where: {plan: {}}",
            (
                "line 12, column 49: stages[1].enter.any[1].where.plan: nothing is compared"
                " (write for example `{gte: 5}`)"
            ),
        ),
        (
            "where: {plan: pro}",
            "where: {plan: ~}",
            (
                "line 12, column 49: stages[1].enter.any[1].where.plan: there is nothing to compare"
                " with (is it set? `{exists: true}`)"
            ),
        ),
        (
            "where: {plan: pro}",
            "where: {plan..name: pro}",
            (
                "line 12, column 43: stages[1].enter.any[1].where.plan..name: a part of the path is"
                " empty (dots step into objects: `plan.name`)"
            ),
        ),
        (
            "{milestone: signed}",
            "{in_stage: 7}",
            (
                "line 24, column 57: loops[0].when.in_stage: a duration needs a unit (write for example"
                " `7d`; units are s, m (minutes), h, d, w, mo (30 days), y (365 days))"
            ),
        ),
        (
            "{milestone: signed}",
            "{trait: {name: plan, eq: pro}}",
            (
                "line 24, column 54: loops[0].when.trait.of: `of` is missing"
                " (say whose trait: `of: account` or `of: person`)"
            ),
        ),
        (
            "subject: account",
            "subject: account\nreview_due: 31.3.2027",
            (
                "line 4, column 13: review_due: this is not a date"
                " (write year-month-day, `2027-03-31`)"
            ),
        ),
        (
            "subject: account",
            "subject: account\nreview_due: 2027-02-30",
            (
                "line 4, column 13: review_due: this is not a date"
                " (write year-month-day, `2027-03-31`)"
            ),
        ),
        (
            "event: Deal Lost",
            "event: ' Deal Lost'",
            ("line 18, column 19: outcomes[0].when.event: begins or ends with a space (remove it)"),
        ),
        (
            "event: Deal Lost",
            "event: []",
            "line 18, column 19: outcomes[0].when.event: needs at least 1 of them",
        ),
        (
            "title: Lost",
            "title: " + "x" * 256,
            "line 16, column 12: outcomes[0].title: longer than 255 characters",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_a_hint(
    right: str, wrong: str, expected: str
) -> None:
    assert right in SOUND

    assert [str(each) for each in problems(SOUND.replace(right, wrong, 1))] == [expected]


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_text() -> None:
    text = SOUND.replace("title: Small", "title: no").replace("count: 3", "count: x")
    text = text.replace("kind: lost", "kind: lots").replace("to: research", "too: research", 1)

    assert [(each.line, each.column, each.path) for each in problems(text)] == [
        (2, 8, "title"),
        (12, 62, "stages[1].enter.any[1].count"),
        (17, 11, "outcomes[0].kind"),
        (20, 15, "outcomes[0].win_back.to"),
        (20, 16, "outcomes[0].win_back.too"),
    ]
