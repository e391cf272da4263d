"""Names that do not exist, keys used twice, cycles, wrong order."""

import pytest

from shared.maps import MapInvalid, parse

HEAD = "journey: small\ntitle: Small\nsubject: account\n"
STAGES = """\
stages:
  - {key: research, title: Research}
  - {key: evaluation, title: Evaluation, enter: {event: A}}
  - {key: purchase, title: Purchase, enter: {event: B}}
"""
MILESTONE = "milestones: [{key: signed, title: Signed, when: {event: C}}]\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (
            "loops: [{from: [purchase], to: reserch, when: {event: A}}]",
            (
                "line 8, column 32: loops[0].to: there is no stage `reserch`"
                " (did you mean `research`?)"
            ),
        ),
        (
            "loops: [{from: [purchase, buy], to: research, when: {event: A}}]",
            (
                "line 8, column 27: loops[0].from[1]: there is no stage `buy`"
                " (known here: `evaluation`, `purchase`, `research`)"
            ),
        ),
        (
            "outcomes: [{key: lost, title: L, kind: lost, when: {event: A}, from: [evaluaton]}]",
            (
                "line 8, column 71: outcomes[0].from[0]: there is no stage `evaluaton`"
                " (did you mean `evaluation`?)"
            ),
        ),
        (
            (
                "outcomes: [{key: lost, title: L, kind: lost, when: {event: A},"
                " win_back: {to: x, when: {event: B}}}]"
            ),
            (
                "line 8, column 79: outcomes[0].win_back.to: there is no stage `x`"
                " (known here: `evaluation`, `purchase`, `research`)"
            ),
        ),
        (
            "loops: [{from: [purchase], to: research, when: {milestone: singed}}]\n" + MILESTONE,
            (
                "line 8, column 60: loops[0].when.milestone: there is no milestone `singed`"
                " (did you mean `signed`?)"
            ),
        ),
        (
            "loops: [{from: [purchase], to: research, when: {milestone: signed}}]",
            (
                "line 8, column 60: loops[0].when.milestone: there is no milestone `signed`"
                " (this map has no milestone)"
            ),
        ),
        (
            (
                "loops: [{from: [purchase], to: research,"
                " when: {not: {all: [{in_stage: {stage: purchas, for: 7d}}]}}}]"
            ),
            (
                "line 8, column 80: loops[0].when.not.all[0].in_stage.stage: there is no stage"
                " `purchas` (did you mean `purchase`?)"
            ),
        ),
        (
            "applies_to: {any: [{in_stage: 7d}]}",
            (
                "line 8, column 20: applies_to.any[0]: `applies_to` is asked before there is a stage"
                " (ask for traits or events)"
            ),
        ),
        (
            MILESTONE.replace("]", ", {key: signed, title: S, when: {event: D}}]"),
            (
                "line 8, column 68: milestones[1].key: the key `signed` is taken already on line 8"
                " (choose another key)"
            ),
        ),
        (
            (
                "milestones: [{key: a, title: A, when: {milestone: b}},"
                " {key: b, title: B, when: {any: [{event: X}, {milestone: c}]}},"
                " {key: c, title: C, when: {not: {milestone: b}}}]"
            ),
            (
                "line 8, column 81: milestones[1].when: the milestone `b` waits for itself"
                " (milestones may build on each other, but not in a circle)"
            ),
        ),
        (
            "milestones: [{key: a, title: A, when: {milestone: a}}]",
            (
                "line 8, column 39: milestones[0].when: the milestone `a` waits for itself"
                " (milestones may build on each other, but not in a circle)"
            ),
        ),
    ],
)
def test_a_name_that_does_not_exist_is_reported_with_its_place(rest: str, expected: str) -> None:
    with pytest.raises(MapInvalid) as refused:
        parse(HEAD + STAGES + rest + "\n")

    assert str(refused.value.problems[0]) == expected


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (
            STAGES.replace("key: purchase", "key: research"),
            (
                "line 7, column 11: stages[2].key: the key `research` is taken already on line 5"
                " (choose another key)"
            ),
        ),
        (
            STAGES.replace(", enter: {event: B}", ""),
            (
                "line 7, column 5: stages[2]: the stage `purchase` has no `enter` (only the first"
                " stage may be entered by just anything; name what leads here)"
            ),
        ),
        (
            STAGES.replace("{event: A}", "{event: A}, back: [{to: purchase, when: {event: C}}]"),
            (
                "line 6, column 73: stages[1].back[0].to: a move back leads to an earlier stage"
                " (stages before this one: `research`)"
            ),
        ),
        (
            STAGES.replace("{event: A}", "{event: A}, back: [{to: evaluation, when: {event: C}}]"),
            (
                "line 6, column 73: stages[1].back[0].to: a move back leads to an earlier stage"
                " (stages before this one: `research`)"
            ),
        ),
        (
            STAGES.replace("Research}", "Research, back: [{to: research, when: {event: C}}]}"),
            (
                "line 5, column 50: stages[0].back[0].to: a move back leads to an earlier stage"
                " (stages before this one: none)"
            ),
        ),
        (
            STAGES.replace("{event: A}", "{event: A}, content: {victor: {cta: x}}"),
            (
                "line 6, column 71: stages[1].content.victor: there is no persona `victor`"
                " (known here: `default`)"
            ),
        ),
        (
            STAGES.replace(
                "{event: A}",
                "{event: A}, metrics: {volume: {name: N, measure: reached, leads_to: won}}",
            ),
            (
                "line 6, column 117: stages[1].metrics.volume.leads_to: there is no outcome or"
                " milestone `won` (this map has no outcome or milestone)"
            ),
        ),
        (
            STAGES.replace(
                "{event: A}",
                "{event: A}, metrics: {health: {name: N, measure: ratio,"
                " from: {stage: evaluation, event: A}, to: {stage: purchased}}}",
            ),
            (
                "line 6, column 111: stages[1].metrics.health.from: a metric counts from one thing"
                " to one thing (name a stage, milestone, outcome or event)"
            ),
        ),
    ],
)
def test_stages_that_contradict_each_other_are_reported(stages: str, expected: str) -> None:
    with pytest.raises(MapInvalid) as refused:
        parse(HEAD + stages)

    assert str(refused.value.problems[0]) == expected


def test_milestones_may_build_on_each_other() -> None:
    rest = (
        "milestones: [{key: a, title: A, when: {event: X}},"
        " {key: b, title: B, when: {all: [{milestone: a}, {event: Y}]}},"
        " {key: c, title: C, when: {all: [{milestone: a}, {milestone: b}]}}]\n"
    )

    assert len(parse(HEAD + STAGES + rest).milestones) == 3


def test_a_long_chain_of_milestones_is_no_cycle_and_is_checked_quickly() -> None:
    chain = "".join(
        f"  - {{key: m{n}, title: M, when: {{milestone: m{n + 1}}}}}\n" for n in range(500)
    )
    rest = f"milestones:\n{chain}  - {{key: m500, title: M, when: {{event: X}}}}\n"

    assert len(parse(HEAD + STAGES + rest).milestones) == 501
