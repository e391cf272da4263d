"""How values compare, as a table."""

from typing import Any

import pytest

from shared.journey.comparison import (
    Operator,
    Predicate,
    Scalar,
    accepts_properties,
    accepts_values,
)


@pytest.mark.parametrize(
    ("operator", "operand", "value", "accepted"),
    [
        (Operator.EQ, "pro", "pro", True),
        (Operator.EQ, "pro", "Pro", False),
        (Operator.EQ, 5, 5.0, True),
        (Operator.EQ, 1, True, False),
        (Operator.EQ, True, 1, False),
        (Operator.EQ, "1", 1, False),
        (Operator.EQ, None, None, True),
        (Operator.EQ, 0, None, False),
        (Operator.EQ, False, None, False),
        (Operator.NE, "pro", "free", True),
        (Operator.NE, "pro", None, True),
        (Operator.NE, 1, True, True),
        (Operator.NE, "pro", "pro", False),
        (Operator.IN, ("a", 2), "a", True),
        (Operator.IN, ("a", 2), 2.0, True),
        (Operator.IN, ("a", 2), True, False),
        (Operator.IN, ("a", 2), None, False),
        (Operator.EXISTS, True, 0, True),
        (Operator.EXISTS, True, "", True),
        (Operator.EXISTS, True, None, False),
        (Operator.EXISTS, False, None, True),
        (Operator.EXISTS, False, [], False),
        (Operator.GT, 5, 6, True),
        (Operator.GT, 5, 5, False),
        (Operator.GTE, 5, 5.0, True),
        (Operator.GTE, 5, "6", True),
        (Operator.GTE, 0, True, False),
        (Operator.LT, 5, None, False),
        (Operator.LT, 5, 4, True),
        (Operator.LTE, 5, 5, True),
        (Operator.LTE, "2026-01-31", "2026-01-09", True),
        (Operator.GT, "2026-01-31", 2027, False),
        (Operator.CONTAINS, "vip", "a vip account", True),
        (Operator.CONTAINS, "vip", ["new", "vip"], True),
        (Operator.CONTAINS, "vip", ["a vip account"], False),
        (Operator.CONTAINS, 1, [True], False),
        (Operator.CONTAINS, 1, "1", False),
        (Operator.CONTAINS, "vip", None, False),
        (Operator.STARTS_WITH, "+49", "+49 30", True),
        (Operator.STARTS_WITH, "+49", 49, False),
        (Operator.GTE, 5, 10**400, True),
    ],
)
def test_a_value_is_accepted_or_not(
    operator: Operator, operand: Scalar | tuple[Scalar, ...], value: Any, *, accepted: bool
) -> None:
    test = accepts_values(Predicate(path="p", operator=operator, value=operand))

    assert accepted is test(value)


DAY, INSTANT = "2026-03-02", "2026-03-02T10:30:00+01:00"


@pytest.mark.parametrize(
    ("operator", "operand", "value", "accepted"),
    [
        (Operator.GTE, 5, "120", True),
        (Operator.GTE, 5, "4.9", False),
        (Operator.GTE, 5, "1.2e2", True),
        (Operator.LT, 5, "-1", True),
        (Operator.EQ, 12000, "12000", True),
        (Operator.EQ, 12000, "12000.0", True),
        (Operator.EQ, 2**64, str(2**64), True),
        (Operator.NE, 5, "5", False),
        (Operator.NE, 5, "five", True),
        (Operator.IN, (1, 2), "2", True),
        (Operator.CONTAINS, 5, ["5"], True),
        (Operator.CONTAINS, 5, "15", False),
        (Operator.GTE, 5, " 120", False),
        (Operator.GTE, 5, "120 EUR", False),
        (Operator.GTE, 5, "1,200", False),
        (Operator.GTE, 5, "1.200,00", False),
        (Operator.EQ, 1234, "01234", False),
        (Operator.GTE, 5, "1e999", False),
        (Operator.GTE, 5, "NaN", False),
        (Operator.GTE, 5, "1_000", False),
        (Operator.GTE, 5, "\uff19", False),
        (Operator.GTE, 5, "9" * 400, False),
        (Operator.GTE, 5, "", False),
        (Operator.EQ, True, "true", True),
        (Operator.EQ, True, "TRUE", True),
        (Operator.EQ, True, "false", False),
        (Operator.EQ, False, "False", True),
        (Operator.EQ, True, "yes", False),
        (Operator.EQ, True, "1", False),
        (Operator.NE, True, "true", False),
        (Operator.EQ, "true", True, False),
        (Operator.EQ, "5", 5, False),
        (Operator.GTE, DAY, "1772409600000", True),
        (Operator.GT, DAY, "1772409600000", False),
        (Operator.EQ, DAY, "1772409600000", True),
        (Operator.EQ, DAY, 1772409600000, True),
        (Operator.LT, DAY, "1772409599", True),
        (Operator.LT, DAY, 1772409599999999, True),
        (Operator.LT, DAY, "1772496000000", False),
        (Operator.GT, DAY, "2026-03-02T08:00:00Z", True),
        (Operator.GTE, INSTANT, "1772443800000", True),
        (Operator.GT, INSTANT, 1772443800, False),
        (Operator.EQ, INSTANT, "1772443800", True),
        (Operator.LT, DAY, 2026, False),
        (Operator.LT, DAY, "12345678", True),
        (Operator.GT, "b", "1772409600000", False),
        (Operator.GT, "2026", "1772409600000", False),
    ],
    ids=repr,
)
def test_text_that_is_exactly_what_is_asked_for_counts(
    operator: Operator, operand: Scalar | tuple[Scalar, ...], value: Any, *, accepted: bool
) -> None:
    test = accepts_values(Predicate(path="p", operator=operator, value=operand))

    assert accepted is test(value)


@pytest.mark.parametrize(
    ("operator", "operand"),
    [
        (Operator.EQ, ("a",)),
        (Operator.NE, ("a",)),
        (Operator.IN, "a"),
        (Operator.GT, True),
        (Operator.LTE, None),
        (Operator.GT, (1,)),
        (Operator.CONTAINS, ("a",)),
        (Operator.STARTS_WITH, 1),
    ],
)
def test_an_operand_that_makes_no_sense_is_refused(
    operator: Operator, operand: Scalar | tuple[Scalar, ...]
) -> None:
    with pytest.raises(ValueError, match="cannot take"):
        accepts_values(Predicate(path="p", operator=operator, value=operand))


def test_dots_step_into_objects_and_lead_nowhere_else() -> None:
    test = accepts_properties((Predicate(path="a.b", operator=Operator.EQ, value=1),))
    assert test is not None

    assert test({"a": {"b": 1}})
    assert not test({"a.b": 1})
    assert not test({"a": [1]})
    assert not test({"a": None})
    assert not test({})


def test_every_part_of_where_must_hold() -> None:
    test = accepts_properties(
        (
            Predicate(path="n", operator=Operator.GTE, value=5),
            Predicate(path="plan", operator=Operator.EQ, value="pro"),
        )
    )
    assert test is not None

    assert test({"n": 5, "plan": "pro"})
    assert not test({"n": 5, "plan": "free"})
    assert not test({"plan": "pro"})
