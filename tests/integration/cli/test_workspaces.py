import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app

Command = Callable[..., Result]


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAGELINE_DATABASE_URL", database_url)
    return lambda *arguments: CliRunner().invoke(app, [*arguments])


def names(command: Command) -> list[str]:
    listed = json.loads(command("workspace", "list", "--json").stdout)
    return [each["name"] for each in listed["items"]]


def test_a_workspace_is_made_listed_and_renamed(command: Command) -> None:
    made = command("workspace", "create", "Brand A")
    renamed = command("workspace", "rename", "Brand A", "brand-a")
    listed = command("workspace", "list")

    assert (made.exit_code, renamed.exit_code, listed.exit_code) == (0, 0, 0)
    assert made.stdout == "Brand A is made: 2\n"
    assert "stageline keys create --kind secret --workspace 2" in made.stderr
    assert names(command) == ["default", "brand-a"]
    assert "brand-a" in listed.stdout


def test_keys_are_of_the_workspace_that_is_named(command: Command) -> None:
    command("workspace", "create", "brand-a")

    made = json.loads(
        command("keys", "create", "--kind", "secret", "--workspace", "brand-a", "--json").stdout
    )

    by_name = json.loads(command("keys", "list", "--workspace", "brand-a", "--json").stdout)
    by_id = json.loads(command("keys", "list", "--workspace", "2", "--json").stdout)
    default = json.loads(command("keys", "list", "--json").stdout)
    revoked = command("keys", "revoke", made["key_id"])
    assert [key["key_id"] for key in by_name["items"]] == [made["key_id"]]
    assert by_id == by_name
    assert default["items"] == []
    assert (revoked.exit_code, "no such key in this workspace" in revoked.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["keys", "create", "--kind", "write", "--workspace", "2"], "there are: default"),
        (["keys", "list", "--workspace", "nope"], "there is no such workspace"),
        (["workspace", "rename", "nope", "x"], "there is no such workspace"),
        (["workspace", "create", "default"], "another workspace has this name"),
        (["workspace", "create", "17"], "is not a number"),
        (["workspace", "create", ""], "begins with a letter or digit"),
        (["workspace", "create", "a\x1b[2Jb"], "letters, digits, spaces"),
        (["workspace", "create", "x" * 64], "at most 63"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_way_out(
    command: Command, arguments: list[str], says: str
) -> None:
    result = command(*arguments)

    assert result.exit_code == 1
    assert says in result.stderr
    assert "\x1b" not in result.stderr
    assert names(command) == ["default"]
