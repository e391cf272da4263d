"""`stageline map publish|list|show` against a real api on a real port and database."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from shared.http.server import serve
from shared.maps import templates
from shared.process.listener import bind
from tests.integration.api.world import api_world
from tests.support.database import Connection

SMALL = """\
journey: small
title: Small
subject: account
stages:
  - {key: one, title: One}
  - {key: two, title: Two, enter: {event: Order Completed}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapCommand:
    """The command line with a secret key in its environment."""

    url: str
    key: str

    async def __call__(self, *arguments: str, stdin: str | None = None) -> Any:
        """Run in a thread: the api that it talks to runs on this loop."""
        words = ["map", *arguments, "--url", self.url, "--key", self.key]
        return await asyncio.to_thread(CliRunner().invoke, app, words, input=stdin)


@pytest.fixture
async def command(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[MapCommand]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAGELINE_DATABASE_URL", database_url)
    stop = asyncio.Event()
    listener = bind("127.0.0.1", 0)
    async with api_world(database_url) as world, asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(world.app, listener, stop), name="api")
        yield MapCommand(url=f"http://127.0.0.1:{listener.getsockname()[1]}", key=world.secret)
        stop.set()


async def test_a_map_is_published_once_listed_and_shown_as_it_was_written(
    command: MapCommand,
) -> None:
    written = templates.read("b2b-jtbd-7")

    first = await command("publish", "-", stdin=written)
    again = await command("publish", "-", stdin=written)
    changed = await command("publish", "-", stdin=written.replace("stall_after: 60d", ""))
    listed = await command("list", "--json")
    newest = await command("show", "b2b-jtbd-7", "--json")
    shown = await command("show", "b2b-jtbd-7", "--version", "1")

    assert (first.exit_code, first.stdout) == (0, "b2b-jtbd-7 version 1 is published\n")
    assert again.stdout == "b2b-jtbd-7 version 1 says the same already\n"
    assert changed.stdout == "b2b-jtbd-7 version 2 is published\n"
    keys = [(each["key"], each["version"]) for each in json.loads(listed.stdout)["items"]]
    assert keys == [("b2b-jtbd-7", 2), ("sales", 1)]
    assert json.loads(newest.stdout)["version"] == 2
    assert shown.stdout == written


async def test_the_table_of_journeys_names_key_and_version(command: MapCommand) -> None:
    await command("publish", "-", stdin=SMALL)

    listed = await command("list")

    assert listed.exit_code == 0
    assert "small" in listed.stdout


async def test_the_default_is_marked_and_a_retired_journey_is_gone_from_the_list(
    command: MapCommand,
) -> None:
    await command("publish", "-", stdin=SMALL)

    chosen = await command("default", "small")
    listed = await command("list", "--json")
    retired = await command("retire", "sales")
    again = await command("retire", "sales")
    rest = await command("list", "--json")

    assert (chosen.exit_code, chosen.stdout) == (0, "small is the default journey\n")
    defaults = [each["key"] for each in json.loads(listed.stdout)["items"] if each["is_default"]]
    assert defaults == ["small"]
    assert retired.stdout.splitlines() == [
        "sales is retired; its placements and alerts go in the background",
        "To undo: stageline map rollback sales",
    ]
    assert again.stdout == "sales is retired already\n"
    assert [each["key"] for each in json.loads(rest.stdout)["items"]] == ["small"]


async def test_publishing_tells_the_warnings_apart_from_the_answer(command: MapCommand) -> None:
    published = await command("publish", "-", "--json", stdin=SMALL)

    assert json.loads(published.stdout) == {"key": "small", "version": 1, "changed": True}
    assert "warning: stages[0]: the stage `one` has no owner" in published.stderr


@pytest.mark.parametrize("journey", ["unknown", "a/b", "..", "é?x=1"])
async def test_a_journey_that_is_not_there_ends_in_a_sentence(
    command: MapCommand, journey: str
) -> None:
    shown = await command("show", journey)

    assert shown.exit_code == 3
    assert shown.stderr.startswith("stageline: refused with 40")


async def test_a_key_that_is_not_known_ends_in_a_sentence(command: MapCommand) -> None:
    stranger = MapCommand(url=command.url, key="sl_sk_unknown")

    listed = await stranger("list")

    assert listed.exit_code == 3
    assert "refused with 401" in listed.stderr


async def test_the_names_of_events_are_a_table_with_a_hint_at_misspelt_ones(
    command: MapCommand, owner: Connection
) -> None:
    await owner.execute(
        "INSERT INTO event_name VALUES (1, 'Demo Requestd', 1400, now(), '2026-03-02 09:00Z')"
    )
    words = ["events", "--url", command.url, "--key", command.key]

    table = await asyncio.to_thread(CliRunner(env={"COLUMNS": "150"}).invoke, app, words)
    unknown = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--unknown", "--json"])

    lines = [" ".join(line.split()) for line in table.stdout.splitlines()]
    assert lines[:3] == [
        "event events last seen (UTC) known to",
        "Demo Requestd 1,400 2026-03-02 09:00 no map; did you mean: Demo Requested?",
        "Deal Lost 0 - sales",
    ]
    assert [each["event"] for each in json.loads(unknown.stdout)["items"]] == ["Demo Requestd"]


async def test_a_missing_version_gets_another_sentence_than_a_missing_journey(
    command: MapCommand,
) -> None:
    version = await command("show", "sales", "--version", "9")
    journey = await command("show", "sails")

    assert "The journey has no such version; the newest is 1." in version.stderr
    assert "This workspace has no such journey." in journey.stderr


async def test_the_key_of_a_journey_is_listed_whole_on_a_narrow_terminal(
    command: MapCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    await command("publish", "b2b-jtbd-7")

    listed = await command("list")

    assert "b2b-jtbd-7" in listed.stdout
    assert "expansion_or_renewal" in listed.stdout.replace("\n", "").replace(" ", "")
