"""Workbooks and Parquet files become the touchpoints that a CSV of the same content does."""

import gzip
import json
import os
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from services.cli.importing.formats.cells import Format, Shape
from services.cli.importing.formats.opening import format_of
from services.cli.importing.formats.tables import open_table
from services.cli.importing.mapping import ColumnMapping
from services.cli.importing.rows import Row, open_rows
from shared.errors import FatalError
from tests.conftest import require
from tests.unit.cli.importing.tables import parquet_file, workbook

HEADER = ["user_id", "event", "time"]
MOMENT = datetime(2024, 3, 13, 10, 21, 14)  # noqa: DTZ001 - as a sheet holds it


def read(path: Path, mapping: ColumnMapping | None = None, **shape: Any) -> list[Row]:
    how = Shape(format=format_of(path), **shape)
    with open_rows(path, mapping or ColumnMapping(), how) as rows:
        return list(rows.rows)


def sent(path: Path, mapping: ColumnMapping | None = None, **shape: Any) -> list[dict[str, Any]]:
    rows = read(path, mapping, **shape)
    assert [row.problem for row in rows if row.problem] == []
    return [json.loads(row.body) for row in rows]


def test_a_sheet_gives_events_and_its_dates_are_read_in_the_zone_that_is_said(
    tmp_path: Path,
) -> None:
    path = workbook(tmp_path / "a.xlsx", [HEADER, ["ann", "cart", MOMENT]])

    (utc,) = sent(path)
    (berlin,) = sent(path, ColumnMapping(timezone=ZoneInfo("Europe/Berlin")))

    assert utc | {"message_id": ""} == {
        "user_id": "ann", "event": "cart", "occurred_at": "2024-03-13T10:21:14+00:00",
        "message_id": "", "sequence": 2,
    }  # fmt: skip
    assert berlin["occurred_at"] == "2024-03-13T09:21:14+00:00"


def test_a_date_cell_needs_no_format_also_where_others_are_written_by_one(tmp_path: Path) -> None:
    rows = [HEADER, ["ann", "cart", date(2024, 3, 13)], ["bob", "cart", "14.03.2024"]]
    path = workbook(tmp_path / "a.xlsx", rows)

    times = [row["occurred_at"] for row in sent(path, ColumnMapping(time_formats=("%d.%m.%Y",)))]

    assert times == ["2024-03-13T00:00:00+00:00", "2024-03-14T00:00:00+00:00"]


def test_a_number_is_an_id_without_a_decimal_point_and_a_property_as_a_number(
    tmp_path: Path,
) -> None:
    path = workbook(tmp_path / "a.xlsx", [[*HEADER, "seats"], [42, "cart", MOMENT, 12.5]])

    (row,) = sent(path, ColumnMapping(objects={"properties": {"seats": "seats"}}))

    assert row["user_id"] == "42"
    assert row["properties"] == {"seats": 12.5}


def test_sheets_are_chosen_by_name_or_number_and_the_first_otherwise(tmp_path: Path) -> None:
    one, two = [HEADER, ["ann", "a", MOMENT]], [HEADER, ["bob", "b", MOMENT]]
    path = workbook(tmp_path / "a.xlsx", one, two)

    assert [sent(path, sheet=sheet)[0]["user_id"] for sheet in (None, "1", "2", "Sheet2")] == [
        "ann", "ann", "bob", "bob",
    ]  # fmt: skip
    with pytest.raises(FatalError, match="no sheet is called 'Mars'; there are: Sheet1, Sheet2"):
        read(path, sheet="Mars")


def test_rows_are_numbered_as_the_sheet_does_and_empty_ones_left_out(tmp_path: Path) -> None:
    rows = [[], ["", None], HEADER, [], ["ann", "cart", MOMENT], [None, None], ["bob", "x", MOMENT]]
    path = workbook(tmp_path / "a.xlsx", rows)

    assert [row.line for row in read(path)] == [5, 7]


def test_a_merged_header_names_each_of_its_columns(tmp_path: Path) -> None:
    import xlsxwriter  # noqa: PLC0415 - merging is no part of the helper

    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as document:
        sheet = document.add_worksheet()
        sheet.merge_range("A1:C1", "who")
        sheet.write_row("D1", ["event", "time"])
        sheet.write_row("A2", ["ann", "Acme", "buyer", "cart", "2024-03-13"])
    mapping = ColumnMapping(columns={"user_id": "who", "account_id": "who 2", "role": "who 3"})

    (row,) = sent(path, mapping)

    assert (row["user_id"], row["account_id"], row["role"]) == ("ann", "Acme", "buyer")


def test_a_header_under_a_title_is_named_by_its_row_and_merged_down_to_it(tmp_path: Path) -> None:
    import xlsxwriter  # noqa: PLC0415 - merging is no part of the helper

    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as document:
        sheet = document.add_worksheet()
        sheet.merge_range("A1:A2", "user_id")
        sheet.merge_range("B1:C1", "what happened")
        sheet.write_row("B2", ["event", "time"])
        sheet.write_row("A3", ["ann", "cart", "2024-03-13"])

    (row,) = sent(path, header_row=2)

    assert (row["user_id"], row["event"]) == ("ann", "cart")


