import gzip
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.cli.importing.formats.cells import Shape
from services.cli.importing.formats.opening import format_of
from services.cli.importing.mapping import ColumnMapping, Constant
from services.cli.importing.rows import Row, open_rows
from shared.errors import FatalError


def read(path: Path, mapping: ColumnMapping | None = None, **shape: Any) -> list[Row]:
    how = Shape(format=format_of(path), **shape)
    with open_rows(path, mapping or ColumnMapping(), how) as rows:
        return list(rows.rows)


def touchpoints(
    path: Path, mapping: ColumnMapping | None = None, **shape: Any
) -> list[dict[str, object] | str]:
    return [
        row.problem.detail if row.problem else json.loads(row.body)
        for row in read(path, mapping, **shape)
    ]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.csv"
    path.write_text("user,what,when\nann,cart,2024-03-13 10:21:14\nbob,home,2024-03-13 10:22:00\n")
    return path


SHOP = ColumnMapping(columns={"user_id": "user", "event": "what", "occurred_at": "when"})


def test_columns_become_fields_and_a_time_without_zone_is_read_in_utc(shop: Path) -> None:
    first, _ = touchpoints(shop, SHOP)

    assert isinstance(first, dict)
    assert first.pop("message_id")
    assert first == {
        "user_id": "ann",
        "event": "cart",
        "occurred_at": "2024-03-13T10:21:14+00:00",
        "sequence": 2,
    }


def test_a_time_zone_moves_times_that_name_none(shop: Path) -> None:
    mapping = ColumnMapping(columns=SHOP.columns, timezone=ZoneInfo("Europe/Berlin"))

    first, _ = touchpoints(shop, mapping)

    assert isinstance(first, dict)
    assert first["occurred_at"] == "2024-03-13T09:21:14+00:00"


def test_a_file_read_twice_gives_the_same_names(shop: Path) -> None:
    assert touchpoints(shop, SHOP) == touchpoints(shop, SHOP)


