"""Fields of a touchpoint that a file can fill, and cells in the types of their fields."""

import math

import pytest

from services.cli.importing.fields import FIELDS, KINDS, OBJECTS, as_text, fitted
from services.ingest.events.candidate import Candidate


def test_a_file_may_fill_every_field_but_those_that_the_command_sets() -> None:
    left_out = {"sent_at", "sequence", "import_id"}

    assert {*FIELDS, *OBJECTS} == {*Candidate.__struct_fields__} - left_out
    assert {name: kind.value for name, kind in KINDS.items() if name in OBJECTS} == {
        "properties": "object",
        "traits": "object",
        "account_traits": "object",
        "campaign": "object",
        "context": "object",
    }


@pytest.mark.parametrize(
    ("field", "cell", "meant"),
    [
        ("user_id", 42.0, "42"),
        ("user_id", 42.5, "42.5"),
        ("user_id", True, "true"),
        ("user_id", " 007 ", " 007 "),
        ("sentiment", "4", 4),
        ("sentiment", "4.0", 4),
        ("sentiment", "happy", "happy"),
        ("score", "9.5", 9.5),
        ("value", "1e400", "1e400"),
        ("value", math.inf, "inf"),
        ("value", "nan", "nan"),
        ("value", "1_000", "1_000"),
        ("value", "12345678901234567890", 12345678901234567890.0),
        ("internal", "Yes", True),
        ("internal", "0", False),
        ("internal", 1.0, True),
        ("internal", "maybe", "maybe"),
        ("event", ["a"], ["a"]),
    ],
)
def test_a_cell_is_fitted_to_its_field_or_left_for_ingest_to_judge(
    field: str, cell: object, meant: object
) -> None:
    fit = fitted(field, cell)

    assert (type(fit), fit) == (type(meant), meant)


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, ""), (42.0, "42"), (0.1, "0.1"), (False, "false"), (1e300, "1" + "0" * 300)],
)
def test_a_cell_as_text_is_what_a_csv_would_hold(cell: object, text: str) -> None:
    assert as_text(cell)[:1] == text[:1]
    assert len(as_text(cell)) == len(text)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1.234,50", 1234.5),
        ("12.000,00 €", 12_000),
        ("€ 7", 7),
        ("1000,5", 1000.5),
        ("-0,25", -0.25),
        ("1.234.567", 1_234_567),
        ("1.000", 1_000),
        # No such number where points group thousands: ingest refuses it, rather than guess.
        ("1.5", "1.5"),
        ("1,234.50", "1,234.50"),
        ("n/a", "n/a"),
        (2.5, 2.5),
    ],
)
def test_numbers_with_a_decimal_comma_are_read_where_the_file_has_them(
    written: object, expected: object
) -> None:
    assert fitted("value", written, ",") == expected


def test_a_decimal_comma_is_no_number_unless_it_is_said() -> None:
    assert fitted("value", "1234,50") == "1234,50"
