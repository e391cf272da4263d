"""Cases F1 and F3: look-ups see a value as it is stored; rows may be shorter or longer by empty cells."""

import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.cli.importing.formats.cells import Shape
from services.cli.importing.formats.opening import format_of
from services.cli.importing.mapping import ColumnMapping, checked
from services.cli.importing.rows import IN_THE_FUTURE, open_rows
from shared.errors import FatalError

HEADER = "user_id,event,time,channel\n"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def read(path: Path, mapping: ColumnMapping | None = None) -> list[dict[str, Any] | str]:
    """Each row as its touchpoint, or the code of its refusal."""
    how = Shape(format=format_of(path))
    with open_rows(path, mapping or ColumnMapping(), how, now=NOW) as rows:
        return [row.problem.code if row.problem else json.loads(row.body) for row in rows.rows]


def events(path: Path, mapping: ColumnMapping) -> list[str]:
    return [each if isinstance(each, str) else each["event"] for each in read(path, mapping)]


def csv(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "a.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


SPELLINGS = ["Call", "Call ", " Call", "Call\u00a0", "\u200bCall", "\ufeffCall"]


def test_a_rename_sees_the_name_as_it_is_stored(tmp_path: Path) -> None:
    path = csv(tmp_path, *(f"ann,{each},2024-03-13," for each in SPELLINGS))

    for written in ("Call", "Call\u00a0"):
        mapping = ColumnMapping(rename={written: "Demo Requested"})
        assert events(path, mapping) == ["Demo Requested"] * len(SPELLINGS)


def test_accents_may_be_written_in_two_ways_in_names_values_and_headers(tmp_path: Path) -> None:
    two = unicodedata.normalize("NFD", "Démo vidéo")
    header = unicodedata.normalize("NFD", "id,événement,time,clé\n")
    path = csv(tmp_path, f"ann,{two},2024-03-13,{two}", header=header)
    mapping = ColumnMapping(
        columns={"user_id": "id", "event": "événement", "channel": "clé"},
        rename={"Démo vidéo": "Demo Requested"},
        values={"channel": {"Démo vidéo": "video"}},
    )

    (row,) = read(path, mapping)

    assert isinstance(row, dict)
    assert (row["event"], row["channel"]) == ("Demo Requested", "video")


@pytest.mark.parametrize("blank", ["", " ", "\u00a0", "\u200b"])
def test_a_cell_of_which_nothing_would_be_stored_takes_the_default(
    tmp_path: Path, blank: str
) -> None:
    path = csv(tmp_path, f"ann,{blank},2024-03-13,{blank}")
    mapping = ColumnMapping(constants={"event": "Call", "channel": "phone"})

    (row,) = read(path, mapping)

    assert isinstance(row, dict)
    assert (row["event"], row["channel"]) == ("Call", "phone")


def test_a_time_may_have_blanks_of_any_kind_around_it(tmp_path: Path) -> None:
    path = csv(tmp_path, "ann,Call,\u200b2024-03-13\u00a010:00\u00a0,")

    (row,) = read(path)

    assert isinstance(row, dict)
    assert row["occurred_at"] == "2024-03-13T10:00:00+00:00"


def test_the_kind_of_a_numbered_row_is_that_of_the_stored_name(tmp_path: Path) -> None:
    header = "message_id,user_id,event,time\n"
    path = csv(tmp_path, *(f"1,ann,{each},2024-03-13" for each in SPELLINGS), header=header)

    rows = [each for each in read(path) if isinstance(each, dict)]
    assert len({each["message_id_scope"] for each in rows}) == 1


def test_two_spellings_of_one_name_that_mean_two_things_are_refused() -> None:
    with pytest.raises(FatalError, match="stands there twice"):
        checked(ColumnMapping(rename={"Call": "A", "Call ": "B"}))
    with pytest.raises(FatalError, match="values of channel"):
        checked(ColumnMapping(values={"channel": {"x": "a", "x\u00a0": "b"}}))
    checked(ColumnMapping(rename={"Call": "A", "Call ": "A"}))


def test_rows_may_lack_trailing_empty_cells_or_have_more_of_them(tmp_path: Path) -> None:
    path = csv(
        tmp_path, "ann,Call,2024-03-13", "ann,Call,2024-03-13,", "ann,Call,2024-03-13,,,,",
        "ann,Call,2024-03-13,,,x",
    )  # fmt: skip

    *rows, last = read(path)

    assert last == "unreadable_row"
    names = [each["message_id"] for each in rows if isinstance(each, dict)]
    assert [name.rpartition("-")[0] for name in names] == [names[0].rpartition("-")[0]] * 3


def test_a_row_that_ends_before_its_time_says_so(tmp_path: Path) -> None:
    assert read(csv(tmp_path, "ann,Call")) == ["invalid_occurred_at"]


@pytest.mark.parametrize(
    ("future", "expected"), [("refuse", [None, IN_THE_FUTURE]), ("skip", [None])]
)
def test_a_row_of_next_year_is_refused_or_left_out(
    tmp_path: Path, future: Any, expected: list[str | None]
) -> None:
    path = csv(tmp_path, "ann,Call,2026-02-28,", "ann,Meeting,2027-01-12,")
    mapping = ColumnMapping(future=future)

    with open_rows(path, mapping, Shape(format=format_of(path)), now=NOW) as rows:
        codes = [row.problem and row.problem.code for row in rows.rows]

    assert codes == expected
    assert rows.skipped.number == (1 if future == "skip" else 0)


def test_a_row_that_has_happened_meanwhile_keeps_its_message_id(
    tmp_path: Path,
) -> None:
    path = csv(tmp_path, "ann,Call,2026-03-01 00:00:30,", "ann,Meeting,2027-01-12,")
    later = datetime(2027, 1, 13, tzinfo=UTC)

    with open_rows(path, ColumnMapping(), Shape(format=format_of(path)), now=later) as rows:
        bodies = [json.loads(row.body) for row in rows.rows]
    first, second = read(path)

    assert isinstance(first, dict)
    assert second == IN_THE_FUTURE
    assert bodies[0]["message_id"] == first["message_id"]
    assert bodies[1]["occurred_at"] == "2027-01-12T00:00:00+00:00"
