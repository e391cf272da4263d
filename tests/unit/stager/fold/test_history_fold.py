"""Late events folded in from a snapshot: the rows are those of a fold of the whole history."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from services.stager.fold.fold_subject import FoldOutput, fold_newer, fold_time, is_late
from services.stager.fold.history_fold import HistoryFold
from services.stager.fold.output_rows import RefoldReason
from services.stager.fold.replace_history import StoredRows, replace_history
from services.stager.fold.snapshots import fits, snapshot_row
from services.stager.identity.names import Key
from services.stager.store.rows import CurrentTransition, JourneyKey, StoredAlert, Writes
from services.stager.subjects.subject import (
    NEW_SUBJECT,
    Snapshot,
    Subject,
    decode_object,
    decode_states,
)
from shared.journey.compile import CompiledJourney, compile_journey
from shared.journey.deadlines import next_deadline
from shared.journey.map import Journey
from shared.journey.model import Touchpoint, event_order
from tests.support.touchpoints import touchpoint
from tests.unit.journey.maps_and_histories import clocks, histories, journeys

KEY: Key = (1, "acme")
EVERY = 2
START = datetime(2026, 1, 1, tzinfo=UTC)

thorough = settings(
    max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@dataclass
class Tables:
    """What Postgres holds of one subject on one journey."""

    subject: Subject = NEW_SUBJECT
    transitions: dict[int, CurrentTransition] = field(default_factory=dict)
    alerts: dict[Any, StoredAlert] = field(default_factory=dict)
    snapshots: dict[datetime, Snapshot] = field(default_factory=dict)
    written: int = 0

    def stored(self, journey: str) -> StoredRows:
        key: JourneyKey = (*KEY, journey)
        return StoredRows({key: [*self.transitions.values()]}, {key: [*self.alerts.values()]})

    def apply(self, output: FoldOutput) -> None:
        writes = output.writes
        self.subject = output.subjects[KEY]
        for _, number in writes.superseded:
            del self.transitions[number]
        for row in writes.transitions:
            self.written += 1
            self.transitions[self.written] = CurrentTransition(self.written, row[3:15])
        for _, alert_id, resolution in writes.alerts_resolved:
            for visit, alert in self.alerts.items():
                if alert.alert_id == alert_id and alert.state != "resolved":
                    self.alerts[visit] = StoredAlert(
                        alert_id, "resolved", resolution, output.now, visit
                    )
        for row in writes.alerts:
            visit = (row[5], row[6], row[7])
            self.alerts[visit] = StoredAlert(row[1], row[2], row[11], row[10], visit)
        if writes.snapshots_removed:
            self.snapshots.clear()
        for row in writes.snapshots:
            self.snapshots[row[2]] = Snapshot(
                row[2], decode_states(row[3]), decode_object(row[4]), row[5]
            )

    def copy(self) -> "Tables":
        return Tables(
            self.subject,
            dict(self.transitions),
            dict(self.alerts),
            dict(self.snapshots),
            self.written,
        )


def in_order(history: Iterable[Touchpoint]) -> list[Touchpoint]:
    return sorted(history, key=lambda each: each.order)


def add(fold: HistoryFold, touchpoints: Sequence[Touchpoint]) -> None:
    for _ in fold.add(touchpoints):
        pass


def write(
    tables: Tables, compiled: CompiledJourney, fold: HistoryFold, number: int, now: datetime
) -> FoldOutput:
    output = FoldOutput(now, EVERY)
    fold.finish(now)
    newest = [s.last for s in (each.state for each in fold.journeys) if s.last is not None]
    last = max((event_order(s) for s in newest), default=None)
    replace_history(
        KEY,
        tables.subject,
        fold,
        touchpoints=number,
        last=last,
        merged_into=None,
        stored=tables.stored(compiled.journey.key),
        reason=RefoldReason.LATE,
        output=output,
    )
    return output


def whole(
    tables: Tables, compiled: CompiledJourney, history: Sequence[Touchpoint], now: datetime
) -> FoldOutput:
    fold = HistoryFold((compiled,), None, EVERY)
    add(fold, in_order(history))
    return write(tables, compiled, fold, len(history), now)


def part(
    tables: Tables,
    compiled: CompiledJourney,
    history: Sequence[Touchpoint],
    added: Sequence[Touchpoint],
    now: datetime,
) -> FoldOutput | None:
    """The same from a snapshot on, as `refold_part` does it; None if there is none to go by."""
    instants = sorted(tables.snapshots)
    place = bisect_left(instants, added[0].occurred_at)
    if not instants:
        return None
    start = tables.snapshots[instants[place - 1]] if place else None
    assert start is None or fits(start, (compiled,))
    late = [each for each in added if is_late(tables.subject, each)]
    fold = HistoryFold((compiled,), start, EVERY)
    after = fold.start_at
    for until in [*instants[place:], None]:
        add(
            fold,
            [
                each
                for each in in_order(history)
                if (after is None or each.occurred_at > after)
                and (until is None or each.occurred_at <= until)
            ],
        )
        if until is None:
            break
        stored = tables.snapshots[until] if until >= late[-1].occurred_at else None
        if fold.is_same_at(until, stored):
            fold.skip(until, tables.subject)
            add(fold, added[len(late) :])
            event("skips")
            break
        after = until
    return write(tables, compiled, fold, len(history), now)


def rows(writes: Writes) -> dict[str, list[str]]:
    """Everything written but snapshots, whose places may differ."""
    return {
        each.name: sorted(map(repr, getattr(writes, each.name)))
        for each in fields(writes)
        if not each.name.startswith("snapshots")
    }


@given(journeys(), histories(most=16), clocks, clocks, st.data())
@thorough
def test_late_events_folded_in_from_a_snapshot_give_the_rows_of_the_whole_history(
    journey: Journey,
    history: list[Touchpoint],
    one: datetime,
    other: datetime,
    data: st.DataObject,
) -> None:
    compiled = compile_journey(journey)
    tables = Tables()
    waiting = list(data.draw(st.permutations(history)))
    kept: list[Touchpoint] = []
    now = min(one, other)
    while waiting:
        size = data.draw(st.integers(1, max(1, len(waiting) // 2)))
        batch, waiting = in_order(waiting[:size]), waiting[size:]
        kept += batch
        if not tables.subject.version or not is_late(tables.subject, batch[0]):
            output = FoldOutput(now, EVERY)
            fold_newer(KEY, tables.subject, (compiled,), batch, merged_into=None, output=output)
        else:
            expected = whole(tables, compiled, kept, now)
            from_snapshot = part(tables, compiled, kept, batch, now)
            if from_snapshot is not None:
                event("from a snapshot")
                assert rows(from_snapshot.writes) == rows(expected.writes)
            output = from_snapshot or expected
        tables.apply(output)
        check_snapshots(tables, compiled, kept)
        now = max(one, other) if data.draw(st.booleans()) else now
        sweep(tables, compiled, now)


def sweep(tables: Tables, compiled: CompiledJourney, now: datetime) -> None:
    stored_state = tables.subject.states[compiled.journey.key]
    due = next_deadline(compiled, stored_state.s)
    if due is not None and due <= now:
        output = FoldOutput(now, EVERY)
        fold_time(KEY, tables.subject, (compiled,), output)
        tables.apply(output)


def check_snapshots(
    tables: Tables, compiled: CompiledJourney, history: Sequence[Touchpoint]
) -> None:
    """Each is what the touchpoints up to its instant give."""
    for at, snapshot in tables.snapshots.items():
        fold = HistoryFold((compiled,), None, 10**9)
        add(fold, in_order(each for each in history if each.occurred_at <= at))
        assert not fold.is_same_at(at, None)
        assert snapshot_row(KEY, fold.snapshots[0]) == snapshot_row(KEY, snapshot)


def plain(journey: Journey) -> CompiledJourney:
    return compile_journey(journey)


def minutes(*numbers: int) -> list[Touchpoint]:
    return [
        touchpoint("A", START + timedelta(minutes=number), message_id=f"m{at:03}")
        for at, number in enumerate(numbers)
    ]


def test_snapshots_are_evenly_spaced_and_leave_the_end_to_be_folded() -> None:
    fold = HistoryFold((), None, 3)

    add(fold, minutes(*range(10)))

    assert [each.at for each in fold.snapshots] == [
        START + timedelta(minutes=2),
        START + timedelta(minutes=5),
    ]


def test_no_snapshot_falls_among_touchpoints_of_one_instant() -> None:
    fold = HistoryFold((), None, 2)

    add(fold, minutes(0, 1, 1, 1, 1, 2, 2, 2, 3, 3))

    assert [each.at for each in fold.snapshots] == [
        START + timedelta(minutes=1),
        START + timedelta(minutes=2),
    ]


def test_a_long_history_is_folded_in_pieces() -> None:
    fold = HistoryFold((), None, 10**6)

    pieces = sum(1 for _ in fold.add(minutes(*range(2000))))

    assert pieces == 4
    assert fold.folded == 2000
