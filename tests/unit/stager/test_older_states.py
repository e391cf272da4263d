"""States that an older release has stored."""

from datetime import timedelta

from services.stager.subjects.subject import decode_states
from shared.journey.fold import is_late
from tests.support.touchpoints import NOON, touchpoint

STORED = (
    b'{"cases":{"v":1,"s":{"status":"active","stage":"lead","last":{"message_id":"m-5",'
    b'"event":"Deal Lost","occurred_at":"2026-03-01T12:00:00Z","channel":null}}}}'
)


def test_events_of_an_older_release_keep_the_order_of_their_ids() -> None:
    state = decode_states(STORED)["cases"].s

    assert is_late(state, touchpoint("Demo Requested", NOON, message_id="m-1"))
    assert not is_late(state, touchpoint("Demo Requested", NOON, message_id="m-9"))


def test_a_new_event_of_the_same_instant_comes_after_those_of_an_older_release() -> None:
    state = decode_states(STORED)["cases"].s

    assert not is_late(state, touchpoint("Demo Requested", NOON, message_id="m-1", tie=1))
    assert is_late(state, touchpoint("Demo Requested", NOON - timedelta(seconds=1), tie=9))
