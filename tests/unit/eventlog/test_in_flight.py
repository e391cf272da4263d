import pytest

from shared.errors import LogUnavailable
from shared.eventlog.in_flight import InFlight
from shared.eventlog.port import MAX_RECORD_BYTES, NewRecord


def _records(count: int, size_bytes: int = 1) -> list[NewRecord]:
    return [NewRecord(key=b"", value=b"x" * size_bytes) for _ in range(count)]


def test_too_many_records_are_refused_until_some_are_answered() -> None:
    in_flight = InFlight(records=10)
    first = in_flight.admit(_records(8))

    with pytest.raises(LogUnavailable):
        in_flight.admit(_records(3))
    in_flight.release(first)

    in_flight.admit(_records(3))


def test_too_many_bytes_are_refused_however_few_the_records() -> None:
    in_flight = InFlight(size_bytes=100)
    in_flight.admit(_records(1, 90))

    with pytest.raises(LogUnavailable):
        in_flight.admit(_records(1, 11))


def test_an_append_above_the_limit_goes_alone_rather_than_never() -> None:
    in_flight = InFlight(records=10)

    load = in_flight.admit(_records(50))

    assert in_flight.is_full
    in_flight.release(load)
    assert not in_flight.is_full


def test_a_giant_is_refused_and_not_counted() -> None:
    in_flight = InFlight(records=1)

    with pytest.raises(ValueError, match="the event log takes"):
        in_flight.admit(_records(1, MAX_RECORD_BYTES + 1))

    assert not in_flight.is_full
