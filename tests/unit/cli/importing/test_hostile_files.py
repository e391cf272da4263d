"""Files that mean harm or were never finished end in a sentence, or refuse the row and go on."""

import gzip
import struct
from pathlib import Path

import pyarrow as pa
import pytest

from services.cli.importing.formats.cells import Shape
from services.cli.importing.formats.opening import format_of
from services.cli.importing.mapping import ColumnMapping
from services.cli.importing.rows import Row, open_rows
from shared.errors import FatalError
from tests.unit.cli.importing.tables import (
    SHEET_END,
    SHEET_START,
    made_by_hand,
    parquet_file,
    text_cell,
    workbook,
)

HEADER = "".join(
    text_cell(f"{column}1", name)
    for column, name in zip("ABCD", ["user_id", "event", "time", "value"], strict=True)
)


def read(path: Path, **shape: str | None) -> list[Row]:
    how = Shape(format=format_of(path), encoding=shape.get("encoding"))
    with open_rows(path, ColumnMapping(), how) as rows:
        return list(rows.rows)


def verdicts(path: Path, **shape: str | None) -> list[tuple[int, str | None]]:
    return [(row.line, row.problem.code if row.problem else None) for row in read(path, **shape)]


def sheet(path: Path, *rows: str) -> Path:
    numbered = [f'<row r="{n}">{cells}</row>' for n, cells in enumerate((HEADER, *rows), start=1)]
    return made_by_hand(path, SHEET_START + "".join(numbered) + SHEET_END)


def good(line: int) -> str:
    cells = zip("ABC", ["ann", "home", "2024-03-13"], strict=True)
    return "".join(text_cell(f"{column}{line}", text) for column, text in cells)


def test_a_thousand_bytes_that_claim_seventeen_thousand_million_cells_are_a_sentence(
    tmp_path: Path,
) -> None:
    far = f'<row r="1048576">{text_cell("XFD1048576", "x")}</row>'
    path = made_by_hand(
        tmp_path / "a.xlsx", f'{SHEET_START}<row r="1">{HEADER}</row>{far}{SHEET_END}'
    )

    with pytest.raises(FatalError, match="takes more than 2,000 MB of memory"):
        read(path)
    assert path.stat().st_size < 3_000


def locked() -> bytes:
    """The least that Excel's locked workbooks have: a compound file with one known name in it.

    Source: [MS-CFB], header and directory; [MS-OFFCRYPTO] 2.3.4.4, the stream `EncryptedPackage`.
    """
    free, end, table_itself = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD

    def entry(name: str, kind: int, child: int) -> bytes:
        text = name.encode("utf-16-le") + b"\0\0"
        links = struct.pack("<HBBIII", len(text), kind, 1, free, free, child)
        return text.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", end, 0)

    header = bytes.fromhex("d0cf11e0a1b11ae1").ljust(24, b"\0")
    header += struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<10I", 0, 1, 1, 0, 4096, end, 0, end, 0, 0)
    table = struct.pack("<2I", table_itself, end).ljust(512, b"\xff")
    names = entry("Root Entry", 5, 1) + entry("EncryptedPackage", 2, free)
    return header.ljust(512, b"\xff") + table + names.ljust(512, b"\0")


def test_a_workbook_with_a_password_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(locked())

    with pytest.raises(FatalError, match="protected by a password"):
        read(path)


def test_an_entity_is_not_expanded(tmp_path: Path) -> None:
    entities = (
        '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        '<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    )
    for number, name in enumerate(("b", "f")):
        rows = f'<row r="1">{HEADER}</row><row r="2">{text_cell("A2", f"&{name};")}</row>'
        path = made_by_hand(tmp_path / f"{number}.xlsx", entities + SHEET_START + rows + SHEET_END)

        with pytest.raises(FatalError, match="damaged"):
            read(path)


def test_a_cell_of_ten_megabytes_is_refused_and_the_next_row_read(tmp_path: Path) -> None:
    huge = "x" * 10_000_000
    file = sheet(tmp_path / "a.xlsx", text_cell("A2", huge), good(3))
    csv, lines = tmp_path / "a.csv", tmp_path / "a.ndjson"
    csv.write_text(f"user_id,event,time\n{huge},home,2024-03-13\nann,home,2024-03-13\n")
    lines.write_text(f'{{"event": "{huge}"}}\n{{"event": "e", "time": "2024-03-13"}}\n')
    columns = {"user_id": [huge, "ann"], "event": ["e", "e"], "time": ["2024-03-13"] * 2}
    parquet = parquet_file(tmp_path / "a.parquet", columns)

    assert verdicts(file) == [(2, "unreadable_row"), (3, None)]
    assert verdicts(csv) == [(2, "unreadable_row"), (3, None)]
    assert verdicts(lines) == [(1, "unreadable_row"), (2, None)]
    assert verdicts(parquet) == [(1, "unreadable_row"), (2, None)]


def test_a_bomb_of_one_endless_line_costs_no_more_than_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"user_id,event,time\n")
        for _ in range(4):
            file.write(b"A" * (1 << 24))
        file.write(b"\nann,home,2024-03-13\n")

    rows = read(path)

    assert [row.problem and row.problem.detail for row in rows] == [
        "a line longer than 4,194,304 characters",
        None,
    ]


