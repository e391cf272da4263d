import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from shared.keys.token import parse

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


def test_a_table_for_people_names_each_key(keys: Command) -> None:
    keys("create", "--kind", "write", "--label", "shop", "--expires-in-days", "30")

    listed = keys("list")

    assert listed.exit_code == 0
    assert all(word in listed.stdout for word in ("shop", "write", "active", "events:write"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "--kind", "write", "--scope", "maps:write"], "events:write"),
        (["revoke", "0123456789ab"], "no such key"),
    ],
)
def test_a_mistake_is_a_sentence(keys: Command, arguments: list[str], says: str) -> None:
    result = keys(*arguments)

    assert result.exit_code == 1
    assert says in result.stderr
