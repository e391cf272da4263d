"""Reading maps: short and long forms, YAML and JSON, definitions without a text."""

import json

import pytest

from shared.maps import MapInvalid, from_definition, parse
from shared.maps.events import events_known
from tests.unit.maps.mistaken import SOUND, problems


def test_the_sound_map_has_no_problem() -> None:
    assert parse(SOUND).journey == "small"


def test_one_stage_is_no_journey() -> None:
    text = "journey: one\ntitle: One\nsubject: person\nstages:\n  - {key: only, title: Only}\n"

    assert [str(each) for each in problems(text)] == [
        "line 5, column 3: stages: needs at least 2 of them"
    ]


def test_a_map_may_have_a_hundred_stages_and_no_more() -> None:
    stages = [
        f"  - {{key: s{number}, title: S, enter: {{event: E{number}}}}}\n" for number in range(101)
    ]
    head = "journey: long\ntitle: Long\nsubject: person\nstages:\n"

    document = parse(head + "".join(stages[:100]))
    with pytest.raises(MapInvalid) as refused:
        parse(head + "".join(stages))

    assert len(document.stages) == 100
    assert [problem.path for problem in refused.value.problems] == ["stages"]
    assert "at most 100" in refused.value.problems[0].message


def test_json_and_yaml_of_one_map_are_equal() -> None:
    document = parse(SOUND)

    assert parse(json.dumps(document.definition())) == document
    assert parse(json.dumps(document.definition(), indent=2)) == document


def test_short_forms_and_long_forms_say_the_same() -> None:
    short = SOUND.replace("where: {plan: pro}", "where: {plan: [pro, team], seats: 5}").replace(
        "{milestone: signed}", "{in_stage: 7d}"
    )
    long = (
        SOUND.replace(
            "where: {plan: pro}", "where: {plan: {in: [pro, team]}, seats: {eq: 5}}, since: cycle"
        )
        .replace("{milestone: signed}", "{in_stage: {for: 7d}}")
        .replace("since: cycle", "since: null")
        .replace("{event: Deal Lost}", "{event: [Deal Lost]}")
    )

    assert parse(short) == parse(long)


def test_a_definition_has_its_mistakes_without_lines() -> None:
    definition = parse(SOUND).definition()
    definition["stages"][1]["stall_after"] = "soon"

    with pytest.raises(MapInvalid) as refused:
        from_definition(definition)

    assert [(each.line, each.column, each.path) for each in refused.value.problems] == [
        (None, None, "stages[1].stall_after")
    ]


@pytest.mark.parametrize("definition", [None, [], "journey", 3, {"journey": float("nan")}])
def test_what_is_no_definition_is_refused(definition: object) -> None:
    with pytest.raises(MapInvalid):
        from_definition(definition)


def test_an_event_is_named_in_its_stored_form() -> None:
    document = parse(
        "journey: small\ntitle: Small\nsubject: account\n"
        "stages: [{key: lead, title: Lead}, {key: demo, title: Demo,\n"
        "  touchpoints: [{event: Vide\u0301o de\u0301mo}],\n"
        "  enter: {event: [Demo\u00a0Requested, Vide\u0301o de\u0301mo]}}]\n"
    )

    assert events_known(document) == {"Demo Requested", "Vid\u00e9o d\u00e9mo"}
