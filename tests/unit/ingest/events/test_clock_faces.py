from datetime import timedelta

import pytest

from services.ingest.events.clock_faces import reading, shown, with_ascii_digits

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "\u0662\u0660\u0662\u0666-\u0660\u0663-\u0660\u0661T\u0660\u0669:\u0660\u0660:\u0660\u0660Z",
        "\u06f2\u06f0\u06f2\u06f6-\u06f0\u06f3-\u06f0\u06f1T\u06f0\u06f9:\u06f0\u06f0:\u06f0\u06f0Z",
        "\u0968\u0966\u0968\u096c-\u0966\u0969-\u0966\u0967T\u0966\u096f:\u0966\u0966:\u0966\u0966Z",
        "\u200f\u0662\u0660\u0662\u0666-\u0660\u0663-\u0660\u0661T09:00:00Z",
    ],
)
def test_digits_of_other_scripts_are_digits(text: str) -> None:
    assert with_ascii_digits(text) == "2026-03-01T09:00:00Z"
    assert reading(text) == reading("2026-03-01T09:00:00Z")


@pytest.mark.parametrize(
    ("earlier", "later", "between"),
    [
        # Within a day, whatever the calendar.
        ("1405-02-31T09:59:57Z", "1405-02-31T10:00:00Z", 3 * SECOND),
        ("1447-02-30T09:59:57Z", "1447-02-30T10:00:00Z", 3 * SECOND),
        ("0008-02-29T09:59:57Z", "0008-02-29T10:00:00Z", 3 * SECOND),
        ("0115-02-29T09:59:57Z", "0115-02-29T10:00:00Z", 3 * SECOND),
        ("2571-02-29T09:59:57Z", "2571-02-29T10:00:00Z", 3 * SECOND),
        ("8-3-1T09:59:57Z", "8-3-1T10:00:00Z", 3 * SECOND),
        # From one month to the next: 31 days in the sixth Persian one, 30 in the seventh.
        ("1405-06-31T23:59:59Z", "1405-07-01T00:00:00Z", SECOND),
        ("1405-07-30T23:59:59Z", "1405-08-01T00:00:00Z", SECOND),
        ("1405-12-29T23:59:59Z", "1406-01-01T00:00:00Z", SECOND),
        # 30 days in the first Islamic month, 29 in the second.
        ("1447-01-30T23:59:59Z", "1447-02-01T00:00:00Z", SECOND),
        ("1447-02-29T23:59:59Z", "1447-03-01T00:00:00Z", SECOND),
        ("1447-12-29T23:59:59Z", "1448-01-01T00:00:00Z", SECOND),
    ],
)
def test_two_readings_of_a_clock_tell_how_far_they_are_apart(
    earlier: str, later: str, between: timedelta
) -> None:
    one, other = reading(earlier), reading(later)

    assert one is not None
    assert other is not None
    assert other - one == between


def test_what_another_calendar_shows_stays_far_from_today() -> None:
    moments = [reading(f"{year:04}-06-31T10:00:00Z") for year in (8, 115, 1405, 1447)]

    assert all(moment is not None and moment.year < 1500 for moment in moments)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30T09:00:00Z",
        "1405-13-01T09:00:00Z",
        "1405-01-32T09:00:00Z",
        "1405-01-01",
        "1405-02-31T25:00:00Z",
        "0000-02-31T09:00:00Z",
        "9999-12-32T09:00:00Z",
        "soon",
        "\u0662" * 100,
        "1" * 1_000_000,
    ],
)
def test_what_is_no_date_in_any_calendar_is_none(text: str) -> None:
    assert shown(text) is None
