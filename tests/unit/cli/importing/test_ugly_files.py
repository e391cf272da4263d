"""Files as spreadsheets leave them: each row is right, or refused by its line with the remedy."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.cli.importing.formats.cells import Format, Shape
from services.cli.importing.mangled import MANGLED_ID
from services.cli.importing.mapping import ColumnMapping
from services.cli.importing.rows import open_rows
from shared.errors import FatalError
from tests.unit.cli.importing.tables import workbook

GERMAN = ColumnMapping(
    columns={"user_id": "Kunde", "event": "Was", "occurred_at": "Datum", "value": "Betrag"},
    time_formats=("%d.%m.%Y",),
    decimal=",",
)


def read(
    path: Path, mapping: ColumnMapping, **shape: Any
) -> list[dict[str, Any] | tuple[int, str]]:
    """Each row as its touchpoint, or its line and the code of its refusal."""
    how = Shape(**{"format": Format.CSV, **shape})
    with open_rows(path, mapping, how) as rows:
        return [
            (row.line, row.problem.code) if row.problem else json.loads(row.body)
            for row in rows.rows
        ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "windows-1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_german_export_is_read_with_its_titles_blanks_and_separators(
    tmp_path: Path, encoding: str, end: str
) -> None:
    path = tmp_path / "export.csv"
    lines = [
        "Umsätze 2026;;;", ";;;", " Kunde ;Was;Datum;Betrag;;Betrag",
        "Jörg;Kauf; 05.03.2026 ;1.234,50 €;;", "", "Zoë;Kauf;06.03.2026;12,5",
    ]  # fmt: skip
    path.write_bytes(end.join(lines).encode(encoding, "replace"))

    rows = read(
        path, GERMAN, delimiter=";", header_row=3,
        encoding=encoding if encoding == "windows-1252" else None,
    )  # fmt: skip

    values = [(each["user_id"], each["value"]) for each in rows if isinstance(each, dict)]
    assert values == [("Jörg", 1234.5), ("Zoë", 12.5)]


def test_a_refused_row_below_titles_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("Title\n\nuser_id,event,time\nann,home,2024-03-13\nann,home,soon\n")

    _, second = read(path, ColumnMapping(), header_row=3)

    assert second == (5, "invalid_occurred_at")


def test_titles_above_the_names_are_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("Report,,\nuser_id,event,time\nann,home,2024-03-13\n")

    with pytest.raises(FatalError, match="--header-row says where"):
        read(path, ColumnMapping())


@pytest.mark.parametrize("written", ["1.23457E+11", "1,23457E+11", "1E+15", " 1.2e+20 "])
@pytest.mark.parametrize("field", ["account_id", "user_id", "message_id", "external_id"])
def test_an_id_that_a_spreadsheet_has_rounded_is_refused_by_its_line(
    tmp_path: Path, written: str, field: str
) -> None:
    path = tmp_path / "export.csv"
    path.write_text(f'{field},event,time\nann,home,2024-03-13\n"{written}",home,2024-03-13\n')

    first, second = read(path, ColumnMapping())

    assert isinstance(first, dict)
    assert second == (3, MANGLED_ID)


@pytest.mark.parametrize("written", ["1e5", "E+11", "123457000000", "a1.2E+11", "1.2E-3", "1.5"])
def test_an_id_that_only_looks_a_little_like_that_is_an_id(tmp_path: Path, written: str) -> None:
    path = tmp_path / "export.csv"
    path.write_text(f"user_id,event,time\n{written},home,2024-03-13\n")

    (row,) = read(path, ColumnMapping())

    assert isinstance(row, dict)
    assert row["user_id"] == written


def test_a_number_of_a_sheet_beyond_its_digits_is_no_id_but_may_be_an_amount(
    tmp_path: Path,
) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        [
            ["user_id", "event", "time", "value"],
            [123456789012, "home", "2024-03-13", 5],
            [12345678901234567890.0, "home", "2024-03-13", 5],
            ["ann", "home", "2024-03-13", 1e16],
        ],
    )

    first, second, third = read(path, ColumnMapping(), format=Format.XLSX)

    assert isinstance(first, dict)
    assert first["user_id"] == "123456789012"
    assert second == (3, MANGLED_ID)
    assert isinstance(third, dict)


def test_two_hundred_columns_with_twins_and_nameless_ones_are_read(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    header = ["user_id", "event", "time", *(["x"] * 100), *([""] * 97)]
    path.write_text(
        ",".join(header)
        + "\n"
        + ",".join(["ann", "home", "2024-03-13", *map(str, range(197))])
        + "\n"
    )

    (row,) = read(
        path, ColumnMapping(objects={"properties": {"a": "x", "b": "x 100", "c": "column 200"}})
    )

    assert isinstance(row, dict)
    assert row["properties"] == {"a": "0", "b": "99", "c": "196"}


def test_an_object_may_stand_in_a_cell_as_json(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(
        "user_id,event,time,properties\n"
        'ann,home,2024-03-13,"{""plan"": ""pro"", ""id"": 18446744073709551615}"\n'
        "ann,home,2024-03-13,free words\n"
        'ann,home,2024-03-13,"{broken"\n'
    )

    first, *others = read(path, ColumnMapping())

    assert isinstance(first, dict)
    assert first["properties"] == {"plan": "pro", "id": "18446744073709551615"}
    assert all(isinstance(each, dict) and "properties" not in each for each in others)
