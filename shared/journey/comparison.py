"""Predicates: how one value compares with what a map asks for.

A missing property is null. The kind of a comparison is that of its operand: null, boolean, number or
text; integers and floats are one kind. A value of another kind never compares, so `1` is not `true`, but for
text that is exactly what is asked for, since CRMs, forms and files have text alone: `"120"` for a number,
`"true"` for a truth value, and a count since 1970, as text or number, for a date or an instant. A number is
no text: `1` is not `"1"`. `ne` is the exact opposite of `eq`: it holds for a missing value and for one of
another kind. Text orders by code point, which is also right for instants and dates in ISO 8601.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

Scalar = str | int | float | bool | None
Accepts = Callable[[Any], bool]

_NUMBERS = (int, float)


class Operator(StrEnum):
    """How a property or trait is compared."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    EXISTS = "exists"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"


_ORDERS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """One comparison on a property or trait; dots in `path` step into objects."""

    path: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]


def value_at(values: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON value
    """Value that `path` leads to, stepping into objects; None where it leads nowhere."""
    for step in path:
        if not isinstance(values, Mapping):
            return None
        values = values.get(step)
    return values


def accepts_values(predicate: Predicate) -> Accepts:  # noqa: PLR0911 - one return an operator
    """Test of a value against `predicate`. Raises ValueError for an operand it cannot take."""
    operand = predicate.value
    match predicate.operator:
        case Operator.IN:
            tests = [_equals(each) for each in _several(predicate)]
            return lambda value: any(test(value) for test in tests)
        case Operator.EXISTS:
            wanted = operand is not False
            return lambda value: (value is not None) is wanted
        case Operator.EQ:
            return _equals(_single(predicate))
        case Operator.NE:
            equals = _equals(_single(predicate))
            return lambda value: not equals(value)
        case Operator.CONTAINS:
            return _contains(_single(predicate))
        case Operator.STARTS_WITH:
            if not isinstance(operand, str):
                raise _unusable(predicate)
            return lambda value: isinstance(value, str) and value.startswith(operand)
        case _:
            return _ordered(predicate)


def accepts_properties(where: tuple[Predicate, ...]) -> Accepts | None:
    """Test of a touchpoint's properties against all of `where`; None when there is none."""
    if not where:
        return None
    tests = [(tuple(each.path.split(".")), accepts_values(each)) for each in where]
    if len(tests) == 1:
        path, test = tests[0]
        if len(path) == 1:
            name = path[0]
            return lambda properties: test(properties.get(name))
        return lambda properties: test(value_at(properties, path))
    return lambda properties: all(test(value_at(properties, path)) for path, test in tests)


def _equals(expected: Scalar) -> Accepts:
    if expected is None:
        return lambda value: value is None
    if isinstance(expected, bool):
        return lambda value: (
            value is expected or (type(value) is str and truth_in(value) is expected)
        )
    if isinstance(expected, str):
        moment = moment_of(expected)
        if moment is None:
            return lambda value: isinstance(value, str) and value == expected
        read = counted_moment(moment)
        return lambda value: value == expected or read(value) == moment
    return lambda value: (
        value == expected
        if type(value) in _NUMBERS
        else type(value) is str and number_in(value) == expected
    )


def _contains(part: Scalar) -> Accepts:
    equals = _equals(part)

    def contains(value: Any) -> bool:  # noqa: ANN401 - any JSON value
        if isinstance(value, list | tuple):
            return any(equals(each) for each in value)
        return isinstance(value, str) and isinstance(part, str) and part in value

    return contains


def _ordered(predicate: Predicate) -> Accepts:
    operand: Any = predicate.value
    if isinstance(operand, bool) or not isinstance(operand, int | float | str):
        raise _unusable(predicate)
    compare = _ORDERS[predicate.operator]
    if isinstance(operand, str):
        return _ordered_text(operand, compare)

    def in_text(value: Any) -> bool:  # noqa: ANN401 - any JSON value
        number = number_in(value) if type(value) is str else None
        return number is not None and compare(number, operand)

    # The operators stand here in full: a call for each number would cost half as much again.
    match predicate.operator:
        case Operator.GT:
            return lambda value: value > operand if type(value) in _NUMBERS else in_text(value)
        case Operator.GTE:
            return lambda value: value >= operand if type(value) in _NUMBERS else in_text(value)
        case Operator.LT:
            return lambda value: value < operand if type(value) in _NUMBERS else in_text(value)
        case _:
            return lambda value: value <= operand if type(value) in _NUMBERS else in_text(value)


def _ordered_text(operand: str, compare: Callable[[Any, Any], bool]) -> Accepts:
    moment = moment_of(operand)
    if moment is None:
        return lambda value: type(value) is str and compare(value, operand)
    read = counted_moment(moment)

    def accepts(value: Any) -> bool:  # noqa: ANN401 - any JSON value
        at = read(value)
        if at is not None:
            return compare(at, moment)
        return type(value) is str and compare(value, operand)

    return accepts


def _single(predicate: Predicate) -> Scalar:
    if isinstance(predicate.value, tuple):
        raise _unusable(predicate)
    return predicate.value


def _several(predicate: Predicate) -> tuple[Scalar, ...]:
    if not isinstance(predicate.value, tuple):
        raise _unusable(predicate)
    return predicate.value


def _unusable(predicate: Predicate) -> ValueError:
    return ValueError(f"{predicate.path}: {predicate.operator} cannot take {predicate.value!r}")


# -- text that is exactly a number, a truth value or an instant --------------------------------

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
"""As JSON writes it: no blanks, no leading zeros, no separators of thousands."""
_TRUTHS = {"true": True, "false": False}
_LONGEST_TRUTH = 5

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COUNT = re.compile(r"[0-9]{9,17}")
"""Fewer digits may be a date or a year."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1))
"""Upper bound of a count since 1970 and its unit in microseconds: seconds, milliseconds, microseconds."""

Moment = str | datetime
"""A day as year-month-day, or an instant."""


def number_in(text: str) -> int | float | None:
    """The number that the text is; None for any other text."""
    if _NUMBER.fullmatch(text) is None:
        return None
    if text.lstrip("-").isdecimal():
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else None


def truth_in(text: str) -> bool | None:
    """True or False for a text that is one of the words, in any case."""
    return _TRUTHS.get(text.lower()) if len(text) <= _LONGEST_TRUTH else None


def moment_of(operand: str) -> Moment | None:
    """The day or the instant that a map asks for; None for any other text."""
    try:
        if _DAY.fullmatch(operand):
            return date.fromisoformat(operand).isoformat()
        # An instant names its day in full and has its offset.
        if _DAY.match(operand):
            written = datetime.fromisoformat(operand)
            return written if written.tzinfo is not None else None
    except ValueError:
        pass
    return None


def counted_moment(like: Moment) -> Callable[[Any], Any]:
    """Reader of counts since 1970, as number or text, as a day or an instant like `like`; else None."""
    is_day = isinstance(like, str)

    def read(value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if type(value) is str:
            if _COUNT.fullmatch(value) is None:
                return None
            value = int(value)
        elif type(value) not in (int, float) or not 10**8 <= value < 10**17:
            return None
        unit = next((unit for bound, unit in _UNITS if value < bound), 1)
        at = _EPOCH + timedelta(microseconds=round(value * unit))
        return at.date().isoformat() if is_day else at

    return read
