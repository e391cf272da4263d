"""Conditions in plain words, for people who ask why an account is where it is."""

from datetime import timedelta
from itertools import pairwise

from shared.journey.conditions import (
    All,
    AnyOf,
    Condition,
    IdleFor,
    InStageFor,
    MilestoneReached,
    Never,
    Not,
    Operator,
    Performed,
    Predicate,
    Scalar,
    Scope,
    Trait,
    TraitOwner,
)
from shared.journey.facts import is_nobody

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_SINCE = {
    Scope.VISIT: "since the last move",
    Scope.CYCLE: "in this cycle",
    Scope.EVER: "ever",
}
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


def sentence(  # noqa: C901, PLR0911 - one case a kind of condition
    condition: Condition, scope: Scope
) -> str:
    """What `condition` asks; `scope` is what it falls back to."""
    match condition:
        case All():
            return "all of these hold"
        case AnyOf():
            return "at least one of these holds"
        case Not():
            return "this does not hold"
        case Performed(count=count):
            times = "" if count == 1 else f" at least {count} times"
            return _happened(condition, scope, times)
        case Never():
            return f"no {_happened(condition, scope, '')}"
        case Trait(owner=TraitOwner.ACCOUNT, predicate=predicate):
            return f"the account's {comparison(predicate)}"
        case Trait(predicate=predicate) if is_nobody(condition):
            return f"nobody's {predicate.path} is known"
        case Trait(predicate=predicate):
            return f"somebody's {comparison(predicate)}"
        case IdleFor(duration=duration):
            return f"no touchpoint for {span(duration)}"
        case InStageFor(duration=duration, stage=stage):
            where = "in this stage" if stage is None else f"in the stage {stage}"
            return f"{where} for {span(duration)}"
        case MilestoneReached(milestone=milestone):
            return f"the milestone {milestone} is reached in this cycle"


def comparison(predicate: Predicate) -> str:
    """What is asked of one property or trait."""
    if predicate.operator is Operator.EXISTS:
        return f"{predicate.path} is {'unknown' if predicate.value is False else 'known'}"
    if isinstance(predicate.value, tuple):
        return f"{predicate.path} is one of {', '.join(map(_shown, predicate.value))}"
    return f"{predicate.path} {_COMPARED[predicate.operator]} {_shown(predicate.value)}"


def span(duration: timedelta) -> str:
    """A duration in its largest whole unit, exactly: "14 days", "36 hours", "0.5 seconds"."""
    for name, size in _UNITS:
        number, over = divmod(duration, timedelta(seconds=size))
        if number and not over:
            return _counted(number, name)
    return f"{duration.total_seconds():.6f}".rstrip("0").rstrip(".") + " seconds"


def rest(duration: timedelta) -> str:
    """How long is left, in at most two units and rounded up: "365 days", "2 days 4 hours"."""
    seconds = -(-duration // timedelta(seconds=1))
    for (name, size), (lesser, part) in pairwise(_UNITS):
        if seconds >= size:
            number, parts = divmod(-(-seconds // part), size // part)
            words = [_counted(number, name)] + ([_counted(parts, lesser)] if parts else [])
            return " ".join(words)
    return _counted(seconds, "second")


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def named(events: tuple[str, ...]) -> str:
    """Event names as alternatives: "Demo Requested or Pricing Viewed"."""
    return " or ".join(events)


def _happened(condition: Performed | Never, scope: Scope, times: str) -> str:
    words = f"{named(condition.events)}{times}"
    if condition.where:
        words += f" where {' and '.join(map(comparison, condition.where))}"
    if condition.within is not None:
        words += f" within {span(condition.within)}"
    return f"{words} {_SINCE[condition.scope or scope]}"


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
