"""Instants as senders write them."""

from datetime import UTC, datetime

import pytest

from services.ingest.events.instants import instant

AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2023-11-14T22:13:20Z", " 2023-11-14T23:13:20+01:00 ", "2023-11-14 22:13:20",
        "20231114T221320Z", "20231114221320", 20231114221320,
        "1700000000", "1700000000.0", "1700000000000", "1700000000000000", "1700000000000000000",
        1700000000, 1700000000.0, 1700000000000, 1700000000000000, 1700000000000000000,
    ],
    ids=repr,
)  # fmt: skip
def test_one_instant_is_read_from_every_form(written: object) -> None:
    assert instant(written) == AT


def test_a_count_of_milliseconds_is_no_day_of_the_middle_ages() -> None:
    """ISO 8601's basic form has a day and an hour in thirteen digits: 1718-11-30 00:00."""
    assert instant("1718113000000") == datetime(2024, 6, 11, 13, 36, 40, tzinfo=UTC)


def test_parts_of_a_second_are_kept() -> None:
    assert instant("1700000000.25") == AT.replace(microsecond=250_000)
    assert instant("1700000000123") == AT.replace(microsecond=123_000)
    assert instant("1700000000123456") == AT.replace(microsecond=123_456)
    assert instant(1700000000123456789) == AT.replace(microsecond=123_456)


def test_eight_digits_are_a_day() -> None:
    assert instant("20231114") == datetime(2023, 11, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    ["", "soon", "12345", "-1700000000", "9" * 20 + ".5", "9" * 400, "\uff11" * 10, "1e9",
     "20231399221320x", None, True, [], {}, float("nan"), float("inf"), 10**30, -(10**30), 1e300],
    ids=lambda written: repr(written)[:30],
)  # fmt: skip
def test_anything_else_is_none(written: object) -> None:
    assert instant(written) is None
