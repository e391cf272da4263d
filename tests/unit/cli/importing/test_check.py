"""A dry run says what the real one would: the same rules, rows and codes; refused rows come back."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer

from services.cli.importing.check import Findings, check_rows
from services.cli.importing.formats.cells import Shape
from services.cli.importing.formats.opening import format_of
from services.cli.importing.mapping import ColumnMapping
from services.cli.importing.refused import RefusedFile
from services.cli.importing.report import print_findings
from services.cli.importing.rows import open_rows
from shared.errors import FatalError
from tests.unit.cli.importing.tables import workbook

NOW = datetime(2024, 7, 1, tzinfo=UTC)

ROWS = (
    "user_id,email,event,time,plan\n"
    "ann,,home,2024-03-13 10:00:00,pro\n"
    "ann,,cart,2024-03-14 10:00:00,\n"
    ",,home,2024-03-14 10:00:00,\n"
    ",no-address,home,2024-03-14 10:00:00,\n"
    "bob,,home,1969-03-14 10:00:00,\n"
    "bob,,home,soon,\n"
    "bob,,home,2024-03-14,,x\n"
    "bob,,home,2025-01-01 00:00:00,\n"
)


def check(
    path: Path, mapping: ColumnMapping | None = None, errors: Path | None = None, **shape: Any
) -> Findings:
    settled = mapping or ColumnMapping()
    how = Shape(format=format_of(path), **shape)
    with open_rows(path, settled, how, now=NOW) as rows:
        kept = (
            RefusedFile(
                errors, shape=how, mapping=settled, columns=rows.columns, is_continued=False
            )
            if errors
            else None
        )
        findings = check_rows(rows, settled, now=NOW, batch_rows=3, kept=kept)
        if kept:
            kept.close()
    return findings


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.csv"
    path.write_text(ROWS)
    return path


def test_a_dry_run_counts_what_ingest_would_accept_and_refuse(shop: Path) -> None:
    assert check(shop).as_json() == {
        "rows": 8,
        "accepted": 2,
        "refused": 6,
        "refused_by_code": {
            "invalid_occurred_at": {
                "rows": 2,
                "first_lines": [6, 7],
                "first_detail": "`occurred_at` is after 1970 began: what lies before is a missing"
                " date.",
            },
            "missing_identity": {
                "rows": 1,
                "first_lines": [4],
                "first_detail": "An event names somebody: at least one of account_id, user_id,"
                " anonymous_id, email, external_id, account_external_id.",
            },
            "invalid_email": {
                "rows": 1,
                "first_lines": [5],
                "first_detail": "`email` has the form name@domain.",
            },
            "unreadable_row": {
                "rows": 1,
                "first_lines": [8],
                "first_detail": "6 cells where the header names 5",
            },
            "in_the_future": {
                "rows": 1,
                "first_lines": [9],
                "first_detail": "it has not happened yet: import it once it has, or leave such rows out"
                " with --future skip",
            },
        },
        "from": "2024-03-13T10:00:00+00:00",
        "to": "2024-03-14T10:00:00+00:00",
        "skipped_future": 0,
        "newest_first": False,
        "events": {"home": 1, "cart": 1},
        "other_events": 0,
        "accounts": {"count": 0, "exact": True},
        "people": {"count": 1, "exact": True},
        "ignored_ids": {},
        "unused_columns": ["plan"],
        "ties": 0,
        "samples": [
            {"event": name, "occurred_at": f"2024-03-{day}T10:00:00Z", "user_id": "ann"}
            for name, day in (("home", 13), ("cart", 14))
        ],
    }


def test_a_dry_run_prints_the_sentence_of_refused_rows_without_a_file_for_them(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        print_findings(check(shop), as_json=False, misspelt={})

    assert [line for line in capsys.readouterr().out.splitlines() if "  line " in line] == [
        (
            "  line 4: missing_identity: An event names somebody: at least one of account_id, user_id,"
            " anonymous_id, email, external_id, account_external_id."
        ),
        "  line 5: invalid_email: `email` has the form name@domain.",
        (
            "  line 6: invalid_occurred_at: `occurred_at` is after 1970 began: what lies before is a"
            " missing date."
        ),
        (
            "  line 7: invalid_occurred_at: the time cannot be read; --time-format says how it is"
            " written"
        ),
        "  line 8: unreadable_row: 6 cells where the header names 5",
        (
            "  line 9: in_the_future: it has not happened yet: import it once it has, or leave such rows"
            " out with --future skip"
        ),
    ]


def test_each_code_has_a_sentence_however_many_rows_of_another_came_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "many.csv"
    rows = "".join("bob,,home,soon,\n" for _ in range(100))
    path.write_text(f"{ROWS.splitlines()[0]}\n{rows},,home,2024-01-01 00:00:00,\n")

    findings = check(path)
    with pytest.raises(typer.Exit):
        print_findings(findings, as_json=False, misspelt={})

    printed = capsys.readouterr().out
    assert [each.line for each in findings.first_problems] == [*range(2, 22), 102]
    assert "line 102: missing_identity: An event names somebody" in printed
    assert "more rows would be refused; --errors FILE keeps all of them" in printed


def test_refused_rows_are_kept_unchanged_and_are_accepted_once_corrected(
    shop: Path, tmp_path: Path
) -> None:
    errors = tmp_path / "refused.csv"

    check(shop, errors=errors)
    refused = list(csv.reader(errors.read_text().splitlines()))
    text = errors.read_text().replace("soon", "2024-03-15").replace("1969", "2024")
    corrected = tmp_path / "corrected.csv"
    corrected.write_text(text.replace("no-address", "a@example.com"))

    assert refused[0] == [
        "import_line", "import_code", "import_detail", "user_id", "email", "event", "time", "plan",
    ]  # fmt: skip
    assert refused[4][3:] == ["bob", "", "home", "soon", ""]
    assert refused[5][:2] == ["8", "unreadable_row"]
    assert refused[5][3:] == ["bob", "", "home", "2024-03-14", "", "x"]
    again = check(corrected)
    assert (again.accepted, dict(again.by_code)) == (
        3,
        {"missing_identity": 1, "unreadable_row": 1, "in_the_future": 1},
    )
    assert again.unused_columns == ["plan"]


def test_a_corrected_row_has_the_message_id_that_it_has_in_the_corrected_original(
    shop: Path, tmp_path: Path
) -> None:
    def names(path: Path) -> dict[str, str]:
        with open_rows(path, ColumnMapping(), Shape(format=format_of(path))) as rows:
            bodies = [json.loads(row.body) for row in rows.rows if row.problem is None]
        return {body["occurred_at"]: body["message_id"] for body in bodies}

    errors = tmp_path / "refused.csv"
    check(shop, errors=errors)
    for path in (shop, errors):
        path.write_text(path.read_text().replace("soon", "2024-03-15"))

    moment = "2024-03-15T00:00:00+00:00"
    assert names(shop)[moment] == names(errors)[moment]


def test_refused_rows_keep_the_manner_of_their_file(tmp_path: Path) -> None:
    path, errors = tmp_path / "a.csv", tmp_path / "refused.csv"
    path.write_bytes("user_id;event;time\nJörg;home;soon\n".encode("windows-1252"))

    check(path, errors=errors, delimiter=";", encoding="windows-1252")
    again = check(errors, delimiter=";", encoding="windows-1252")

    assert errors.read_bytes().splitlines()[1].endswith("J\xf6rg;home;soon".encode("latin-1"))
    assert dict(again.by_code) == {"invalid_occurred_at": 1}


def test_what_is_no_csv_is_kept_as_it_stands_with_the_rows_that_it_took_along(
    tmp_path: Path,
) -> None:
    path, errors = tmp_path / "a.csv", tmp_path / "refused.csv"
    path.write_text(
        'user_id,event,time\nann,"ho"me,2024-03-13\nbob,home,2024-03-13\n'
        'cid,"home,2024-03-13\ndan,home,2024-03-13\n'
    )

    findings = check(path, errors=errors)
    again = check(errors)

    assert (findings.accepted, findings.first_lines) == (1, {"unreadable_row": [2, 4]})
    with errors.open(newline="") as file:
        _, ann, cid = csv.reader(file)
    assert ann[3:] == ['ann,"ho"me,2024-03-13\n']
    assert cid[2].endswith(", up to line 5")
    assert cid[3:] == ['cid,"home,2024-03-13\ndan,home,2024-03-13\n']
    assert again.by_code == {"unreadable_row": 2}


def test_refused_rows_of_a_workbook_come_as_csv_or_as_ndjson_with_their_numbers(
    tmp_path: Path,
) -> None:
    rows = [["user_id", "event", "time", "seats"], [42, "home", "soon", 12.5]]
    path = workbook(tmp_path / "a.xlsx", rows)

    check(path, errors=tmp_path / "r.csv")
    check(path, errors=tmp_path / "r.ndjson")

    assert (tmp_path / "r.csv").read_text().splitlines()[1].endswith("42,home,soon,12.5")
    line = json.loads((tmp_path / "r.ndjson").read_text())
    assert (line["import_line"], line["import_code"]) == (2, "invalid_occurred_at")
    assert (line["user_id"], line["seats"]) == (42, 12.5)


def test_a_date_cell_of_a_refused_row_comes_back_in_the_form_that_the_import_reads(
    tmp_path: Path,
) -> None:
    rows = [["email", "event", "time"], ["no-address", "home", datetime(2024, 3, 31, 9, 5)]]  # noqa: DTZ001
    path, errors = workbook(tmp_path / "a.xlsx", rows), tmp_path / "r.csv"
    mapping = ColumnMapping(time_formats=("%d.%m.%Y %H:%M",), timezone=ZoneInfo("Europe/Berlin"))

    check(path, mapping, errors)
    errors.write_text(errors.read_text().replace("no-address", "a@example.com"))
    again = check(errors, mapping)

    assert errors.read_text().splitlines()[1].endswith("home,31.03.2024 09:05")
    assert again.accepted == 1
    assert again.earliest == datetime(2024, 3, 31, 7, 5, tzinfo=UTC)


def test_lines_of_ndjson_are_kept_as_ndjson_the_broken_ones_too(tmp_path: Path) -> None:
    path, errors = tmp_path / "a.ndjson", tmp_path / "refused.ndjson"
    path.write_text('{"event": "e", "plan": {"a": 1}}\n{"event"\n')

    check(path, errors=errors)
    kept = [json.loads(line) for line in errors.read_text().splitlines()]

    assert kept[0]["plan"] == {"a": 1}
    assert kept[1] | {"import_detail": ""} == {
        "import_row": '{"event"',
        "import_line": 2,
        "import_code": "malformed_json",
        "import_detail": "",
    }
    with pytest.raises(FatalError, match=r"--errors FILE\.ndjson"):
        check(path, errors=tmp_path / "refused.csv")


def test_columns_of_ndjson_that_nothing_uses_are_named_too(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"event": "e", "user": {"id": "a"}, "time": "2024-03-13", "plan": 1}\n')

    assert check(path, ColumnMapping(columns={"user_id": "user.id"})).unused_columns == ["plan"]


def test_event_names_beyond_the_limit_are_counted_together(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f"ann,event {n},2024-03-13" for n in range(1_005)]
    path.write_text("\n".join(["user_id,event,time", *lines, lines[0]]))

    findings = check(path)

    assert (len(findings.events), findings.other_events, findings.accepted) == (1_000, 5, 1_006)
    assert findings.events["event 0"] == 2


def test_an_event_beyond_ingests_limit_is_refused_with_ingests_code(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"user_id,event,time,text\nann,home,2024-03-13,{'x' * 500_000}\n")

    findings = check(path, ColumnMapping(objects={"properties": {"text": "text"}}))

    assert dict(findings.by_code) == {"event_too_large": 1}


def test_a_dry_run_counts_ids_that_were_left_out_and_names_in_their_stored_form(
    tmp_path: Path,
) -> None:
    path = tmp_path / "crm.csv"
    path.write_text(
        "user_id,email,external_id,account_external_id,event,time\n"
        "undefined,Ann@x.example,,hubspot:company:701,Demo\u00a0Held,2024-03-13 10:00:00\n"
        ",ann@x.example\u200b,,hubspot:company:701,Demo Held,2024-03-13 10:00:00\n"
        ",,hubspot:contact:8301,n/a,Demo Held,2024-03-13 10:00:00\n",
        "utf-8",
    )

    findings = check(path)

    assert (findings.accepted, findings.refused) == (3, 0)
    assert findings.events == {"Demo Held": 3}
    assert (findings.accounts, findings.people) == (1, 2)
    assert findings.ignored_ids == {"user_id": 1, "account_external_id": 1}
    assert findings.unused_columns == []


def test_events_of_one_instant_are_counted_for_each_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "days.csv"
    path.write_text(
        "account_id,event,time\nacme,lost,2024-03-13\nacme,won,2024-03-13\nbeta,won,2024-03-13\n"
        "acme,won,2024-03-14\nacme,lost,2024-03-13\n"
    )

    findings = check(path)
    print_findings(findings, as_json=False, misspelt={})

    assert findings.ties == 2
    assert "2 events at the very instant of another one" in capsys.readouterr().out
