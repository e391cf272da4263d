"""A subject and its events -> the subject afterwards and the rows to write. Pure.

`fold_newer` adds events that are newer than the subject's, `fold_time` applies deadlines. Histories that are
folded again are the matter of `replace_history`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from services.stager.fold import output_rows as rows
from services.stager.fold.snapshots import SNAPSHOT_EVERY, are_kept, snapshot_before, snapshot_row
from services.stager.identity.names import Key
from services.stager.records.records import Tally
from services.stager.store.rows import JourneyKey, Writes
from services.stager.subjects.subject import StoredState, Subject, encode_json, encode_states
from shared.journey.compile import CompiledJourney
from shared.journey.deadlines import next_deadline
from shared.journey.fold import advance, fold
from shared.journey.model import Effect, Touchpoint, Transition
from shared.journey.state import FORMAT, State


@dataclass(slots=True)
class FoldOutput:
    """What the folds of one transaction add up to."""

    now: datetime
    snapshot_every: int = SNAPSHOT_EVERY
    """Touchpoints of a subject between two snapshots."""
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
        keeps = not subject.version if stored_state is None else stored_state.k
        states[name] = StoredState(compiled.journey.version, state, FORMAT, due, keeps)
    account_traits, value = subject.account_traits, subject.value
    for event in events:
        if event.account_traits:
            account_traits = {**account_traits, **event.account_traits}
        if event.value is not None:
            value = event.value
    touchpoints, every = subject.touchpoints + len(events), output.snapshot_every
    if touchpoints // every != subject.touchpoints // every:
        _keep_snapshot(key, subject, journeys, events[0].occurred_at, output)
    put_subject(
        key,
        Subject(
            version=version,
            touchpoints=touchpoints,
            last=events[-1].order,
            states=states,
            account_traits=account_traits,
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
        states[name] = StoredState(compiled.journey.version, state, FORMAT, armed, states[name].k)
    put_subject(key, replace(subject, version=version, states=states), output)


def touch(key: Key, subject: Subject, output: FoldOutput) -> None:
    """Write a subject as it is, with the next version."""
    put_subject(key, replace(subject, version=subject.version + 1), output)


def put_subject(key: Key, subject: Subject, output: FoldOutput) -> None:
    """Write a subject."""
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


def _keep_snapshot(
    key: Key,
    subject: Subject,
    journeys: Sequence[CompiledJourney],
    first_at: datetime,
    output: FoldOutput,
) -> None:
    snapshot = snapshot_before(subject, journeys, first_at)
    if snapshot is not None and are_kept(subject):
        output.writes.snapshots.append(snapshot_row(key, snapshot))


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
