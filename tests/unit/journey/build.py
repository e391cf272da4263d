"""Short builders of maps and histories: a day is a number, an event is a name."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.journey.comparison import Predicate
from shared.journey.compile import CompiledJourney, compile_journey
from shared.journey.condition import Condition
from shared.journey.fold import refold
from shared.journey.kinds import Performed
from shared.journey.map import Journey, Loop, Milestone, Outcome, Stage
from shared.journey.model import Effect, Reached, Stall, SubjectKind, Touchpoint, Transition
from shared.journey.state import State
from shared.journey.trackers import Since
from tests.support.touchpoints import touchpoint

START = datetime(2026, 1, 1, tzinfo=UTC)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def day(number: float) -> datetime:
    return START + days(number)


def done(
    *events: str,
    count: int = 1,
    within: float | None = None,
    where: Sequence[Predicate] = (),
    since: Since | None = None,
) -> Performed:
    return Performed(
        events=events,
        count=count,
        within=None if within is None else days(within),
        where=tuple(where),
        since=since,
    )


def stage(key: str, enter: Condition | None = None, **more: Any) -> Stage:
    return Stage(key=key, title=key.title(), enter=enter, **more)


def journey(
    *stages: Stage,
    applies_to: Condition | None = None,
    outcomes: Sequence[Outcome] = (),
    milestones: Sequence[Milestone] = (),
    loops: Sequence[Loop] = (),
    may_skip: bool = True,
) -> CompiledJourney:
    return compile_journey(
        Journey(
            key="test",
            version=7,
            title="Test",
            subject=SubjectKind.ACCOUNT,
            stages=stages,
            applies_to=applies_to,
            outcomes=tuple(outcomes),
            milestones=tuple(milestones),
            loops=tuple(loops),
            may_skip=may_skip,
        )
    )


def outcome(key: str, when: Condition, **more: Any) -> Outcome:
    return Outcome(key=key, title=key.title(), kind="lost", when=when, **more)


def milestone(key: str, when: Condition) -> Milestone:
    return Milestone(key=key, title=key.title(), when=when)


def at(number: float, event: str, message_id: str = "", **more: Any) -> Touchpoint:
    """A touchpoint on day `number`; its id sorts by instant unless one is given."""
    return touchpoint(
        event, day(number), message_id=message_id or f"{number:09.3f}-{event}", **more
    )


def play(
    compiled: CompiledJourney, *touchpoints: Touchpoint, now: float | None = None
) -> tuple[State, list[Effect]]:
    """State and effects when the clock reads day `now`, by default the last touchpoint's."""
    newest = max((each.occurred_at for each in touchpoints), default=START)
    return refold(compiled, touchpoints, newest if now is None else day(now))


def story(effects: Sequence[Effect]) -> list[str]:
    """Effects in one line each: `day kind from>to`, `day stalls stage`, `day reaches milestone`."""
    return [_line(effect) for effect in effects]


def _line(effect: Effect) -> str:
    match effect:
        case Transition():
            goal = effect.to_stage or effect.outcome
            return f"{_day(effect.occurred_at)} {effect.kind} {effect.from_stage or ''}>{goal}"
        case Stall(cleared_at=None):
            return f"{_day(effect.stalled_at)} stalls {effect.stage}"
        case Stall():
            return f"{_day(effect.cleared_at or START)} clears {effect.stage}"
        case Reached():
            return f"{_day(effect.occurred_at)} reaches {effect.milestone}"


def _day(instant: datetime) -> str:
    return f"{(instant - START) / timedelta(days=1):g}"
