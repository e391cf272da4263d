"""Snapshots: a subject as it was at an instant of its past, from which a re-fold can begin. Pure.

A snapshot at an instant holds every touchpoint up to that instant, those at it included, and the passage of
time up to it: a function of these touchpoints, the maps and the instant. What is later is not in it,
so that a late event leaves the snapshots before it as they are.
"""

from collections.abc import Sequence
from datetime import datetime

from services.stager.identity.names import Key, instant_of
from services.stager.store.rows import Row
from services.stager.subjects.subject import (
    Snapshot,
    StoredState,
    Subject,
    encode_json,
    encode_states,
)
from shared.journey.compile import CompiledJourney
from shared.journey.fold import advance
from shared.journey.state import FORMAT

SNAPSHOT_EVERY = 1000
"""Touchpoints between two snapshots: a late event near the end of a history folds twice as many at most, in
about 15 ms, and a snapshot is a few kilobytes beside half a megabyte of touchpoints."""


def are_kept(subject: Subject) -> bool:
    """Whether the snapshots of a subject, as many as there are, are of its history."""
    states = subject.states
    for stored_state in states.values():
        if not stored_state.k:
            return False
    return bool(states) or not subject.version


def fits(snapshot: Snapshot, journeys: Sequence[CompiledJourney]) -> bool:
    """Whether every journey's state was folded by the version in force and by this engine."""
    for compiled in journeys:
        stored_state = snapshot.states.get(compiled.journey.key)
        if (
            stored_state is None
            or stored_state.v != compiled.journey.version
            or stored_state.f != FORMAT
        ):
            return False
    return True


def equal(one: Snapshot, other: Snapshot, journeys: Sequence[CompiledJourney]) -> bool:
    """Whether the same touchpoints after either give the same rows, to the byte."""
    return (
        one.value == other.value
        and encode_json(one.account_traits) == encode_json(other.account_traits)
        and _encoded(one, journeys) == _encoded(other, journeys)
    )


def _encoded(snapshot: Snapshot, journeys: Sequence[CompiledJourney]) -> bytes:
    names = [compiled.journey.key for compiled in journeys]
    return encode_states({name: snapshot.states[name] for name in names if name in snapshot.states})


def snapshot_before(
    subject: Subject, journeys: Sequence[CompiledJourney], first_at: datetime
) -> Snapshot | None:
    """A snapshot of `subject`, whose states are current, before touchpoints from `first_at` on.

    None for a subject without touchpoints, and if one of the new ones is at the instant of the last: the
    snapshot would not hold it.
    """
    if subject.last is None:
        return None
    at = instant_of(subject.last)
    states = [subject.states[compiled.journey.key].s for compiled in journeys]
    for state in states:
        if state.advanced_to is not None and state.advanced_to > at:
            at = state.advanced_to
    if first_at <= at:
        return None
    return Snapshot(
        at,
        {
            compiled.journey.key: StoredState(
                compiled.journey.version, advance(compiled, state, at)[0]
            )
            for compiled, state in zip(journeys, states, strict=True)
        },
        subject.account_traits,
        subject.value,
    )


def snapshot_row(key: Key, snapshot: Snapshot) -> Row:
    """Row of `subject_snapshot`."""
    return (
        *key,
        snapshot.at,
        encode_states(snapshot.states),
        encode_json(snapshot.account_traits),
        snapshot.value,
    )
