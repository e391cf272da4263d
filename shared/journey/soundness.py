"""Whether a journey can be folded at all: names that exist, durations that make sense.

`shared.maps` reports the same mistakes with their line; this catches a map from another source.
"""

from collections.abc import Iterator

from shared.journey.condition import Condition, is_duration, walk
from shared.journey.map import Journey

FEWEST_STAGES = 2


def contradiction(journey: Journey) -> str | None:
    """The first contradiction in `journey`, in words; None if it is sound."""
    return next(_contradictions(journey), None)


def _contradictions(journey: Journey) -> Iterator[str]:
    keys = [stage.key for stage in journey.stages]
    if len(keys) < FEWEST_STAGES:
        yield "a journey has at least two stages"
    yield from _doubles("stage", keys)
    yield from _doubles("milestone", [each.key for each in journey.milestones])
    yield from _doubles("outcome", [each.key for each in journey.outcomes])
    for rule, stage in _stages_named(journey):
        if stage not in keys:
            yield f"{rule} names the stage {stage!r}, which the journey does not have"
    for at, each in enumerate(journey.stages):
        if each.stall_after is not None and not is_duration(each.stall_after):
            yield f"stages.{each.key}.stall_after is not a span between an instant and a century"
        for back in each.back:
            if back.to not in keys[:at]:
                yield f"stages.{each.key}.back.{back.to} does not lead to an earlier stage"
    yield from _unknown_milestones(journey)


def _unknown_milestones(journey: Journey) -> Iterator[str]:
    milestones = {each.key for each in journey.milestones}
    for rule, condition in _conditions(journey):
        for part in walk(condition):
            for milestone in part.named_milestones():
                if milestone not in milestones:
                    yield f"{rule} names the milestone {milestone!r}, which is not there"


def _doubles(kind: str, keys: list[str]) -> Iterator[str]:
    for key in keys:
        if keys.count(key) > 1:
            yield f"the {kind} {key!r} is there twice"


def _stages_named(journey: Journey) -> Iterator[tuple[str, str]]:
    for outcome in journey.outcomes:
        for stage in outcome.stages:
            yield f"outcomes.{outcome.key}.from", stage
        if outcome.win_back is not None:
            yield f"outcomes.{outcome.key}.win_back", outcome.win_back.to
    for at, loop in enumerate(journey.loops):
        yield f"loops.{at}", loop.to
        for stage in loop.stages:
            yield f"loops.{at}.from", stage
    for rule, condition in _conditions(journey):
        for part in walk(condition):
            for stage in part.named_stages():
                yield rule, stage


def _conditions(journey: Journey) -> Iterator[tuple[str, Condition]]:
    if journey.applies_to is not None:
        yield "applies_to", journey.applies_to
    for milestone in journey.milestones:
        yield f"milestones.{milestone.key}.when", milestone.when
    for stage in journey.stages:
        if stage.enter is not None:
            yield f"stages.{stage.key}.enter", stage.enter
        for back in stage.back:
            yield f"stages.{stage.key}.back.{back.to}", back.when
    for outcome in journey.outcomes:
        yield f"outcomes.{outcome.key}.when", outcome.when
        if outcome.win_back is not None:
            yield f"outcomes.{outcome.key}.win_back", outcome.win_back.when
    for at, loop in enumerate(journey.loops):
        yield f"loops.{at}", loop.when