def test_nul_and_infinity_in_a_sheet_are_refused_and_not_a_number_is_an_empty_cell(
    tmp_path: Path,
) -> None:
    path = sheet(
        tmp_path / "a.xlsx",
        good(2) + '<c r="D2"><v>NaN</v></c>',
        good(3) + '<c r="D3"><v>1e999</v></c>',
        text_cell("A4", "a_x0000_n") + good(4)[len(text_cell("A4", "ann")) :],
    )

    plain, infinite, nul = read(path)

    assert b"value" not in plain.body
    # Both go to ingest as what they are, for it to refuse: a null would quietly pass.
    assert b'"value":"inf"' in infinite.body
    assert b'"a\\u0000n"' in nul.body


def test_infinity_in_a_property_is_refused(tmp_path: Path) -> None:
    columns = {"user_id": ["a"], "event": ["e"], "time": ["2024-03-13"], "n": [float("-inf")]}
    path = parquet_file(tmp_path / "a.parquet", columns)
    mapping = ColumnMapping(objects={"properties": {"n": "n"}})
    how = Shape(format=format_of(path))

    with open_rows(path, mapping, how) as rows:
        (row,) = list(rows.rows)

    assert row.problem is not None
    assert row.problem.code == "number_out_of_range"


def test_a_value_that_parquet_cannot_give_refuses_its_row_alone(tmp_path: Path) -> None:
    text = pa.py_buffer(b"\xff\xfeok")
    offsets = pa.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0")
    columns = {
        "user_id": pa.Array.from_buffers(pa.string(), 2, [None, offsets, text]),
        "event": ["e", "e"],
        "time": ["2024-03-13"] * 2,
    }
    path = parquet_file(tmp_path / "a.parquet", columns)
    years = pa.array([2**60, 0], pa.timestamp("us"))
    late = parquet_file(
        tmp_path / "b.parquet", {"user_id": ["a", "b"], "event": ["e", "e"], "time": years}
    )

    assert verdicts(path) == [(1, "unreadable_row"), (2, None)]
    assert verdicts(late) == [(1, "unreadable_row"), (2, None)]


def test_json_that_cannot_be_stored_is_refused_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text(
        '{"event": "e", "time": "2024-03-13", "value": NaN}\n'
        '{"event": "e", "time": "2024-03-13", "user_id": "\\ud800"}\n'
        '{"event": "e", "time": "2024-03-13", "value": 123456789012345678901}\n'
        + '{"a": ' * 100 + "1" + "}" * 100 + "\n"
        '["event"]\n'
        '{"event"\n'
        '{"event": "e", "time": "2024-03-13"}\n'
    )  # fmt: skip

    assert verdicts(path) == [
        (1, "number_out_of_range"),
        (2, "invalid_unicode"),
        (3, None),
        (4, "too_deep"),
        (5, "not_an_object"),
        (6, "malformed_json"),
        (7, None),
    ]


def test_other_encodings_are_read_when_named_and_utf_16_by_its_mark(tmp_path: Path) -> None:
    text = "user_id,event,time\nJörg,home,2024-03-13\n"
    latin, wide = tmp_path / "latin.csv", tmp_path / "wide.csv"
    latin.write_bytes(text.encode("windows-1252"))
    wide.write_bytes(text.encode("utf-16"))

    assert "Jörg" in read(latin, encoding="windows-1252")[0].body.decode()
    assert "Jörg" in read(wide)[0].body.decode()
    with pytest.raises(FatalError, match="--encoding names what it is"):
        read(latin)
    with pytest.raises(FatalError, match="no encoding is called 'klingon'"):
        read(latin, encoding="klingon")


def test_a_file_that_is_not_what_its_name_says_is_named_for_what_it_is(tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [["user_id"]])
    (tmp_path / "b.csv").write_bytes(file.read_bytes())
    (tmp_path / "c.xlsx").write_text("user_id,event,time\n")
    (tmp_path / "d.parquet").write_bytes(b"PAR1 and nothing more")
    (tmp_path / "e.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    (tmp_path / "f.json").write_text('[{"event": "e"}]')

    for name, words in {
        "b.csv": "b.csv is no csv file; --format xlsx may read it",
        "c.xlsx": "the workbook is damaged, or none",
        "d.parquet": "the Parquet file is damaged, or none",
        "e.xls": "save it as XLSX or CSV",
        "f.json": "one JSON array, not one object a line",
    }.items():
        with pytest.raises(FatalError, match=words):
            read(tmp_path / name)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.99])
def test_a_file_that_was_cut_off_is_a_sentence(tmp_path: Path, part: float) -> None:
    rows = [["user_id", "event", "time"], *([f"u{n}", "home", "2024-03-13"] for n in range(200))]
    file = workbook(tmp_path / "a.xlsx", rows)
    columns = {"user_id": ["a"] * 200, "event": ["e"] * 200, "time": ["2024-03-13"] * 200}
    parquet = parquet_file(tmp_path / "a.parquet", columns)

    for path in (file, parquet):
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(FatalError, match="damaged, or none"):
            read(path)
