"""Parts of the sentences that say a condition in plain words."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from shared.journey.comparison import (
    Operator,
    Predicate,
    Scalar,
    counted_moment,
    moment_of,
    number_in,
    truth_in,
)
from shared.wording import counted

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_COMPARED = {
    Operator.EQ: "is",
    Operator.NE: "is not",
    Operator.GT: "is above",
    Operator.GTE: "is at least",
    Operator.LT: "is below",
    Operator.LTE: "is at most",
    Operator.CONTAINS: "contains",
    Operator.STARTS_WITH: "starts with",
}

_MOST_SHOWN = 100
"""Characters of a text that a sentence repeats."""
_OF_ANY_KIND = frozenset({Operator.EXISTS, Operator.NE, Operator.CONTAINS})


def comparison(predicate: Predicate) -> str:
    """A predicate on one property or trait: "plan is “pro”"."""
    if predicate.operator is Operator.EXISTS:
        return f"{predicate.path} is {'unknown' if predicate.value is False else 'known'}"
    if isinstance(predicate.value, tuple):
        return f"{predicate.path} is one of {', '.join(map(_shown, predicate.value))}"
    return f"{predicate.path} {_COMPARED[predicate.operator]} {_shown(predicate.value)}"


def obstacle(predicate: Predicate, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """Why a value does not compare for its kind alone: "seats is “12 seats”, which is no number".

    None where the kind does not stand in the way.
    """
    operand = predicate.value
    if predicate.operator in _OF_ANY_KIND or value is None or isinstance(operand, tuple):
        return None
    wanted, given = _kind(operand), _kind(value)
    if wanted == given:
        return None
    if wanted == "number" and given == "text" and number_in(value) is not None:
        return None
    if wanted == "text" and (day := moment_of(str(operand))) and counted_moment(day)(value):
        return None
    if wanted == "truth value" and given == "text" and truth_in(value) is not None:
        return None
    shown = f"a {given}" if given in {"list", "object"} else _shown(value)
    return f"{predicate.path} is {shown}, which is no {wanted}"


def with_obstacle(text: str, obstacles: Iterable[str | None]) -> str:
    """What would satisfy a condition, and the first obstacle."""
    first = next((each for each in obstacles if each is not None), None)
    return text if first is None else f"{text} ({first})"


def _kind(value: Any) -> str:  # noqa: ANN401 - any JSON value
    match value:
        case bool():
            return "truth value"
        case int() | float():
            return "number"
        case str():
            return "text"
        case _:
            return "list" if isinstance(value, list | tuple) else "object"


def duration_text(duration: timedelta) -> str:
    """A duration in its largest whole unit, exactly: "14 days", "36 hours", "0.5 seconds"."""
    for name, size in _UNITS:
        number, over = divmod(duration, timedelta(seconds=size))
        if number and not over:
            return counted(number, name)
    return f"{duration.total_seconds():.6f}".rstrip("0").rstrip(".") + " seconds"


def remaining_text(duration: timedelta) -> str:
    """How long is left, in at most two units and rounded up: "365 days", "2 days 4 hours"."""
    seconds = -(-duration // timedelta(seconds=1))
    for (name, size), (lesser, part) in pairwise(_UNITS):
        if seconds >= size:
            number, parts = divmod(-(-seconds // part), size // part)
            words = [counted(number, name)] + ([counted(parts, lesser)] if parts else [])
            return " ".join(words)
    return counted(seconds, "second")


def alternatives(events: tuple[str, ...]) -> str:
    """Event names as alternatives: "Demo Requested or Pricing Viewed"."""
    return " or ".join(events)


def _shown(value: Scalar) -> str:
    match value:
        case None:
            return "unknown"
        case bool():
            return "true" if value else "false"
        case str():
            return f"“{value}”" if len(value) <= _MOST_SHOWN else f"“{value[:_MOST_SHOWN]}...”"
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)
