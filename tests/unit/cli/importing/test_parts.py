"""Small parts of the import: fields, names, counting."""

import math
from hashlib import blake2b
from pathlib import Path

import pytest

from services.cli.importing.fields import FIELDS, KINDS, OBJECTS, as_text, fitted
from services.cli.importing.formats.cells import column_names
from services.cli.importing.mapping import ColumnMapping, read_mapping
from services.cli.importing.names import Occurrences, row_name
from services.ingest.events.candidate import Candidate
from shared.errors import FatalError


def test_a_file_may_fill_every_field_of_a_touchpoint_but_the_senders_clock() -> None:
    assert {*FIELDS, *OBJECTS} == {*Candidate.__struct_fields__} - {"sent_at"}
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


def test_columns_without_a_name_or_with_a_used_one_get_unique_names() -> None:
    assert column_names([" a ", "", "a", "a", "a 2"]) == ("a", "column 2", "a 2", "a 3", "a 2 2")


def test_the_columns_that_a_file_of_refused_rows_adds_are_no_part_of_a_rows_name() -> None:
    cells = {"user_id": "ann", "event": "home"}
    refused = cells | {"import_line": "7", "import_code": "x", "import_detail": "y"}

    assert row_name(cells, Occurrences()) == row_name(refused, Occurrences())


def test_every_content_is_counted_however_many_there_are() -> None:
    seen = Occurrences()
    digests = [blake2b(str(n).encode(), digest_size=16).digest() for n in range(30_000)]

    first = [seen.add(digest) for digest in digests]
    second = [seen.add(digest) for digest in digests]

    assert set(first) == {1}
    assert set(second) == {2}
    assert seen.add(digests[0]) == 3


def test_a_mapping_file_may_name_any_field_and_say_what_words_mean(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(
        "columns: {logged_by: Owner, thought: Notes, score: }\n"
        "campaign: {name: utm_campaign}\n"
        "constants: {internal: true, survey: nps}\n"
        "values: {channel: {Call: phone, 2: chat, 'yes': email}}\n"
    )

    mapping = read_mapping(path)

    assert mapping.columns == {"logged_by": "Owner", "thought": "Notes", "score": ""}
    assert mapping.objects["campaign"] == {"name": "utm_campaign"}
    assert mapping.constants == {"internal": True, "survey": "nps"}
    assert mapping.values == {"channel": {"Call": "phone", "2": "chat", "yes": "email"}}
    assert "score" not in mapping.used_columns()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("columns: {mood: Mood}", "no field 'mood'; it has event, account_id"),
        ("columns: {campaign: c}", "'campaign' holds several columns"),
        ("values: {mood: {a: b}}", "no field 'mood'"),
        ("values: {internal: {yes: true}}", "put it into quotes"),
        ("colums: {}", "colums: Extra inputs"),
        ("timezone: Mars/North", "no time zone is called 'Mars/North'"),
        ("- a", "Input should be"),
        ("{", "is not YAML"),
    ],
)
def test_a_mistake_in_a_mapping_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(text)

    with pytest.raises(FatalError, match=words):
        read_mapping(path)


def test_a_mapping_without_options_uses_the_columns_that_are_called_like_fields() -> None:
    assert {"user_id", "timestamp", "campaign"} <= ColumnMapping().used_columns()
    assert ColumnMapping().named_columns() == set()
