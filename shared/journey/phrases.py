"""Parts of the sentences that say a condition in plain words."""

from datetime import timedelta
from itertools import pairwise

from shared.journey.comparison import Operator, Predicate, Scalar
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


def comparison(predicate: Predicate) -> str:
    """A predicate on one property or trait: "plan is “pro”"."""
    if predicate.operator is Operator.EXISTS:
        return f"{predicate.path} is {'unknown' if predicate.value is False else 'known'}"
    if isinstance(predicate.value, tuple):
        return f"{predicate.path} is one of {', '.join(map(_shown, predicate.value))}"
    return f"{predicate.path} {_COMPARED[predicate.operator]} {_shown(predicate.value)}"


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
            return f"“{value}”"
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)
