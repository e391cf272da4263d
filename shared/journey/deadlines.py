"""When time alone changes a state.

Without touchpoints, the truth of a rule can change only at a few instants: a touchpoint leaves a
window, the subject has been idle or in its stage long enough, the visit becomes a stall. Those instants
are candidates; the first at which a rule would act is the deadline. It is a function of the
state alone: sweeps at different times give the same deadline.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from shared.journey.compile import CompiledJourney
from shared.journey.condition import Needs
from shared.journey.model import Status
from shared.journey.plan import PositionPlan
from shared.journey.state import State

_ACTIVE = Status.ACTIVE


def next_deadline(compiled: CompiledJourney, state: State) -> datetime | None:
    """First instant at which time alone changes `state`, without further touchpoints; None: never.

    Exact: later than `state.advanced_to`, never after the change, and `advance` to it does
    something. It is never before the last touchpoint, and equals it only for a stall due then.
    Cost: the timed rules of the position, once for every candidate instant.
    """
    last = state.last
    if last is None:
        return None
    plan = compiled.plan(state)
    stalls_at = stall_due(plan, state)
    since = state.advanced_to
    if since is None or since < last.occurred_at:
        since = last.occurred_at
    for instant in sorted(candidates(plan, state)):
        if stalls_at is not None and instant >= stalls_at:
            break
        if instant > since and _acts(plan, state, instant):
            return instant
    return stalls_at


def stall_due(plan: PositionPlan, state: State) -> datetime | None:
    """Instant at which the present visit becomes a stall; None if it is one or never will be."""
    if plan.stall_after is None or state.status is not _ACTIVE or state.entered_at is None:
        return None
    return state.entered_at + plan.stall_after


def is_time_due(plan: PositionPlan, state: State, at: datetime) -> bool:
    """Whether time may have changed something by `at`: a cheap test before each touchpoint.

    False only if no candidate lies after the last settled instant and up to `at`, and no stall
    before it. `state` must have a last touchpoint.
    """
    last = state.last
    if last is None:
        return False
    if plan.idles and at - last.occurred_at >= plan.idles[0]:
        return True
    entered_at = state.entered_at
    if entered_at is not None:
        visit = at - entered_at
        if plan.stall_after is not None and visit > plan.stall_after and state.stall is None:
            return True
        for duration in plan.visits:
            if visit >= duration and entered_at + duration > last.occurred_at:
                return True
    return bool(state.times) and _is_window_due(plan, state.times, last.occurred_at, at)


def _is_window_due(
    plan: PositionPlan, times: Mapping[int, list[datetime]], since: datetime, at: datetime
) -> bool:
    for number, within in plan.windows:
        if number in times:
            for instant in times[number]:
                if at - instant >= within and since - instant < within:
                    return True
    return False


def timer_of(needs: Needs, state: State, at: datetime) -> str:
    """The timer that ended at `at` for a rule with `needs`: `idle`, `in_stage` or `window`."""
    last, entered_at = state.last, state.entered_at
    if last is not None and at - last.occurred_at in needs.idles:
        return "idle"
    if entered_at is not None and at - entered_at in needs.visits:
        return "in_stage"
    return "window"


def candidates(plan: PositionPlan, state: State) -> Iterator[datetime]:
    """Instants at which time may change the truth of a rule; unordered, past ones and duplicates too."""
    last, entered_at, times = state.last, state.entered_at, state.times
    if last is not None:
        for duration in plan.idles:
            yield last.occurred_at + duration
    if entered_at is not None:
        for duration in plan.visits:
            yield entered_at + duration
    if times:
        for number, within in plan.windows:
            for instant in times.get(number, ()):
                yield instant + within


def _acts(plan: PositionPlan, state: State, at: datetime) -> bool:
    for rule in plan.timed.milestones:
        if rule.key not in state.milestones and rule.check(state, at):
            return True
    return any(move.check(state, at) and move.to not in state.entered for move in plan.timed.moves)
