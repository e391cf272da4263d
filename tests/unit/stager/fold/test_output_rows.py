from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.stager.fold import output_rows
from services.stager.fold.output_rows import AlertResolution
from services.stager.store.rows import CurrentTransition, StoredAlert
from shared.journey.compile import CompiledJourney, compile_journey
from shared.journey.kinds import Performed
from shared.journey.map import Journey, Stage
from shared.journey.model import (
    Cause,
    LastTouchpoint,
    Stall,
    SubjectKind,
    Transition,
    TransitionKind,
)
from shared.journey.state import State

KEY = (1, "acme", "sales")
START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def compiled() -> CompiledJourney:
    stages = (
        Stage(key="aware", title="Aware", owner="marketing", stall_after=timedelta(days=14)),
        Stage(key="customer", title="Customer", enter=Performed(events=("Contract Signed",))),
    )
    return compile_journey(
        Journey(key="sales", version=3, title="Sales", subject=SubjectKind.ACCOUNT, stages=stages)
    )


def transition(sequence: int, to: str, day: int, *, version: int = 3) -> Transition:
    return Transition(
        sequence=sequence,
        kind=TransitionKind.ADVANCE,
        from_stage="aware",
        to_stage=to,
        outcome=None,
        cycle=1,
        occurred_at=START + timedelta(days=day),
        dwell_seconds=86_400.0 * day,
        cause=Cause(message_id=f"m{day}", event="E"),
        rule=f"stages.{to}.enter",
        map_version=version,
    )


def stored(number: int, t: Transition) -> CurrentTransition:
    return CurrentTransition(number, output_rows.transition_row(KEY, t)[3:15])


def stall(day: int = 0, *, cleared: datetime | None = None) -> Stall:
    entered = START + timedelta(days=day)
    return Stall(
        stage="aware",
        cycle=1,
        entered_at=entered,
        stalled_at=entered + timedelta(days=14),
        last_touchpoint=LastTouchpoint(
            message_id="m", event="Guide Downloaded", occurred_at=entered, channel=None
        ),
        value=None,
        cleared_at=cleared,
    )


def test_a_map_version_alone_makes_no_difference() -> None:
    before = [stored(1, transition(1, "customer", 2, version=3))]

    change = output_rows.difference(before, [transition(1, "customer", 2, version=4)], KEY)

    assert (change.superseded, change.added) == ([], [])


def test_what_was_put_in_between_supersedes_what_followed() -> None:
    first, second = transition(1, "customer", 1), transition(2, "customer", 3)
    between = transition(2, "customer", 2)
    moved = replace(second, sequence=3)

    change = output_rows.difference(
        [stored(7, first), stored(8, second)], [first, between, moved], KEY
    )

    assert change.superseded == [8]
    assert change.added == [between, moved]


def test_the_same_visit_is_the_same_alert() -> None:
    assert output_rows.alert_id(KEY, stall()) == output_rows.alert_id(KEY, stall(cleared=START))
    assert output_rows.alert_id(KEY, stall()) != output_rows.alert_id(KEY, stall(1))
    assert output_rows.alert_id(KEY, stall()) != output_rows.alert_id((2, "acme", "sales"), stall())


def test_an_alert_says_in_one_sentence_what_happened() -> None:
    row = output_rows.alert_row(KEY, stall(), compiled())

    assert row[-1] == (
        "acme has been in Aware for 14 days without moving on; the last touchpoint was"
        " Guide Downloaded on 2026-01-05."
    )
    assert row[8] == "marketing"


@pytest.mark.parametrize(
    ("state", "resolution", "resolved", "now", "written", "news"),
    [
        (None, None, None, None, True, True),
        (None, None, None, 3, True, False),
        ("open", None, None, None, False, False),
        ("open", None, None, 3, True, False),
        ("acknowledged", None, None, 3, True, False),
        ("resolved", "moved", 3, 3, False, False),
        ("resolved", "moved", 3, 2, True, False),
        ("resolved", "moved", 3, None, True, False),
        ("resolved", "corrected", 5, None, True, False),
        ("resolved", "manual", 5, None, False, False),
        ("resolved", "manual", 5, 3, False, False),
    ],
)
def test_an_alert_is_written_when_it_tells_otherwise_and_a_persons_word_stays(  # noqa: PLR0917
    state: str | None,
    resolution: str | None,
    resolved: int | None,
    now: int | None,
    written: bool,  # noqa: FBT001 - a table's column
    news: bool,  # noqa: FBT001 - a table's column
) -> None:
    current = stall(cleared=None if now is None else START + timedelta(days=now))
    visit = ("aware", 1, START)
    at = None if resolved is None else START + timedelta(days=resolved)
    alerts = [] if state is None else [StoredAlert("id", state, resolution, at, visit)]

    write, new = output_rows.alerts_to_write(alerts, {visit: current})

    assert (bool(write), bool(new)) == (written, news)


def test_only_open_alerts_end_with_their_finding() -> None:
    visit = ("aware", 1, START)
    alerts = [
        StoredAlert("a", "open", None, None, visit),
        StoredAlert("b", "acknowledged", None, None, ("customer", 1, START)),
        StoredAlert("c", "resolved", "manual", START, ("customer", 2, START)),
    ]

    ended = output_rows.alerts_to_end(alerts, {visit: stall()}, AlertResolution.CORRECTED)

    assert ended == [("b", "corrected")]


def test_a_subject_that_is_not_on_the_journey_has_no_placement() -> None:
    assert output_rows.placement_row(KEY, compiled(), State.initial(), 1) is None


def test_a_move_gives_the_notice_of_an_exit_and_of_an_entry() -> None:
    rows = output_rows.notices(KEY, transition(2, "customer", 2), START)

    assert [row[1] for row in rows] == ["journey.stage.exited", "journey.stage.entered"]
    assert msgspec.json.decode(rows[0][3])["cause"] == {"message_id": "m2", "event": "E"}


def test_the_first_entry_has_nothing_to_exit() -> None:
    first = replace(
        transition(1, "aware", 0), kind=TransitionKind.ENTER, from_stage=None, dwell_seconds=None
    )

    assert [row[1] for row in output_rows.notices(KEY, first, START)] == ["journey.stage.entered"]