def test_two_identical_rows_are_two_events(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("user_id,event,time\nann,home,2024-03-13\nann,home,2024-03-13\n")

    names = [row["message_id"] for row in touchpoints(path) if isinstance(row, dict)]

    assert len(set(names)) == 2


def test_a_row_keeps_its_name_in_a_file_that_has_grown_before_it(tmp_path: Path) -> None:
    short, long = tmp_path / "short.csv", tmp_path / "long.csv"
    short.write_text("user_id,event,time\nann,home,2024-03-13\n")
    long.write_text("user_id,event,time\nbob,cart,2024-03-12\nann,home,2024-03-13\n")

    (before,), (_, after) = touchpoints(short), touchpoints(long)
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert before["message_id"] == after["message_id"]


@pytest.mark.parametrize(
    ("days", "places"),
    [
        (["13", "13", "14"], [2, 3, 4]),
        (["14", "13", "13"], [-2, -3, -4]),
    ],
)
def test_a_rows_place_is_its_line_and_negative_in_a_file_that_runs_newest_first(
    tmp_path: Path, days: list[str], places: list[int]
) -> None:
    path = tmp_path / "days.csv"
    path.write_text("user_id,event,time\n" + "".join(f"ann,home,2024-03-{day}\n" for day in days))

    sequences = [row["sequence"] for row in touchpoints(path) if isinstance(row, dict)]

    assert sequences == places


def test_a_message_id_of_the_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "named.csv"
    path.write_text("message_id,user_id,event,time\nm-1,ann,home,2024-03-13\n")

    (row,) = touchpoints(path)

    assert isinstance(row, dict)
    assert row["message_id"] == "m-1"


def test_gzip_is_known_by_its_content_not_its_name(shop: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.csv"
    packed.write_bytes(gzip.compress(shop.read_bytes()))

    assert touchpoints(packed, SHOP) == touchpoints(shop, SHOP)


def test_the_byte_order_mark_of_a_spreadsheet_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(b"\xef\xbb\xbfuser_id,event,time\r\nann,home,2024-03-13\r\n")

    (row,) = touchpoints(path)

    assert isinstance(row, dict)
    assert row["user_id"] == "ann"


def test_ndjson_takes_touchpoints_as_they_are_and_reaches_into_objects(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text(
        '{"event": "Order Completed", "user": {"id": "ann"}, "timestamp": 1710325274000,'
        ' "properties": {"total": 12.5}}\n'
    )

    (row,) = touchpoints(path, ColumnMapping(columns={"user_id": "user.id"}))

    assert isinstance(row, dict)
    assert row.pop("message_id")
    assert row == {
        "event": "Order Completed",
        "user_id": "ann",
        "occurred_at": "2024-03-13T10:21:14+00:00",
        "properties": {"total": 12.5},
        "sequence": 1,
    }


def test_names_are_renamed_first_and_then_prefixed(shop: Path) -> None:
    mapping = ColumnMapping(
        columns=SHOP.columns, rename={"cart": "Cart Viewed"}, event_prefix="Shop: "
    )

    events = [row["event"] for row in touchpoints(shop, mapping) if isinstance(row, dict)]

    assert events == ["Shop: Cart Viewed", "Shop: home"]


def test_columns_are_gathered_as_properties_and_empty_cells_left_out(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("user_id,event,time,plan,seats\nann,home,2024-03-13,pro,\n")

    (row,) = touchpoints(
        path, ColumnMapping(objects={"properties": {"plan": "plan", "seat_count": "seats"}})
    )

    assert isinstance(row, dict)
    assert row["properties"] == {"plan": "pro"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ann,home,2024-03-13,,x", "5 cells where the header names 3"),
        ("ann,,2024-03-13", "no event name"),
        ("ann,home,", "no time"),
        ("ann,home,yesterday", "the time cannot be read; --time-format says how it is written"),
        ("ann,home,2024-13-01", "the time cannot be read; --time-format says how it is written"),
    ],
)
def test_a_bad_row_is_named_and_the_next_one_still_read(
    tmp_path: Path, line: str, problem: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"user_id,event,time\n{line}\nbob,home,2024-03-13\n")

    rows = [(row.line, row.problem and row.problem.detail) for row in read(path)]

    assert rows == [(2, problem), (3, None)]


def test_lines_are_counted_as_an_editor_does_also_after_a_cell_of_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text('user_id,event,time\n"an\nn",home,2024-03-13\nbob,,2024-03-13\n')

    assert [row.line for row in read(path)] == [2, 4]


def test_a_column_that_is_not_there_is_named_with_those_that_are(shop: Path) -> None:
    with pytest.raises(FatalError, match=r"no column nope; its columns are user, what, when"):
        touchpoints(shop, ColumnMapping(columns={"event": "nope"}))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "user_id,evnt,time",
            r"names the event: --event-column or --event does \(did you mean evnt\?\); its",
        ),
        (
            "user_id,Event,time",
            r"--event does \(did you mean Event\?\); its columns are user_id, Event",
        ),
        (
            "user_id,event,tme",
            r"no column tells the time: --time-column does \(did you mean tme\?\); its",
        ),
        ("user_id;event;time", "the header names one column; --delimiter ';' parts it"),
        ("user_id\tevent\ttime", r"--delimiter \$'\\t' parts it"),
    ],
    ids=["event", "case", "time", "semicolon", "tab"],
)
def test_a_file_of_which_every_row_would_be_refused_is_a_sentence(
    tmp_path: Path, header: str, message: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\nann,home,2024-03-13\n")

    with pytest.raises(FatalError, match=message):
        touchpoints(path)


def test_an_event_and_a_time_that_the_mapping_gives_need_no_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user_id\nann\n")
    constants: dict[str, Constant] = {"event": "Visited Us", "occurred_at": "2024-03-13"}

    (touchpoint,) = touchpoints(path, ColumnMapping(constants=constants))

    assert isinstance(touchpoint, dict)
    assert (touchpoint["event"], touchpoint["occurred_at"]) == (
        "Visited Us",
        "2024-03-13T00:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (gzip.compress(b"user_id,event,time\n" * 1000)[:-20], "damaged gzip"),
        (b"user_id,event,time\n\xff\xfe,home,2024-03-13\n", "not UTF-8 text; --encoding"),
    ],
    ids=["empty", "cut off", "not text"],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(content)

    with pytest.raises(FatalError, match=message):
        touchpoints(path)


def test_names_are_renamed_by_their_stored_form(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(
        "user_id,event,time\n"
        "ann,Call,2024-03-13 10:00:00\n"
        "ann,Call ,2024-03-13 10:00:00\n"
        "ann,Call\u00a0,2024-03-13 10:00:00\n"
        "ann,Rendez\u00a0vous cre\u0301e\u0301,2024-03-13 10:00:00\n",
        "utf-8",
    )
    mapping = ColumnMapping(rename={"Call": "Demo", "Rendez vous cr\u00e9\u00e9": "Met"})

    with open_rows(path, mapping, Shape(format=format_of(path))) as opened:
        names = [json.loads(row.body)["event"] for row in opened.rows]

    assert names == ["Demo", "Demo", "Demo", "Met"]


def scopes(path: Path, mapping: ColumnMapping | None = None) -> list[object]:
    made = touchpoints(path, mapping)
    return [each["message_id_scope"] for each in made if isinstance(each, dict)]


def table(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_ids_of_different_files_count_in_different_scopes(tmp_path: Path) -> None:
    rows = "1,{0},acme,2024-03-13\n2,{0},acme,2024-03-14\n"
    head = "message_id,event,account_id,date\n"
    orders = table(tmp_path, "orders.csv", head + rows.format("Order Placed"))
    tickets = table(tmp_path, "tickets.csv", head + rows.format("Ticket Opened"))
    shops = table(
        tmp_path, "s.csv", "message_id,event,user_id,date\n" + rows.format("Order Placed")
    )

    per_file = [scopes(each) for each in (orders, tickets, shops)]

    assert [len(set(each)) for each in per_file] == [1, 1, 1]
    assert len({each[0] for each in per_file}) == 3


def test_a_longer_or_wider_export_of_the_same_kind_repeats_the_ids(tmp_path: Path) -> None:
    first = "message_id,event,account_id,date\n1,Order Placed,acme,2024-03-13\n"
    wider = (
        "date,message_id,event,account_id,amount\n2024-03-13,1,Order Placed,acme,5\n"
        "2024-03-14,2,Order Placed,globex,6\n"
    )
    before = scopes(table(tmp_path, "january.csv", first))
    after = scopes(
        table(tmp_path, "february.csv", wider),
        ColumnMapping(
            objects={"properties": {"amount": "amount"}},
            rename={"Order Placed": "Purchase"},
            timezone=ZoneInfo("Europe/Berlin"),
        ),
    )

    assert before * 2 == after


def test_the_scope_of_a_constant_event_is_that_of_the_constant(tmp_path: Path) -> None:
    path = table(tmp_path, "a.csv", "message_id,account_id,date\n1,acme,2024-03-13\n")

    orders, tickets = (
        scopes(path, ColumnMapping(constants={"event": name})) for name in ("Order", "Ticket")
    )

    assert orders != tickets


def test_a_scope_that_is_given_is_sent_and_rows_named_by_content_have_none(tmp_path: Path) -> None:
    path = table(tmp_path, "a.csv", "message_id,event,account_id,date\n1,Order,acme,2024-03-13\n")
    plain = table(tmp_path, "b.csv", "event,account_id,date\nOrder,acme,2024-03-13\n")
    given = ColumnMapping(constants={"message_id_scope": "crm-eu"})

    assert scopes(path, given) == ["crm-eu"]
    (row,) = touchpoints(plain)
    assert isinstance(row, dict)
    assert "message_id_scope" not in row
