from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.cli.importing.times import Epoch, instant

MOMENT = datetime(2024, 3, 13, 10, 21, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "epoch"),
    [
        ("2024-03-13 10:21:14", "auto"),
        ("2024-03-13T10:21:14Z", "auto"),
        ("2024-03-13T12:21:14+02:00", "auto"),
        ("20240313T102114", "auto"),
        (" 2024-03-13 10:21:14 ", "auto"),
        ("1710325274.0", "auto"),
        (1710325274, "auto"),
        ("1710325274000", "auto"),
        (1710325274000000, "auto"),
        (1710325274, "seconds"),
        (1710325274000, "milliseconds"),
    ],
)
def test_a_time_is_read_however_it_is_written(written: object, epoch: Epoch) -> None:
    assert instant(written, ZoneInfo("UTC"), (), epoch) == MOMENT


def test_a_format_reads_what_no_standard_does() -> None:
    assert instant(
        "13.03.2024 11:21:14", ZoneInfo("Europe/Berlin"), ("%d.%m.%Y %H:%M:%S",), "auto"
    ) == (MOMENT)


@pytest.mark.parametrize("written", [20240313, 20240313.0, " 20240313"])
def test_eight_digits_are_a_date_whether_a_cell_holds_text_or_a_number(written: object) -> None:
    midnight = datetime(2024, 3, 13, tzinfo=UTC)

    assert instant(written, ZoneInfo("UTC"), (), "auto") == midnight
    assert instant(written, ZoneInfo("UTC"), ("%Y%m%d",), "auto") == midnight


@pytest.mark.parametrize("written", [45364, 45364.43, 99_999_999, " 45364", 1.5, -1710325274])
def test_a_spreadsheets_count_of_days_is_not_read_as_seconds(written: object) -> None:
    assert instant(written, ZoneInfo("UTC"), (), "auto") is None


@pytest.mark.parametrize("written", [86_400, " 86400"])
def test_a_small_count_is_one_where_the_mapping_calls_it_so(written: object) -> None:
    assert instant(written, ZoneInfo("UTC"), (), "seconds") == datetime(1970, 1, 2, tzinfo=UTC)


def test_of_the_hour_that_comes_twice_in_autumn_the_first_is_meant() -> None:
    read = instant("2024-10-27 02:30:00", ZoneInfo("Europe/Berlin"), (), "auto")

    assert read == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("written", ["soon", "", None, True, 1e300, "99999999999999999999"])
def test_what_is_no_time_is_none(written: object) -> None:
    assert instant(written, ZoneInfo("UTC"), (), "auto") is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("05.03.2026", datetime(2026, 3, 5, tzinfo=UTC)),
        ("05.03.2026 10:30", datetime(2026, 3, 5, 10, 30, tzinfo=UTC)),
        ("2026-03-05", None),
    ],
)
def test_of_several_formats_the_first_that_fits_counts(
    written: str, expected: datetime | None
) -> None:
    assert instant(written, ZoneInfo("UTC"), ("%d.%m.%Y %H:%M", "%d.%m.%Y"), "auto") == expected
