from typing import Any

import pytest

from shared.sources.expressions import (
    MAX_CHARS,
    Evaluation,
    ExpressionProblem,
    NotEvaluated,
    compiled,
    is_storable,
)


@pytest.mark.parametrize(
    ("text", "item", "expected"),
    [
        ("a.b[0].c", {"a": {"b": [{"c": 5}]}}, 5),
        ("a.b", {"a": 5}, None),
        ("join('-', [a, b])", {"a": "x", "b": "y"}, "x-y"),
        ("sort_by(a, &n)[-1].n", {"a": [{"n": 2}, {"n": 1}]}, 2),
        ("a || b", {"a": "", "b": "y"}, "y"),
        ("to_number(a)", {"a": "12"}, 12),
        ("to_number(a)", {"a": "1.5"}, 1.5),
        ("to_number(a)", {"a": "NaN"}, None),
        ("to_number(a)", {"a": "1e999"}, None),
        ("to_number(a)", {"a": [1]}, None),
    ],
)
def test_an_expression_gives_its_value(text: str, item: dict[str, Any], expected: object) -> None:
    assert Evaluation(item).of(compiled(text)) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JMESPath"),
        ("a[", "no JMESPath"),
        ("a..b", "no JMESPath"),
        ('`{"a":`', "no JMESPath"),
        ("a" * (MAX_CHARS + 1), "characters"),
        ("!" * 400 + "a", "levels deep"),
        ("nosuch(a)", "function"),
        ("&a", "&"),
        ("not_null(&a)", "&"),
        ("{x: &a}", "&"),
        ("[@, @][] | " * 20 + "@", "repeats"),
        ("`NaN`", "stored"),
        ("`1e999`", "stored"),
        (r'`"\u0000"`', "stored"),
        (r'`"\ud800"`', "stored"),
    ],
)
def test_an_expression_that_cannot_be_used_is_refused_when_it_is_written(
    text: str, problem: str
) -> None:
    with pytest.raises(ExpressionProblem, match=problem):
        compiled(text)


def test_the_message_repeats_nothing_of_the_expression() -> None:
    with pytest.raises(ExpressionProblem) as problem:
        compiled("secret_name[")

    assert "secret_name" not in str(problem.value)


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("sum(a)", {"a": "text"}),
        ("a[0:1:0]", {"a": [1]}),
        ("sort(a)", {"a": [1, "x"]}),
        ("join(a, b)", {"a": "x" * 20_000, "b": ["y"] * 20_000}),
        ("to_string([" * 19 + "a" + "])" * 19, {"a": '"' * 200}),
        ("a[*].b[*].c", {"a": [{"b": [{"c": 1}] * 300}] * 300}),
        ("starts_with(a, 'x')", {}),
        ("[" + ", ".join(["to_string(@)"] * 30) + "]", {"a": ["x"] * 40_000}),
        ("[" + ", ".join(["a == b"] * 30) + "]", {"a": ["x"] * 40_000, "b": ["x"] * 40_000}),
    ],
)
def test_an_evaluation_that_fails_or_costs_too_much_ends(text: str, item: dict[str, Any]) -> None:
    with pytest.raises(NotEvaluated):
        Evaluation(item).of(compiled(text))


def test_all_expressions_of_an_item_share_one_allowance() -> None:
    evaluation = Evaluation({"a": list(range(2_500))})
    expression = compiled("a[?@ > `1`]")
    evaluation.of(expression)

    with pytest.raises(NotEvaluated):
        evaluation.of(expression)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, None, True, "ä", 1.5]}, True),
        (float("inf"), False),
        ([float("nan")], False),
        (2**63, False),
        (-(2**63), True),
        ({"a\x00": 1}, False),
        ("\ud800", False),
        (object(), False),
    ],
)
def test_what_can_be_stored(value: object, *, expected: bool) -> None:
    assert is_storable(value) is expected
