from typing import Any

import pytest

from shared.sources.expressions import NotEvaluated
from shared.sources.mapping import (
    MAX_RULES,
    Mapped,
    MappingProblem,
    NotMapped,
    Skipped,
    compile_mapping,
)


def rule(**fields: Any) -> dict[str, Any]:
    return {"rules": [{"event": "Thing Done", **fields}]}


def fields_of(document: dict[str, Any], item: object) -> dict[str, Any]:
    outcome = compile_mapping(document).apply(item)
    assert isinstance(outcome, Mapped)
    return dict(outcome.fields)


def test_the_first_rule_that_holds_makes_the_touchpoint() -> None:
    document = {
        "rules": [
            {"when": "kind == 'a'", "event": "First"},
            {"when": "kind == 'noise'", "skip": True},
            {"when": "other", "event_from": "other"},
        ]
    }
    mapping = compile_mapping(document)

    assert mapping.apply({"kind": "a", "other": "x"}) == Mapped(
        fields={"type": "track", "event": "First"}
    )
    assert mapping.apply({"kind": "noise"}) == Skipped()
    assert mapping.apply({"other": "Said"}) == Mapped(fields={"type": "track", "event": "Said"})
    assert mapping.apply({}) == NotMapped()


def test_a_condition_that_does_not_suit_an_item_does_not_hold() -> None:
    document = {
        "rules": [
            {"when": "starts_with(kind, 'a')", "event": "First"},
            {"event": "Second"},
        ]
    }

    assert fields_of(document, {"n": 1})["event"] == "Second"


@pytest.mark.parametrize(
    ("spec", "item", "expected"),
    [
        ("a.b", {"a": {"b": "x"}}, "x"),
        ({"from": "a"}, {"a": 5}, 5),
        ({"value": "x"}, {}, "x"),
        ({"value": False}, {}, False),
        ({"from": "a", "prefix": "p:"}, {"a": 5}, "p:5"),
        ({"from": "a", "prefix": "p:"}, {"a": ""}, ""),
        ({"from": "a", "table": {"good": 5}}, {"a": "good"}, 5),
        ({"from": "a", "table": {"true": 5}}, {"a": True}, 5),
        ({"from": "a", "table": {"good": 5}, "default": 3}, {"a": "other"}, 3),
        ({"from": "a", "table": {"good": 5}, "default": 3}, {"a": [1]}, 3),
        ({"from": "a", "times": 0.01}, {"a": 1999}, 19.99),
        ({"from": "a", "default": "x"}, {"a": 0}, 0),
    ],
)
def test_a_value_comes_from_the_item_and_is_turned(
    spec: object, item: dict[str, Any], expected: object
) -> None:
    assert fields_of(rule(thought=spec), item)["thought"] == expected


@pytest.mark.parametrize(
    ("spec", "item"),
    [
        ({"from": "a", "times": 2}, {"a": "text"}),
        ({"from": "a", "times": 2}, {"a": True}),
        ({"from": "a", "prefix": "p:"}, {"a": [1]}),
        ("sum(a)", {"a": "text"}),
    ],
)
def test_an_item_that_does_not_suit_is_not_mapped_and_says_why(spec: object, item: object) -> None:
    outcome = compile_mapping(rule(thought=spec)).apply(item)

    assert isinstance(outcome, NotMapped)
    assert outcome.why


def test_objects_omit_missing_values_and_may_be_copied_whole() -> None:
    document = rule(properties={"a": "x", "b": "y"}, traits="all")

    fields = fields_of(document, {"x": [1], "all": {"n": 1}})

    assert (fields["properties"], fields["traits"]) == ({"a": [1]}, {"n": 1})


def test_id_and_time_may_be_said_once_for_all_rules() -> None:
    document = {
        "message_id": "id",
        "occurred_at": "at",
        "rules": [
            {"when": "own", "event": "Own", "message_id": "own"},
            {"event": "Thing Done"},
        ],
    }

    assert fields_of(document, {"id": "1", "at": 5})["message_id"] == "1"
    assert fields_of(document, {"id": "1", "own": "2"})["message_id"] == "2"


def test_items_may_lie_inside_a_body() -> None:
    mapping = compile_mapping({"items": "data.events", "type": "t", **rule()})

    assert mapping.items({"data": {"events": [{"t": "a"}, {"t": "b"}]}}) == [{"t": "a"}, {"t": "b"}]
    assert mapping.items({"data": {"events": {"t": "a"}}}) == [{"t": "a"}]
    assert mapping.items({"data": {"events": []}}) == []
    with pytest.raises(NotEvaluated):
        mapping.items({"data": {}})
    assert (mapping.type_of({"t": "a"}), mapping.type_of({"t": 5})) == ("a", None)


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({}, "rules"),
        ({"rules": []}, "rules"),
        ({"rules": [{}]}, r"rules\[0\]: one of"),
        ({"rules": [{"event": "A", "event_from": "b"}]}, r"rules\[0\]: one of"),
        ({"rules": [{"event": "  "}]}, r"rules\[0\]\.event"),
        ({"rules": [{"event": "A\x00"}]}, r"rules\[0\]\.event"),
        (rule(evnt="a"), r"rules\[0\]: a field is not known"),
        (rule(email="a["), r"rules\[0\]\.email: .*character 2"),
        (rule(when="a["), r"rules\[0\]\.when"),
        (rule(email={"from": "a", "value": "b"}), r"rules\[0\]\.email: one of"),
        (rule(email={}), r"rules\[0\]\.email: one of"),
        (rule(email={"frm": "a"}), r"rules\[0\]\.email: a field is not known"),
        (rule(email=5), r"rules\[0\]\.email"),
        (rule(value={"value": float("nan")}), "stored"),
        (rule(value={"from": "a", "times": float("inf")}), "stored"),
        (rule(properties={"a\x00": "b"}), "stored"),
        (rule(properties={"a": "b("}), r"rules\[0\]\.properties\[0\]"),
        (rule(type="unmapped"), r"rules\[0\]\.type"),
        ({"rules": [{"event": "A"}] * (MAX_RULES + 1)}, "rules"),
        ({"rules": [{"event": "A", "properties": {str(n): "a" for n in range(1_001)}}]}, "1000"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_where_it_is_written(document: dict[str, Any], where: str) -> None:
    with pytest.raises(MappingProblem, match=where):
        compile_mapping(document)


def test_a_mapping_that_nests_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}

    with pytest.raises(MappingProblem):
        compile_mapping({"rules": deep})
