"""`stageline map` without a server: checking, ready maps, and what it says when it cannot go on."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from shared.maps import parse, templates

SMALL = """\
journey: small
title: Small
subject: account
stages:
  - {key: one, title: One, job: a, owner: b}
  - {key: two, title: Two, job: a, owner: b, enter: {event: Order Completed}}
"""


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No instance in this folder, none in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "STAGELINE_URL",
        "STAGELINE_SECRET_KEY",
        "STAGELINE_WRITE_KEY",
        "STAGELINE_DATABASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*arguments: str, stdin: str | bytes | None = None) -> Any:
    return CliRunner().invoke(app, ["map", *arguments], input=stdin)


def test_a_sound_map_is_praised_with_its_warnings(elsewhere: Path) -> None:
    Path(elsewhere, "small.yaml").write_text(SMALL, encoding="utf-8")

    result = run("validate", "small.yaml")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "small.yaml:6:5: warning: stages[1]: no stage comes after the purchase",
        "    customers go on after they have bought: onboarding, retention, renewal",
        "1 map: 0 errors, 1 warning",
    ]


def test_warnings_fail_where_they_are_asked_to(elsewhere: Path) -> None:
    Path(elsewhere, "small.yaml").write_text(SMALL, encoding="utf-8")

    assert run("validate", "--strict", "small.yaml").exit_code == 3


def test_every_mistake_is_a_line_that_editors_can_follow() -> None:
    result = run("validate", "-", stdin=SMALL.replace("owner: b}", "onwer: b}"))

    assert result.exit_code == 3
    assert result.stdout.splitlines() == [
        "stdin:5:36: error: stages[0].onwer: `onwer` is not a key that belongs here",
        "    did you mean `owner`?",
        "1 map: 1 error, 0 warnings",
    ]


def test_findings_come_as_json_for_other_programs(elsewhere: Path) -> None:
    Path(elsewhere, "good.yaml").write_text(templates.read("lifecycle-7"), encoding="utf-8")
    Path(elsewhere, "bad.yaml").write_text(SMALL.replace("account", "acount"), encoding="utf-8")

    result = run("validate", "--json", "good.yaml", "bad.yaml")

    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "errors": 1,
        "warnings": 0,
        "findings": [
            {
                "file": "bad.yaml",
                "severity": "error",
                "line": 3,
                "column": 10,
                "path": "subject",
                "message": "must be one of account, person",
                "hint": "did you mean `account`?",
            }
        ],
    }


def test_bytes_that_are_no_text_end_in_a_sentence() -> None:
    result = run("validate", "-", stdin=b"journey: \xff\n")

    assert result.exit_code == 3
    assert result.stdout.splitlines()[0] == "stdin:1:10: error: not UTF-8"


def test_a_file_that_is_not_there_ends_in_a_sentence() -> None:
    result = run("validate", "missing.yaml")

    assert result.exit_code == 1
    assert "missing.yaml: no such file, and no ready map of that name" in result.stderr
    assert "stageline map templates b2b-jtbd-7 > missing.yaml" in result.stderr


@pytest.mark.parametrize("name", templates.names())
def test_a_ready_map_can_be_printed_and_begun_with(name: str) -> None:
    printed = run("templates", name)

    assert printed.exit_code == 0
    assert parse(printed.stdout).journey == name


def test_a_ready_map_is_found_by_its_name_where_no_file_has_it(elsewhere: Path) -> None:
    by_name = run("validate", "shop-person")
    Path(elsewhere, "shop-person").write_text("journey: [", encoding="utf-8")
    by_file = run("validate", "shop-person")

    assert by_name.exit_code == 0
    assert by_file.exit_code == 3


def test_the_list_of_ready_maps_names_the_default() -> None:
    listed = run("templates")

    assert listed.exit_code == 0
    assert all(name in listed.stdout for name in templates.names())
    assert "b2b-jtbd-7 (default)" in listed.stdout


def test_an_unknown_ready_map_ends_in_a_sentence_with_those_there_are() -> None:
    result = run("templates", "nothing")

    assert result.exit_code == 1
    assert "shop-person" in result.stderr


def test_the_schema_is_json() -> None:
    assert json.loads(run("schema").stdout)["title"] == "Stageline journey map"


def test_a_bad_map_is_not_sent_anywhere() -> None:
    result = run("publish", "-", stdin="journey: x\n")

    assert result.exit_code == 3
    assert "the map is not published" in result.stderr
    assert "`stages` is missing" in result.stderr


@pytest.mark.parametrize("arguments", [["list"], ["show", "small"]])
def test_without_an_address_it_says_where_one_could_come_from(arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.exit_code == 1
    assert "no address or key" in result.stderr


def test_an_address_without_a_server_ends_in_a_sentence() -> None:
    result = run("list", "--url", "http://127.0.0.1:9", "--key", "sk_x")

    assert result.exit_code == 1
    assert "nothing answers at that address" in result.stderr
