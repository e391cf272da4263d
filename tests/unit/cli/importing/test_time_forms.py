"""Case F4: the name of a zone counts or is refused, and a date and a time of two columns are one."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.cli.importing.times import instant, joined

BERLIN = ZoneInfo("Europe/Berlin")
FORM = ("%Y-%m-%d %H:%M %Z",)


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """A machine whose own zone is another one each time."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2026-03-02 10:00 UTC", 10), ("2026-03-02 10:00 GMT", 10), ("2026-03-02 10:00 gmt", 10),
        ("2026-03-02 10:00 CET", 9), ("2026-03-02 10:00 CEST", 8), ("2026-03-02 10:00 MEZ", 9),
        ("2026-03-02 10:00 EST", 15), ("2026-03-02 10:00 EDT", 14), ("2026-03-02 10:00 PST", 18),
        ("2026-03-02 10:00 Europe/Berlin", 9), ("2026-07-02 10:00 Europe/Berlin", 8),
        ("2026-03-02 10:00 America/New_York", 15),
    ],
)  # fmt: skip
def test_the_name_of_the_zone_counts_whatever_the_machine_and_the_option_say(
    written: str, hour: int
) -> None:
    read = instant(written, BERLIN, FORM, "auto")

    assert read is not None
    assert (read.hour, read.tzinfo) == (hour, UTC)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("name", ["IST", "BST", "XYZ", "Mars/Olympus", ""])
def test_a_name_that_means_no_one_zone_is_refused(name: str) -> None:
    assert instant(f"2026-03-02 10:00 {name}", BERLIN, FORM, "auto") is None


def test_a_zone_may_stand_anywhere_in_the_format() -> None:
    read = instant("Mon Mar 02 10:00:00 UTC 2026", BERLIN, ("%a %b %d %H:%M:%S %Z %Y",), "auto")

    assert read == datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_another_format_may_take_what_has_no_zone() -> None:
    forms = (*FORM, "%Y-%m-%d %H:%M")

    assert instant("2026-03-02 10:00", BERLIN, forms, "auto") == datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cells", "forms"),
    [
        (("2026-03-02", "10:30"), ()),
        ((" 2026-03-02\u00a0", "10:30:00"), ()),
        (("02.03.2026", "10:30"), ("%d.%m.%Y %H:%M",)),
        ((date(2026, 3, 2), "10:30:00"), ("%d.%m.%Y %H:%M",)),
        ((datetime(2026, 3, 2), "10:30:00"), ()),  # noqa: DTZ001 - as a workbook has it
        (("2026-03-02", "10:30+01:00"), ()),
    ],
)
def test_a_date_and_a_time_are_one_instant(
    cells: tuple[object, object], forms: tuple[str, ...]
) -> None:
    read = instant(joined(cells), BERLIN, forms, "auto")

    assert read == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_a_date_without_its_time_is_the_day_and_a_time_without_its_date_is_none() -> None:
    assert instant(joined(("2026-03-02", "")), ZoneInfo("UTC"), (), "auto") == datetime(
        2026, 3, 2, tzinfo=UTC
    )
    assert instant(joined((None, "10:30")), ZoneInfo("UTC"), (), "auto") is None
    assert joined((None, "")) is None


def test_digits_of_any_unit_are_a_time_without_an_option() -> None:
    for written in ("1772447400", "1772447400000", "1772447400000000", "1772447400000000000"):
        assert instant(written, BERLIN, (), "auto") == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    assert instant("20260302113000", BERLIN, (), "auto") == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