def test_a_formula_is_its_value_and_an_error_is_no_cell(tmp_path: Path) -> None:
    import xlsxwriter  # noqa: PLC0415 - formulas are no part of the helper

    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as document:
        sheet = document.add_worksheet()
        sheet.write_row(0, 0, [*HEADER, "value", "role"])
        sheet.write_row(1, 0, ["ann", "cart", "2024-03-13"])
        sheet.write_formula(1, 3, "=40+2", None, 42)
        sheet.write_formula(1, 4, "=1/0", None, "#DIV/0!")

    (row,) = sent(path)

    assert row["value"] == 42
    assert "role" not in row


def test_parquet_gives_events_and_a_time_without_zone_is_read_in_the_one_that_is_said(
    tmp_path: Path,
) -> None:
    columns = {
        "user_id": pa.array([42, None], pa.int64()),
        "account_id": ["a", "b"],
        "event": ["cart", "home"],
        "occurred_at": pa.array([1710325274000000123] * 2, pa.timestamp("ns")),
    }
    path = parquet_file(tmp_path / "a.parquet", columns)

    first, second = sent(path, ColumnMapping(timezone=ZoneInfo("Europe/Berlin")))

    assert first["user_id"] == "42"
    assert first["occurred_at"] == "2024-03-13T09:21:14+00:00"
    assert "user_id" not in second


def test_parquet_that_knows_its_zone_keeps_its_instants(tmp_path: Path) -> None:
    moments = pa.array([1710325274], pa.timestamp("s", tz="America/New_York"))
    path = parquet_file(
        tmp_path / "a.parquet", {"user_id": ["ann"], "event": ["e"], "time": moments}
    )

    (row,) = sent(path, ColumnMapping(timezone=ZoneInfo("Europe/Berlin")))

    assert row["occurred_at"] == "2024-03-13T10:21:14+00:00"


def test_what_parquet_holds_beyond_text_and_numbers_goes_into_properties(tmp_path: Path) -> None:
    columns = {
        "user_id": ["ann"],
        "event": ["e"],
        "time": pa.array([date(2024, 3, 13)], pa.date32()),
        "price": pa.array([Decimal("12.50")], pa.decimal128(10, 2)),
        "big": pa.array([Decimal(12345678901234567890)], pa.decimal128(20, 0)),
        "tags": [["a", "b"]],
        "place": [{"city": "Köln", "since": datetime(2024, 1, 1, tzinfo=UTC)}],
        "nothing": [float("nan")],
    }
    path = parquet_file(tmp_path / "a.parquet", columns)
    wanted = ("price", "big", "tags", "place", "nothing")
    objects = {"properties": {name: name for name in wanted} | {"city": "place.city"}}

    (row,) = sent(path, ColumnMapping(objects=objects))

    assert row["properties"] == {
        "price": 12.5,
        "big": "12345678901234567890",
        "tags": ["a", "b"],
        "place": {"city": "Köln", "since": "2024-01-01T00:00:00+00:00"},
        "city": "Köln",
    }


def test_a_row_has_the_same_name_in_every_kind_of_file(tmp_path: Path) -> None:
    csv = tmp_path / "a.csv"
    csv.write_text("user_id,event,time,seats\n42,cart,2024-03-13 10:21:14,5\n")
    packed = tmp_path / "a.xlsx.gz"
    plain = workbook(tmp_path / "a.xlsx", [[*HEADER, "seats"], [42, "cart", MOMENT, 5]])
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    columns = {"user_id": [42], "event": ["cart"], "time": [MOMENT], "seats": [5.0]}
    parquet = parquet_file(tmp_path / "a.parquet", columns)

    names = {sent(path)[0]["message_id"] for path in (csv, plain, packed, parquet)}

    assert len(names) == 1


@pytest.mark.parametrize(
    ("form", "package"), [(Format.XLSX, "python_calamine"), (Format.PARQUET, "pyarrow")]
)
def test_without_the_extra_the_file_names_what_to_install(
    tmp_path: Path, form: Format, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if it were not installed: Python takes None for a module that cannot be imported.
    monkeypatch.setitem(sys.modules, package, None)

    with (
        pytest.raises(FatalError, match="`make files` in the checkout"),
        open_table(tmp_path / "a", Shape(format=form)),
    ):
        pass


def test_the_folder_that_the_command_runs_in_gives_no_code_to_its_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "a.xlsx", [HEADER, ["ann", "cart", MOMENT]])
    (tmp_path / "python_calamine.py").write_text("raise SystemExit('taken over')")
    (tmp_path / "services").mkdir()
    monkeypatch.chdir(tmp_path)

    assert len(sent(path)) == 1


def children() -> set[int]:
    """Process ids of this process's children, as the kernel lists them."""
    processes = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended since
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            processes |= {int(status.parent.name)} if parent == os.getpid() else set()
    return processes


def test_a_reader_ends_with_the_import_however_much_is_left_to_read(tmp_path: Path) -> None:
    require(available=Path("/proc/self/stat").exists(), reason="no /proc on this machine")
    path = parquet_file(tmp_path / "a.parquet", {"event": ["e"] * 200_000})
    before = children()

    with open_table(path, Shape(format=Format.PARQUET)) as source:
        assert next(source.rows).cells == {"event": "e"}
        (reader,) = children() - before

    assert reader not in children()
