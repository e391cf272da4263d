"""A history that was folded again -> the rows that differ from those stored. Pure.

A fold that began at a snapshot, or that skips what is stored and right, speaks for its own part alone:
transitions and alerts outside of it stay as they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from services.stager.fold import output_rows as rows
from services.stager.fold.fold_subject import FoldOutput, put_subject
from services.stager.fold.history_fold import HistoryFold, JourneyFold
from services.stager.fold.output_rows import AlertResolution, RefoldReason, Visit
from services.stager.fold.snapshots import snapshot_row
from services.stager.identity.names import Key, Order
from services.stager.store.rows import CurrentTransition, JourneyKey, StoredAlert
from services.stager.subjects.subject import StoredState, Subject
from shared.journey.deadlines import next_deadline
from shared.journey.model import Effect, Stall, Status, Transition
from shared.journey.state import FORMAT, State


@dataclass(slots=True)
class StoredRows:
    """Current rows of the subjects that are folded again."""

    transitions: Mapping[JourneyKey, Sequence[CurrentTransition]]
    """Of a fold that began at a snapshot, those since then at least."""
    alerts: Mapping[JourneyKey, Sequence[StoredAlert]]


def replace_history(
    key: Key,
    subject: Subject,
    fold: HistoryFold,
    *,
    touchpoints: int,
    last: Order | None,
    merged_into: str | None,
    stored: StoredRows,
    reason: RefoldReason,
    output: FoldOutput,
) -> None:
    """Replace what is stored by a finished fold of the history, or of its end; write only what differs.

    `touchpoints`, `last`: of the whole history.
    """
    version = subject.version + 1
    states: dict[str, StoredState] = {}
    for each in fold.journeys:
        compiled, state = each.compiled, each.state
        name = compiled.journey.key
        journey_key = (*key, name)
        _reconcile(journey_key, fold, each, stored=stored, reason=reason, output=output)
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
        states[name] = StoredState(compiled.journey.version, state, FORMAT, due, k=True)
    for name in subject.states.keys() - states.keys():
        _leave((*key, name), stored, AlertResolution.MERGED, output)
    if fold.start_at is None and fold.skipped_from_at is None:
        output.writes.snapshots_removed.append(key)
    output.writes.snapshots += [snapshot_row(key, snapshot) for snapshot in fold.snapshots]
    output.tally.refold(reason, fold.folded)
    put_subject(
        key,
        Subject(
            version=version,
            touchpoints=touchpoints,
            last=last,
            states=states,
            account_traits=fold.account_traits,
            value=fold.value,
            merged_into=merged_into,
        ),
        output,
    )


def leave_journey(
    key: Key, subject: Subject, name: str, stored: StoredRows, output: FoldOutput
) -> None:
    """Remove the state and the rows of the journey `name`, which was retired; its history is superseded."""
    _leave((*key, name), stored, AlertResolution.RETIRED, output)
    states = {other: state for other, state in subject.states.items() if other != name}
    put_subject(key, replace(subject, version=subject.version + 1, states=states), output)


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


def _reconcile(
    key: JourneyKey,
    fold: HistoryFold,
    journey: JourneyFold,
    *,
    stored: StoredRows,
    reason: RefoldReason,
    output: FoldOutput,
) -> None:
    compiled = journey.compiled
    effects = [*journey.effects, *journey.later_effects]
    transitions = [effect for effect in effects if isinstance(effect, Transition)]
    current = _in_part(stored.transitions.get(key, ()), journey)
    change = rows.difference(current, transitions, key)
    output.writes.superseded += [(key[0], each) for each in change.superseded]
    for transition in change.added:
        output.writes.transitions.append(rows.transition_row(key, transition))
        output.tally.transition(transition)
    if change.superseded or (change.added and reason is RefoldReason.MAP):
        output.writes.outbox.append(
            rows.corrected_notice(key, compiled, journey.state, change, reason)
        )
    else:
        for transition in change.added:
            output.writes.outbox += rows.notices(key, transition, output.now)
    _reconcile_alerts(key, fold, journey, stored.alerts.get(key, ()), output)


def _in_part(
    transitions: Iterable[CurrentTransition], journey: JourneyFold
) -> list[CurrentTransition]:
    """The stored transitions of the part that was folded, by their numbers."""
    after, until = journey.start.sequence, journey.skipped_from
    return [
        each
        for each in transitions
        if each.sequence > after and (until is None or each.sequence <= until.sequence)
    ]


def _reconcile_alerts(
    key: JourneyKey,
    fold: HistoryFold,
    journey: JourneyFold,
    alerts: Sequence[StoredAlert],
    output: FoldOutput,
) -> None:
    compiled, stalls = journey.compiled, _stalls(journey)
    in_part = [alert for alert in alerts if _is_in_part(alert.visit, fold, journey)]
    ended = rows.alerts_to_end(in_part, stalls, AlertResolution.CORRECTED)
    output.writes.alerts_resolved += [(key[0], *each) for each in ended]
    write, new = rows.alerts_to_write(alerts, stalls)
    output.writes.alerts += [rows.alert_row(key, stall, compiled) for stall in write]
    output.writes.outbox += [rows.stalled_notice(key, stall, compiled) for stall in new]
    output.tally.alerts_opened += len(new)
    output.tally.alerts_resolved += len(ended) + len(write) - len(new)


def _stalls(journey: JourneyFold) -> dict[Visit, Stall]:
    """The stalls of the part that was folded, each in its last form.

    With the one that was open at the beginning, whose end may be in the part; without the one that was open
    where the fold skips, whose end is in what was skipped.
    """
    effects: list[Effect] = [*journey.effects]
    if journey.start.stall is not None:
        effects.insert(0, journey.start.stall)
    stalls = rows.visits_stalled(effects)
    if journey.skipped_from is not None:
        skipped = _visit(journey.skipped_from)
        stalls = {visit: stall for visit, stall in stalls.items() if visit != skipped}
    return stalls | rows.visits_stalled(journey.later_effects)


def _is_in_part(visit: Visit, fold: HistoryFold, journey: JourneyFold) -> bool:
    """Whether a visit would be stalled in the part that was folded, if it is stalled at all."""
    start_at, skipped_from_at = fold.start_at, fold.skipped_from_at
    if start_at is not None:
        if visit == _visit(journey.start):
            if journey.start.stall is not None:
                return False
        elif visit[2] <= start_at:
            return False
    if skipped_from_at is None or journey.skipped_from is None:
        return True
    return visit[2] <= skipped_from_at and visit != _visit(journey.skipped_from)


def _visit(state: State) -> tuple[str | None, int, datetime | None]:
    """The present visit of a state."""
    return (state.stage, state.cycle, state.entered_at)
