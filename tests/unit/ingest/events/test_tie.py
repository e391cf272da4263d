from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.events.tie import MAX_SEQUENCE, tie_of, tie_of_arrival

RECEIVED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

instants = st.datetimes(timezones=st.just(UTC))
arrivals = st.datetimes(datetime(2025, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
sequences = st.none() | st.integers(-MAX_SEQUENCE, MAX_SEQUENCE)


def tie(
    happened_at: datetime = RECEIVED - SECOND,
    index: int = 0,
    sequence: int | None = None,
    received_at: datetime = RECEIVED,
) -> int:
    return tie_of(happened_at, received_at, tie_of_arrival(received_at), index, sequence)


def test_the_body_decides_within_a_request() -> None:
    assert tie(index=0) < tie(index=1) < tie(index=2)


@pytest.mark.parametrize("events", [1, 1024, 2500])
def test_a_later_request_comes_after_every_event_of_an_earlier_one(events: int) -> None:
    """A request takes its microseconds: it is read, decided and answered before the next is sent."""
    next_request = RECEIVED + timedelta(microseconds=events)

    assert tie(index=events - 1) < tie(index=0, received_at=next_request)


def test_events_ahead_of_the_clock_keep_their_order_whatever_their_place() -> None:
    late, early = tie(RECEIVED + 2 * SECOND, index=0), tie(RECEIVED + SECOND, index=1)

    assert tie(RECEIVED, index=2) < early < late


def test_events_ahead_by_one_time_keep_their_place() -> None:
    assert tie(RECEIVED + SECOND, index=0) < tie(RECEIVED + SECOND, index=1)


def test_an_event_dated_far_ahead_moves_no_other() -> None:
    others = [tie(RECEIVED + SECOND, index=place) for place in (0, 2)]

    assert tie(datetime(9999, 12, 31, tzinfo=UTC), index=1) > max(others)
    assert others == [tie(RECEIVED + SECOND, index=place) for place in (0, 2)]


def test_a_sequence_counts_instead_of_arrival_and_place() -> None:
    rows = [tie(index=2, sequence=1), tie(index=0, sequence=2, received_at=RECEIVED - SECOND)]

    assert rows == [1, 2]


def test_rows_of_a_file_come_before_what_arrives_without_a_sequence() -> None:
    assert tie(sequence=MAX_SEQUENCE) < tie()


@given(instants, arrivals, st.integers(0, 10_000), sequences)
def test_a_tie_fits_into_the_column(
    happened_at: datetime, received_at: datetime, index: int, sequence: int | None
) -> None:
    assert -(2**63) <= tie(happened_at, index, sequence, received_at) < 2**63
