"""`stageline identity junk`, and that ingest follows it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from shared.clock import ManualClock
from shared.contracts.names import JunkNames
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.sources.registry import SourceRegistry
from shared.storage import sources
from shared.storage.connect import DatabaseRole, create_engine
from tests.integration.api.world import NOW

Command = Callable[..., Result]


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAGELINE_DATABASE_URL", database_url)
    return lambda *arguments: CliRunner().invoke(app, ["identity", "junk", *arguments])


def listed(command: Command, *options: str) -> dict[str, list[str]]:
    answer: dict[str, list[str]] = json.loads(command("list", "--json", *options).stdout)
    return answer


def test_words_are_added_and_removed_in_any_case(command: Command) -> None:
    for arguments in (
        ("add", " Test\u00a0Shop "),
        ("add", "undefined"),
        ("remove", "GUEST"),
        ("remove", "0"),
        ("remove", "leah"),
        ("add", "0"),
    ):
        assert command(*arguments).exit_code == 0

    assert listed(command) == {"added": ["test shop"], "removed": ["guest"]}
    text = command("list").stdout
    assert "test shop  added" in text
    assert "guest  removed: it is a name here" in text
    assert "undefined" in text


def test_a_word_is_of_its_workspace(command: Command) -> None:
    CliRunner().invoke(app, ["workspace", "create", "brand-a"])

    command("add", "tester", "--workspace", "brand-a")

    assert listed(command) == {"added": [], "removed": []}
    assert listed(command, "--workspace", "brand-a") == {"added": ["tester"], "removed": []}


@pytest.mark.parametrize("word", ["", " \u200b", "x" * 513])
def test_a_word_that_cannot_be_an_id_is_refused(command: Command, word: str) -> None:
    answer = command("add", "--", word)

    assert answer.exit_code == 1
    assert "a word is not blank" in answer.stderr
    assert listed(command) == {"added": [], "removed": []}


async def _rules(database_url: str) -> JunkNames:
    engine = create_engine(database_url, role=DatabaseRole.INGEST, application_name="test")
    try:
        registry = SourceRegistry(sources.loader(engine, ManualClock(NOW)), spacing_seconds=0.0)
        assert await registry.refresh()
        rules = registry.rules(WorkspaceId(DEFAULT_WORKSPACE))
        assert rules is not None
        return rules.junk
    finally:
        await engine.dispose()


def test_ingest_reads_the_words_with_the_rules(command: Command, database_url: str) -> None:
    command("add", "tester")
    command("remove", "guest")

    junk = asyncio.run(_rules(database_url))

    assert junk == JunkNames(frozenset({"tester"}), frozenset({"guest"}))
    assert junk.holds("Tester")
    assert (junk.holds("Guest"), junk.trusts("Guest")) == (False, True)
