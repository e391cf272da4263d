"""A subject and its events -> the subject afterwards and the rows to write. Pure.

Three ways: `forward` adds events that come after all that is known, `anew` replaces everything by the
fold of a whole history, `tick` lets time pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from services.stager.fold import output_rows as made
from services.stager.fold.output_rows import Refold, Resolution
from services.stager.identity.names import Key, Order
from services.stager.records.records import Tally
from services.stager.store.rows import CurrentTransition, JourneyKey, StoredAlert, Writes
from services.stager.subjects.subject import Standing, Subject, encode_json, encode_standings
from shared.contracts.envelope import Envelope
from shared.journey.compile import CompiledJourney
from shared.journey.deadlines import next_deadline
from shared.journey.fold import advance, fold, refold
from shared.journey.model import Effect, Status, Touchpoint, Transition
from shared.journey.state import FORMAT, State


@dataclass(slots=True)
class Stored:
    """What the database holds about a subject that is about to be folded anew."""

    transitions: Mapping[JourneyKey, Sequence[CurrentTransition]]
    alerts: Mapping[JourneyKey, Sequence[StoredAlert]]


@dataclass(slots=True)
class Output:
    """Where the three ways put what they decide."""

    now: datetime
    writes: Writes = field(default_factory=Writes)
    tally: Tally = field(default_factory=Tally)
    subjects: dict[Key, Subject] = field(default_factory=dict)
    """As they will be once the transaction has committed."""


def touchpoint(e: Envelope, person: str | None) -> Touchpoint:
    """What the engine sees of an event. `person`: the acting person after identity resolution."""
    return Touchpoint(
        message_id=e.message_id,
        occurred_at=e.occurred_at,
        event=e.event,
        person=person,
        channel=e.channel,
        role=e.role,
        properties=e.properties,
        traits=e.traits,
        account_traits=e.account_traits,
        value=e.value,
    )


def is_current(subject: Subject, journeys: Iterable[CompiledJourney], *, has_history: bool) -> bool:
    """Whether every journey's state was folded by the version in force and by this engine.

    `has_history`: there are events that a journey without a state would have to catch up on.
    """
    standings = subject.standings
    for compiled in journeys:
        standing = standings.get(compiled.journey.key)
        if standing is None:
            if has_history:
                return False
        elif standing.v != compiled.journey.version or standing.f != FORMAT:
            return False
    return True


def is_late(subject: Subject, first: Touchpoint) -> bool:
    """Whether an event belongs before something that the subject already holds."""
    if subject.last is not None and first.order <= subject.last:
        return True
    at = first.occurred_at
    for standing in subject.standings.values():
        advanced_to = standing.s.advanced_to
        if advanced_to is not None and at <= advanced_to:
            return True
    return False


def forward(
    key: Key,
    subject: Subject,
    journeys: Sequence[CompiledJourney],
    events: Sequence[Touchpoint],
    *,
    merged_into: str | None,
    out: Output,
) -> None:
    """Add `events`, which are in order and not late, to a subject whose states are current."""
    version = subject.version + 1
    standings = dict(subject.standings)
    for compiled in journeys:
        name = compiled.journey.key
        standing = standings.get(name)
        before = standing.s if standing is not None else State.initial()
        state = before
        effects: list[Effect] = []
        for event in events:
            state, since = fold(compiled, state, event)
            effects += since
        journey_key = (*key, name)
        if effects:
            # Without an effect a subject stands where it stood.
            _emit(journey_key, compiled, effects, out)
            if made.placement_differs(before, state):
                row = made.placement_row(journey_key, compiled, state, version)
                if row is not None:
                    out.writes.placements.append(row)
        due = _arm(journey_key, compiled, state, standing.d if standing else None, out)
        standings[name] = Standing(compiled.journey.version, state, FORMAT, due)
    account_traits, value = subject.account_traits, subject.value
    for event in events:
        if event.account_traits:
            account_traits = {**account_traits, **event.account_traits}
        if event.value is not None:
            value = event.value
    _keep(
        key,
        Subject(
            version=version,
            touchpoints=subject.touchpoints + len(events),
            last=events[-1].order,
            standings=standings,
            account_traits=account_traits,
            value=value,
            merged_into=merged_into,
        ),
        out,
    )


def anew(
    key: Key,
    subject: Subject,
    journeys: Sequence[CompiledJourney],
    history: Sequence[Touchpoint],
    *,
    merged_into: str | None,
    stored: Stored,
    reason: Refold,
    out: Output,
) -> None:
    """Replace everything by the fold of `history`, which is in order; write only what differs."""
    version = subject.version + 1
    standings: dict[str, Standing] = {}
    for compiled in journeys:
        name = compiled.journey.key
        journey_key = (*key, name)
        state, effects = refold(compiled, history, out.now)
        _reconcile(journey_key, compiled, state, effects, stored=stored, reason=reason, out=out)
        old = subject.standings.get(name)
        row = made.placement_row(journey_key, compiled, state, version)
        if row is None:
            if old is not None and old.s.status is not Status.NOT_STARTED:
                out.writes.placements_gone.append(journey_key)
        elif (
            old is None or old.v != compiled.journey.version or made.placement_differs(old.s, state)
        ):
            out.writes.placements.append(row)
        due = next_deadline(compiled, state)
        if due is not None:
            out.writes.deadlines.append((*journey_key, due))
        elif old is not None and old.d is not None:
            out.writes.deadlines_gone.append(journey_key)
        standings[name] = Standing(compiled.journey.version, state, FORMAT, due)
    for name in subject.standings.keys() - standings.keys():
        _leave((*key, name), stored, out)
    traits, value = _newest(history)
    out.tally.refold(reason)
    last: Order | None = history[-1].order if history else None
    _keep(
        key,
        Subject(
            version=version,
            touchpoints=len(history),
            last=last,
            standings=standings,
            account_traits=traits,
            value=value,
            merged_into=merged_into,
        ),
        out,
    )


def tick(
    key: Key,
    subject: Subject,
    due: Sequence[CompiledJourney],
    out: Output,
) -> None:
    """Let time pass until `out.now` on the journeys whose deadline has come."""
    version = subject.version + 1
    standings = dict(subject.standings)
    for compiled in due:
        name = compiled.journey.key
        journey_key = (*key, name)
        before = standings[name].s
        state, effects = advance(compiled, before, out.now)
        if effects:
            _emit(journey_key, compiled, effects, out)
        if made.placement_differs(before, state):
            row = made.placement_row(journey_key, compiled, state, version)
            if row is not None:
                out.writes.placements.append(row)
        armed = next_deadline(compiled, state)
        if armed is None:
            out.writes.deadlines_gone.append(journey_key)
        else:
            out.writes.deadlines.append((*journey_key, armed))
        standings[name] = Standing(compiled.journey.version, state, FORMAT, armed)
    _keep(key, replace(subject, version=version, standings=standings), out)


def _keep(key: Key, subject: Subject, out: Output) -> None:
    at, message_id = subject.last if subject.last is not None else (None, None)
    out.subjects[key] = subject
    out.writes.subjects.append(
        (
            *key,
            subject.version,
            subject.touchpoints,
            at,
            message_id,
            encode_standings(subject.standings),
            encode_json(subject.account_traits) if subject.account_traits else "{}",
            subject.value,
            subject.merged_into,
        )
    )


def _emit(
    key: JourneyKey, compiled: CompiledJourney, effects: Sequence[Effect], out: Output
) -> None:
    for effect in effects:
        if isinstance(effect, Transition):
            out.writes.transitions.append(made.transition_row(key, effect))
            out.writes.outbox += made.notices(key, effect, out.now)
            out.tally.transition(effect)
    for stall in made.visits_stalled(effects).values():
        out.writes.alerts.append(made.alert_row(key, stall, compiled))
        if stall.cleared_at is None:
            out.writes.outbox.append(made.stalled_notice(key, stall, compiled))
            out.tally.alerts_opened += 1
        else:
            out.tally.alerts_resolved += 1


def _reconcile(
    key: JourneyKey,
    compiled: CompiledJourney,
    state: State,
    effects: Sequence[Effect],
    *,
    stored: Stored,
    reason: Refold,
    out: Output,
) -> None:
    transitions = [effect for effect in effects if isinstance(effect, Transition)]
    change = made.difference(stored.transitions.get(key, ()), transitions, key)
    out.writes.superseded += [(key[0], each) for each in change.superseded]
    for transition in change.added:
        out.writes.transitions.append(made.transition_row(key, transition))
        out.tally.transition(transition)
    if change.superseded or (change.added and reason is Refold.MAP):
        out.writes.outbox.append(made.corrected_notice(key, compiled, state, change, reason))
    else:
        for transition in change.added:
            out.writes.outbox += made.notices(key, transition, out.now)
    alerts = stored.alerts.get(key, ())
    stalls = made.visits_stalled(effects)
    ended = made.alerts_to_end(alerts, stalls, Resolution.CORRECTED)
    out.writes.alerts_gone += [(key[0], *each) for each in ended]
    write, news = made.alerts_to_write(alerts, stalls)
    out.writes.alerts += [made.alert_row(key, stall, compiled) for stall in write]
    out.writes.outbox += [made.stalled_notice(key, stall, compiled) for stall in news]
    out.tally.alerts_opened += len(news)
    out.tally.alerts_resolved += len(ended) + len(write) - len(news)


def _leave(key: JourneyKey, stored: Stored, out: Output) -> None:
    """A journey that is no longer this subject's: what stands there is history."""
    current = stored.transitions.get(key, ())
    out.writes.superseded += [(key[0], each.transition_id) for each in current]
    ended = made.alerts_to_end(stored.alerts.get(key, ()), {}, Resolution.MERGED)
    out.writes.alerts_gone += [(key[0], *each) for each in ended]
    out.tally.alerts_resolved += len(ended)
    out.writes.placements_gone.append(key)
    out.writes.deadlines_gone.append(key)


def _arm(
    key: JourneyKey,
    compiled: CompiledJourney,
    state: State,
    armed: datetime | None,
    out: Output,
) -> datetime | None:
    """Write a deadline only when it comes earlier than the one armed, or none is.

    One that is armed too early costs one look when it is due; writing each later one would cost a
    row for every touchpoint.
    """
    due = next_deadline(compiled, state)
    if due is None or (armed is not None and armed <= due):
        return armed
    out.writes.deadlines.append((*key, due))
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
