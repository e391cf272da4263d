"""Mapping files, and the columns that a mapping uses."""

from pathlib import Path

import pytest

from services.cli.importing.formats.cells import Format
from services.cli.importing.mapping import ColumnMapping, FileOptions, read_mapping
from shared.errors import FatalError


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
        ("colums: {}", r"colums: a mapping file has no such entry \(did you mean columns\?\)"),
        ("delimeter: ;", r"no such entry \(did you mean delimiter\?\)"),
        ("columns: {User_ID: who}", r"no field 'User_ID' \(did you mean user_id\?\)"),
        ("decimal: x", "decimal: Input should be"),
        ("header_row: 0", "header_row: Input should be"),
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


def test_a_mapping_file_holds_what_the_options_say_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "crm.yaml"
    path.write_text(
        "format: csv\ndelimiter: ';'\nencoding: windows-1252\nsheet: 2\nheader_row: 3\n"
        "decimal: ','\ntime_format: ['%d.%m.%Y %H:%M', '%d.%m.%Y']\n"
    )

    mapping = read_mapping(path)

    assert mapping.file == FileOptions(
        format=Format.CSV, delimiter=";", encoding="windows-1252", sheet="2", header_row=3
    )
    assert mapping.time_formats == ("%d.%m.%Y %H:%M", "%d.%m.%Y")
    assert mapping.decimal == ","


def test_a_mapping_without_options_uses_the_columns_that_are_called_like_fields() -> None:
    assert {"user_id", "timestamp", "campaign"} <= ColumnMapping().used_columns()
    assert ColumnMapping().named_columns() == set()
