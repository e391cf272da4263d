"""The fold: touchpoints in their order give a state and its effects.

State and effects are a function of the set of touchpoints, the map and the time passed in. Deadlines
strictly before a touchpoint are applied first, at their own instants; a deadline at the instant of the
touchpoint is applied after it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from shared.journey.compile import CompiledJourney
from shared.journey.deadlines import is_time_due, next_deadline
from shared.journey.model import Effect, LastTouchpoint, Touchpoint, event_order
from shared.journey.moves import elapse, settle
from shared.journey.state import State


class OutOfOrder(ValueError):
    """The touchpoint belongs before something that the state already includes: re-fold instead."""


def is_late(state: State, touchpoint: Touchpoint) -> bool:
    """Whether `touchpoint` belongs before something that `state` already includes.

    Also true for the newest touchpoint itself, and for one at or before an instant at which time alone
    has changed something.
    """
    at, last = touchpoint.occurred_at, state.last
    if state.advanced_to is not None and at <= state.advanced_to:
        return True
    return last is not None and (
        at < last.occurred_at or (at == last.occurred_at and touchpoint.order <= event_order(last))
    )


def fold(
    compiled: CompiledJourney, state: State, touchpoint: Touchpoint
) -> tuple[State, list[Effect]]:
    """State after `touchpoint`, and the effects since `state`, which is not changed.

    Effects are in the order of their instants. Raises OutOfOrder for a late touchpoint.
    """
    if is_late(state, touchpoint):
        raise OutOfOrder(touchpoint.message_id)
    work = state.copy()
    effects: list[Effect] = []
    _apply(compiled, work, touchpoint, effects)
    return work, effects


def fold_all(
    compiled: CompiledJourney, state: State, touchpoints: Sequence[Touchpoint]
) -> tuple[State, list[Effect]]:
    """State after `touchpoints`, each once and in order, and the effects since `state`, which is not changed.

    The same as `fold` for one after the other, without a copy of the state for each. Raises OutOfOrder.
    """
    if not touchpoints:
        return state, []
    orders = [event_order(touchpoint) for touchpoint in touchpoints]
    if is_late(state, touchpoints[0]) or orders != sorted(orders):
        raise OutOfOrder(touchpoints[0].message_id)
    work = state.copy()
    effects: list[Effect] = []
    for touchpoint in touchpoints:
        _apply(compiled, work, touchpoint, effects)
    return work, effects


def advance(compiled: CompiledJourney, state: State, now: datetime) -> tuple[State, list[Effect]]:
    """State at `now` without a further touchpoint, and the effects since `state`.

    `state` is not changed, and is returned itself if time changed nothing.
    """
    work, effects = state, list[Effect]()
    while (due := next_deadline(compiled, work)) is not None and due <= now:
        if work is state:
            work = state.copy()
        elapse(compiled, work, due, effects)
    return work, effects


def refold(
    compiled: CompiledJourney, touchpoints: Iterable[Touchpoint], now: datetime
) -> tuple[State, list[Effect]]:
    """State and all effects of a whole history, in any order.

    Of touchpoints with one `message_id` the earliest counts. Touchpoints after `now` count as well: the
    clock of their sender is ahead.
    """
    work = State.initial()
    effects: list[Effect] = []
    seen = set[str]()
    for touchpoint in sorted(touchpoints, key=event_order):
        if touchpoint.message_id not in seen:
            seen.add(touchpoint.message_id)
            _apply(compiled, work, touchpoint, effects)
    work, since = advance(compiled, work, now)
    return work, effects + since


def _apply(
    compiled: CompiledJourney, work: State, touchpoint: Touchpoint, effects: list[Effect]
) -> None:
    """Fold `touchpoint`, which is not late, into `work`.

    Rules that the touchpoint cannot have made true are not evaluated: a rule that was false before and
    reads neither the event, nor a changed trait, nor time, is still false. A touchpoint that ends an idle
    time of a rule counts as one at which time is due.
    """
    at = touchpoint.occurred_at
    plan = compiled.plan(work)
    must_check_all = work.last is None
    if plan.is_timed and is_time_due(plan, work, at):
        while (due := next_deadline(compiled, work)) is not None and due < at:
            elapse(compiled, work, due, effects)
        plan = compiled.plan(work)
        must_check_all = True
    if work.entered:
        # A move that had to wait because its stage was entered already may be made now.
        del work.entered
        must_check_all = True
    work.last = LastTouchpoint(
        message_id=touchpoint.message_id,
        event=touchpoint.event,
        occurred_at=at,
        channel=touchpoint.channel,
        tie=touchpoint.tie,
    )
    if touchpoint.value is not None:
        work.value = touchpoint.value
    rules = plan.rules if must_check_all else None
    reaction = plan.reactions.get(touchpoint.event)
    if reaction is not None:
        for record in reaction.records:
            if record(work, touchpoint) and rules is None:
                rules = reaction.rules
    if (touchpoint.account_traits or touchpoint.traits) and _record_traits(
        compiled, work, touchpoint
    ):
        rules = plan.rules
    if rules is not None:
        settle(compiled, work, at, effects, rules=rules, touchpoint=touchpoint)


def _record_traits(compiled: CompiledJourney, work: State, touchpoint: Touchpoint) -> bool:
    has_changed = False
    if touchpoint.account_traits:
        for trait in compiled.account_traits:
            has_changed |= trait.record(work, touchpoint)
    if touchpoint.traits:
        for trait in compiled.person_traits:
            has_changed |= trait.record(work, touchpoint)
    return has_changed
