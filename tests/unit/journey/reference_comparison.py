"""Comparison of values, written to be obvious; shares no line with `shared.journey.comparison`."""

import json
from typing import Any

from shared.journey.comparison import Operator, Predicate

NUMBERS = {"int", "float"}


def equal(wanted: Any) -> Predicate:
    return Predicate(path="p", operator=Operator.EQ, value=wanted)


def dig(values: Any, path: str) -> Any:
    for step in path.split("."):
        values = values.get(step) if isinstance(values, dict) else None
    return values


def kind_of(value: Any) -> str:
    name = type(value).__name__
    return "number" if name in NUMBERS else name


def as_asked(wanted: Any, value: Any) -> Any:
    """The value as a number or a truth value, where that is asked for and the text is exactly one."""
    if isinstance(value, str) and kind_of(wanted) in {"number", "bool"}:
        try:
            read = json.loads(value.lower() if isinstance(wanted, bool) else value)
        except ValueError:
            return value
        return read if kind_of(read) == kind_of(wanted) and value.strip() == value else value
    return value


def compares(predicate: Predicate, value: Any) -> bool:  # noqa: C901, PLR0911 - one case an operator
    wanted: Any = predicate.value
    if predicate.operator not in {Operator.CONTAINS, Operator.IN}:
        value = as_asked(wanted, value)
    is_like = kind_of(value) == kind_of(wanted)
    match predicate.operator:
        case Operator.EQ:
            return is_like and bool(value == wanted)
        case Operator.NE:
            return not (is_like and value == wanted)
        case Operator.IN:
            return any(compares(equal(each), value) for each in wanted)
        case Operator.EXISTS:
            return bool((value is not None) == wanted)
        case Operator.GT:
            return is_like and bool(value > wanted)
        case Operator.GTE:
            return is_like and bool(value >= wanted)
        case Operator.LT:
            return is_like and bool(value < wanted)
        case Operator.LTE:
            return is_like and bool(value <= wanted)
        case Operator.CONTAINS:
            if isinstance(value, list):
                return any(compares(equal(wanted), each) for each in value)
            return is_like and isinstance(value, str) and wanted in value
        case Operator.STARTS_WITH:
            return isinstance(value, str) and value.startswith(wanted)
