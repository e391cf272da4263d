"""`stageline identity progress` and `resolve-again`, on the database."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli.identity import resolving
from services.cli.main import app
from tests.support.database import connected

Command = Callable[..., Result]


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAGELINE_DATABASE_URL", database_url)
    return lambda *arguments: CliRunner().invoke(app, ["identity", *arguments])


def execute(url: str, statement: str) -> None:
    async def run() -> None:
        async with connected(url) as owner:
            await owner.execute(statement)

    asyncio.run(run())


NAMES = """
    INSERT INTO identifier (workspace_id, identifier, person_id, subject_id, version)
    SELECT w, 'user:' || n, 'user:' || n, 'user:' || n, 7
    FROM generate_series(1, 5) AS n, (VALUES (1), (2)) AS k (w)
"""


def shown(command: Command, name: str) -> dict[str, Any]:
    result = command(name, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_where_no_name_waits_it_says_so(command: Command) -> None:
    assert command("progress").stdout == "no name waits to be resolved again\n"
    assert shown(command, "progress")["left"] == 0


def test_every_name_of_every_workspace_waits_after_it(
    command: Command, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving, "_CHUNK", 4)
    execute(database_url, NAMES)

    begun = shown(command, "resolve-again")
    execute(database_url, "UPDATE identifier SET version = 8 WHERE identifier = 'user:1'")

    assert (begun["total"], begun["done"], begun["left"]) == (10, 0, 10)
    assert begun["finished_at"] is None
    assert command("progress").stdout == "2 of 10 names resolved again, 8 wait\n"
    assert command("resolve-again").stdout == "0 of 10 names resolved again, 10 wait\n"
