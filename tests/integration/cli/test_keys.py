import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from shared.keys.token import parse
from tests.conftest import ROOT

Command = Callable[..., Result]


@pytest.fixture
def keys(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAGELINE_DATABASE_URL", database_url)
    return lambda *arguments: CliRunner().invoke(app, ["keys", *arguments])


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(keys: Command) -> None:
    created = keys("create", "--kind", "secret", "--label", "crm", "--scope", "stages:read")
    token = created.stdout.strip()
    parsed = parse(token)
    assert parsed is not None
    listed = keys("list", "--json")
    revoked = keys("revoke", parsed.key_id)
    after = keys("list", "--json")

    assert (created.exit_code, revoked.exit_code) == (0, 0)
    assert token not in listed.stdout
    [key] = json.loads(listed.stdout)["items"]
    assert (key["key_id"], key["kind"], key["state"], key["label"], key["scopes"]) == (
        parsed.key_id,
        "secret",
        "active",
        "crm",
        ["stages:read"],
    )
    assert [item["state"] for item in json.loads(after.stdout)["items"]] == ["revoked"]


def test_scripts_get_the_key_as_json(keys: Command) -> None:
    created = json.loads(keys("create", "--kind", "write", "--json").stdout)

    assert created["kind"] == "write"
    assert created["key"].startswith(f"sl_wk_{created['key_id']}_")


def test_an_operator_key_is_made_for_a_terminal_or_a_pipe_but_never_into_a_file(
    keys: Command, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "keys",
        "create",
        "--kind",
        "operator",
        "--json",
    ]

    def made_into(stdout: int | IO[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - a command of our own
            command,
            check=False,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=60,
        )

    with (tmp_path / "key.txt").open("w") as file:
        refused = made_into(file)
    before = json.loads(keys("list", "--json").stdout)["items"]

    piped = made_into(subprocess.PIPE)

    made = json.loads(piped.stdout)
    after = json.loads(keys("list", "--json").stdout)["items"]
    assert (refused.returncode, "is not written to a file" in refused.stderr) == (2, True)
    assert (tmp_path / "key.txt").read_text() == ""
    assert before == []
    assert made["key"].startswith(f"sl_ok_{made['key_id']}_")
    assert [(key["key_id"], key["scopes"]) for key in after] == [
        (made["key_id"], ["workspaces:write"])
    ]


def test_without_an_address_of_the_database_the_sentence_names_the_ways_to_one(
    keys: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STAGELINE_DATABASE_URL")

    result = keys("list")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "run it in the folder of `make run`, or set STAGELINE_DATABASE_URL" in result.stderr


def test_a_write_key_without_a_source_is_made_with_a_word_on_what_protects_it(
    keys: Command,
) -> None:
    write = keys("create", "--kind", "write")
    secret = keys("create", "--kind", "secret")

    assert "stageline source create NAME --kind web" in write.stderr
    assert "belongs to no source" not in secret.stderr


def test_a_table_for_people_names_each_key(keys: Command) -> None:
    keys("create", "--kind", "write", "--label", "shop", "--expires-in-days", "30")

    listed = keys("list")

    assert listed.exit_code == 0
    assert all(word in listed.stdout for word in ("shop", "write", "active", "events:write"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "--kind", "write", "--scope", "maps:write"], "events:write"),
        (["create", "--kind", "secret", "--scope", "workspaces:write"], "a key of kind secret"),
        (["create", "--kind", "operator", "--scope", "stages:read"], "workspaces:write"),
        (["create", "--kind", "operator", "--workspace", "second"], "leave --workspace out"),
        (["revoke", "0123456789ab"], "no such key"),
    ],
)
def test_a_mistake_is_a_sentence(keys: Command, arguments: list[str], says: str) -> None:
    CliRunner().invoke(app, ["workspace", "create", "second"])

    result = keys(*arguments)

    assert result.exit_code == 1
    assert says in result.stderr
