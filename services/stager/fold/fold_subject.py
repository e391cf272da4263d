"""A subject and its events -> the subject afterwards and the rows to write. Pure.

`fold_newer` adds events that are newer than the subject's, `fold_history` replaces everything by the fold
of a whole history, `fold_time` applies deadlines, `leave_journey` removes a retired journey.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from services.stager.fold import output_rows as rows
from services.stager.fold.output_rows import AlertResolution, RefoldReason
from services.stager.identity.names import Key, Order
from services.stager.records.records import Tally
from services.stager.store.rows import CurrentTransition, JourneyKey, StoredAlert, Writes
from services.stager.subjects.subject import StoredState, Subject, encode_json, encode_states
from shared.journey.compile import CompiledJourney
from shared.journey.deadlines import next_deadline
from shared.journey.fold import advance, fold, refold
from shared.journey.model import Effect, Status, Touchpoint, Transition
from shared.journey.state import FORMAT, State


@dataclass(slots=True)
class StoredRows:
    """Current rows of the subjects that are re-folded."""

    transitions: Mapping[JourneyKey, Sequence[CurrentTransition]]
    alerts: Mapping[JourneyKey, Sequence[StoredAlert]]


@dataclass(slots=True)
class FoldOutput:
    """What the folds of one transaction add up to."""

    now: datetime
    writes: Writes = field(default_factory=Writes)
    tally: Tally = field(default_factory=Tally)
    subjects: dict[Key, Subject] = field(default_factory=dict)
    """Subjects as they are after the commit."""


def is_current(subject: Subject, journeys: Iterable[CompiledJourney], *, has_history: bool) -> bool:
    """Whether every journey's state was folded by the version in force and by this engine.

    `has_history`: there are events that a journey without a state has not folded yet.
    """
    states = subject.states
    for compiled in journeys:
        stored_state = states.get(compiled.journey.key)
        if stored_state is None:
            if has_history:
                return False
        elif stored_state.v != compiled.journey.version or stored_state.f != FORMAT:
            return False
    return True


def is_late(subject: Subject, first: Touchpoint) -> bool:
    """Whether an event belongs before another event, or a deadline, that the subject has folded."""
    if subject.last is not None and first.order <= subject.last:
        return True
    at = first.occurred_at
    for stored_state in subject.states.values():
        advanced_to = stored_state.s.advanced_to
        if advanced_to is not None and at <= advanced_to:
            return True
    return False


def fold_newer(
    key: Key,
    subject: Subject,
    journeys: Sequence[CompiledJourney],
    events: Sequence[Touchpoint],
    *,
    merged_into: str | None,
    output: FoldOutput,
) -> None:
    """Add `events`, which are in order and not late, to a subject whose states are current."""
    version = subject.version + 1
    states = dict(subject.states)
    for compiled in journeys:
        name = compiled.journey.key
        stored_state = states.get(name)
        before = stored_state.s if stored_state is not None else State.initial()
        state = before
        effects: list[Effect] = []
        for event in events:
            state, since = fold(compiled, state, event)
            effects += since
        journey_key = (*key, name)
        if effects:
            # Without an effect the placement stays.
            _emit(journey_key, compiled, effects, output)
            if rows.placement_differs(before, state):
                row = rows.placement_row(journey_key, compiled, state, version)
                if row is not None:
                    output.writes.placements.append(row)
        due = _arm(journey_key, compiled, state, stored_state.d if stored_state else None, output)
        states[name] = StoredState(compiled.journey.version, state, FORMAT, due)
    account_traits, value = subject.account_traits, subject.value
    for event in events:
        if event.account_traits:
            account_traits = {**account_traits, **event.account_traits}
        if event.value is not None:
            value = event.value
    _put_subject(
        key,
        Subject(
            version=version,
            touchpoints=subject.touchpoints + len(events),
            last=events[-1].order,
            states=states,
            account_traits=account_traits,
            value=value,
            merged_into=merged_into,
        ),
        output,
    )


def fold_history(
    key: Key,
    subject: Subject,
    journeys: Sequence[CompiledJourney],
    history: Sequence[Touchpoint],
    *,
    merged_into: str | None,
    stored: StoredRows,
    reason: RefoldReason,
    output: FoldOutput,
) -> None:
    """Replace everything by the fold of `history`, which is in order; write only what differs."""
    version = subject.version + 1
    states: dict[str, StoredState] = {}
    for compiled in journeys:
        name = compiled.journey.key
        journey_key = (*key, name)
        state, effects = refold(compiled, history, output.now)
        _reconcile(
            journey_key, compiled, state, effects, stored=stored, reason=reason, output=output
        )
        old = subject.states.get(name)
        row = rows.placement_row(journey_key, compiled, state, version)
        if row is None:
            if old is not None and old.s.status is not Status.NOT_STARTED:
                output.writes.placements_removed.append(journey_key)
        elif (
            old is None or old.v != compiled.journey.version or rows.placement_differs(old.s, state)
        ):
            output.writes.placements.append(row)
        due = next_deadline(compiled, state)
        if due is not None:
            output.writes.deadlines.append((*journey_key, due))
        elif old is not None and old.d is not None:
            output.writes.deadlines_removed.append(journey_key)
        states[name] = StoredState(compiled.journey.version, state, FORMAT, due)
    for name in subject.states.keys() - states.keys():
        _leave((*key, name), stored, AlertResolution.MERGED, output)
    traits, value = _newest(history)
    output.tally.refold(reason)
    last: Order | None = history[-1].order if history else None
    _put_subject(
        key,
        Subject(
            version=version,
            touchpoints=len(history),
            last=last,
            states=states,
            account_traits=traits,
            value=value,
            merged_into=merged_into,
        ),
        output,
    )


def fold_time(
    key: Key,
    subject: Subject,
    due: Sequence[CompiledJourney],
    output: FoldOutput,
) -> None:
    """Apply the deadlines up to `output.now` of the journeys in `due`."""
    version = subject.version + 1
    states = dict(subject.states)
    for compiled in due:
        name = compiled.journey.key
        journey_key = (*key, name)
        before = states[name].s
        state, effects = advance(compiled, before, output.now)
        if effects:
            _emit(journey_key, compiled, effects, output)
        if rows.placement_differs(before, state):
            row = rows.placement_row(journey_key, compiled, state, version)
            if row is not None:
                output.writes.placements.append(row)
        armed = next_deadline(compiled, state)
        if armed is None:
            output.writes.deadlines_removed.append(journey_key)
        else:
            output.writes.deadlines.append((*journey_key, armed))
        states[name] = StoredState(compiled.journey.version, state, FORMAT, armed)
    _put_subject(key, replace(subject, version=version, states=states), output)


def touch(key: Key, subject: Subject, output: FoldOutput) -> None:
    """Write a subject as it is, with the next version."""
    _put_subject(key, replace(subject, version=subject.version + 1), output)


def leave_journey(
    key: Key, subject: Subject, name: str, stored: StoredRows, output: FoldOutput
) -> None:
    """Remove the state and the rows of the journey `name`, which was retired; its history is superseded."""
    _leave((*key, name), stored, AlertResolution.RETIRED, output)
    states = {other: state for other, state in subject.states.items() if other != name}
    _put_subject(key, replace(subject, version=subject.version + 1, states=states), output)


def _put_subject(key: Key, subject: Subject, output: FoldOutput) -> None:
    at, tie, message_id = subject.last if subject.last is not None else (None, 0, None)
    output.subjects[key] = subject
    output.writes.subjects.append(
        (
            *key,
            subject.version,
            subject.touchpoints,
            at,
            tie,
            message_id,
            encode_states(subject.states),
            encode_json(subject.account_traits) if subject.account_traits else "{}",
            subject.value,
            subject.merged_into,
        )
    )


def _emit(
    key: JourneyKey, compiled: CompiledJourney, effects: Sequence[Effect], output: FoldOutput
) -> None:
    for effect in effects:
        if isinstance(effect, Transition):
            output.writes.transitions.append(rows.transition_row(key, effect))
            output.writes.outbox += rows.notices(key, effect, output.now)
            output.tally.transition(effect)
    for stall in rows.visits_stalled(effects).values():
        output.writes.alerts.append(rows.alert_row(key, stall, compiled))
        if stall.cleared_at is None:
            output.writes.outbox.append(rows.stalled_notice(key, stall, compiled))
            output.tally.alerts_opened += 1
        else:
            output.tally.alerts_resolved += 1


def _reconcile(
    key: JourneyKey,
    compiled: CompiledJourney,
    state: State,
    effects: Sequence[Effect],
    *,
    stored: StoredRows,
    reason: RefoldReason,
    output: FoldOutput,
) -> None:
    transitions = [effect for effect in effects if isinstance(effect, Transition)]
    change = rows.difference(stored.transitions.get(key, ()), transitions, key)
    output.writes.superseded += [(key[0], each) for each in change.superseded]
    for transition in change.added:
        output.writes.transitions.append(rows.transition_row(key, transition))
        output.tally.transition(transition)
    if change.superseded or (change.added and reason is RefoldReason.MAP):
        output.writes.outbox.append(rows.corrected_notice(key, compiled, state, change, reason))
    else:
        for transition in change.added:
            output.writes.outbox += rows.notices(key, transition, output.now)
    alerts = stored.alerts.get(key, ())
    stalls = rows.visits_stalled(effects)
    ended = rows.alerts_to_end(alerts, stalls, AlertResolution.CORRECTED)
    output.writes.alerts_resolved += [(key[0], *each) for each in ended]
    write, new = rows.alerts_to_write(alerts, stalls)
    output.writes.alerts += [rows.alert_row(key, stall, compiled) for stall in write]
    output.writes.outbox += [rows.stalled_notice(key, stall, compiled) for stall in new]
    output.tally.alerts_opened += len(new)
    output.tally.alerts_resolved += len(ended) + len(write) - len(new)


def _leave(
    key: JourneyKey, stored: StoredRows, resolution: AlertResolution, output: FoldOutput
) -> None:
    """Supersede and remove the rows of a journey that no longer applies to the subject."""
    current = stored.transitions.get(key, ())
    output.writes.superseded += [(key[0], each.transition_id) for each in current]
    ended = rows.alerts_to_end(stored.alerts.get(key, ()), {}, resolution)
    output.writes.alerts_resolved += [(key[0], *each) for each in ended]
    output.tally.alerts_resolved += len(ended)
    output.writes.placements_removed.append(key)
    output.writes.deadlines_removed.append(key)


def _arm(
    key: JourneyKey,
    compiled: CompiledJourney,
    state: State,
    armed: datetime | None,
    output: FoldOutput,
) -> datetime | None:
    """Write a deadline only if it is earlier than the armed one, or none is armed.

    A deadline that is armed too early costs one sweep when it is due; writing each later one would cost
    a row for every touchpoint.
    """
    due = next_deadline(compiled, state)
    if due is None or (armed is not None and armed <= due):
        return armed
    output.writes.deadlines.append((*key, due))
    return due


def _newest(history: Sequence[Touchpoint]) -> tuple[dict[str, Any], float | None]:
    traits: dict[str, Any] = {}
    value: float | None = None
    for event in history:
        if event.account_traits:
            traits.update(event.account_traits)
        if event.value is not None:
            value = event.value
    return traits, value
