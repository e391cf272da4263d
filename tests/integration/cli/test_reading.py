"""`stageline accounts|stage|explain|timeline|alerts` against a real api on a real port and database."""

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
from shared.process.listener import bind
from tests.integration.api.rows import at
from tests.integration.api.world import api_world

STALL = "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The command line with a secret key in its environment."""

    environ: dict[str, str]

    async def __call__(self, *arguments: str) -> Any:
        """Run in a thread: the api that it talks to runs on this loop."""
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=self.environ)


@pytest.fixture
async def command(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Reading]:
    """Three accounts: two in evaluation, of which one is stalled, and one in research."""
    monkeypatch.chdir(tmp_path)
    stop = asyncio.Event()
    listener = bind("127.0.0.1", 0)
    # A command may connect before the server has begun to accept.
    listener.listen()
    async with api_world(database_url) as world, asyncio.TaskGroup() as tasks:
        await world.account("acme", status="stalled", stalled_at=at("09 10:00"))
        await world.account("bolt")
        await world.account("a/b [red]c", stage="research")
        await world.touchpoint("acme", "m-1", occurred="01 08:00", event="Page Viewed")
        await world.touchpoint("acme", "m-2", occurred="03 08:00", event="Demo Requested")
        await world.alert(STALL)
        tasks.create_task(serve(world.app, listener, stop), name="api")
        yield Reading(
            environ={
                "STAGELINE_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
                "STAGELINE_SECRET_KEY": world.secret,
                "STAGELINE_DATABASE_URL": database_url,
            }
        )
        stop.set()


async def test_accounts_are_a_table_that_the_filters_of_the_api_narrow(command: Reading) -> None:
    every = await command("accounts")
    stuck = await command("accounts", "--status", "stalled", "--owner", "sales")
    early = await command("accounts", "--stage", "research", "--journey", "sales", "--json")

    assert (every.exit_code, stuck.exit_code) == (0, 0)
    header, *rows = every.stdout.splitlines()
    assert header.split("  ")[0] == "account"
    assert [row.split("  ")[0] for row in rows] == ["a/b [red]c", "acme", "bolt"]
    assert [row.split("  ")[0] for row in stuck.stdout.splitlines()[1:]] == ["acme"]
    assert [item["account_id"] for item in json.loads(early.stdout)["items"]] == ["a/b [red]c"]


async def test_a_long_list_says_how_to_go_on(command: Reading) -> None:
    first = await command("accounts", "--limit", "2")
    cursor = first.stderr.split("--cursor ")[1].strip()
    second = await command("accounts", "--limit", "2", "--cursor", cursor)

    assert "bolt" not in first.stdout
    assert [row.split("  ")[0] for row in second.stdout.splitlines()[1:]] == ["bolt"]
    assert second.stderr == ""


async def test_a_profile_is_shown_for_any_id(command: Reading) -> None:
    shown = await command("accounts", "a/b [red]c")

    assert shown.exit_code == 0
    assert "a/b [red]c" in shown.stdout
    assert "sales: Research, active since 2026-03-02 09:30" in shown.stdout


async def test_the_stage_of_an_account_names_stage_status_and_what_comes_next(
    command: Reading,
) -> None:
    table = await command("stage", "acme")
    as_json = json.loads((await command("stage", "acme", "--json")).stdout)

    assert [line.strip().split(maxsplit=1) for line in table.stdout.splitlines()[:4]] == [
        ["account", "acme"],
        ["journey", "sales, version 1"],
        ["stage", "Evaluation"],
        ["status", "stalled"],
    ]
    assert (as_json["stage"], as_json["next"]["key"]) == ("evaluation", "purchase")


async def test_an_explanation_says_what_would_move_the_account(command: Reading) -> None:
    explained = await command("explain", "acme")

    assert explained.exit_code == 0
    assert "acme on sales version 1" in explained.stdout
    assert "missing: " in explained.stdout


async def test_a_timeline_is_in_the_order_that_was_asked_for(command: Reading) -> None:
    newest = await command("timeline", "acme")
    oldest = await command("timeline", "acme", "--order", "oldest")

    assert [line[:16] for line in newest.stdout.splitlines()[1:]] == [
        "2026-03-03 08:00",
        "2026-03-01 08:00",
    ]
    assert [line[:16] for line in oldest.stdout.splitlines()[1:]] == [
        "2026-03-01 08:00",
        "2026-03-03 08:00",
    ]
    assert "2 days" in newest.stdout


async def test_alerts_name_account_owner_risk_and_reason(command: Reading) -> None:
    opened = await command("alerts", "--state", "open", "--owner", "sales", "--kind", "stall")
    resolved = await command("alerts", "--state", "resolved")

    assert "acme has been in Evaluation for 14 days" in opened.stdout
    assert "12,000" in opened.stdout
    assert (resolved.stdout, resolved.stderr) == ("", "no alert passes these filters\n")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["stage"], 2, "name an account, or one of --user-id"),
        (["stage", "acme", "--email", "a@b.example"], 2, "name an account, or one of"),
        (["stage", "nobody"], 3, "`stageline accounts` lists those that there are"),
        (["explain", "acme", "--journey", "sale"], 3, "`stageline map list` shows"),
        (["accounts", "--status", "lost"], 3, "/query/status: Input should be 'active', 'stalled'"),
        (["alerts", "--cursor", "x"], 3, "start again without it"),
    ],
)
async def test_a_mistake_is_a_sentence_with_the_way_out(
    command: Reading, arguments: list[str], code: int, says: str
) -> None:
    result = await command(*arguments)

    assert result.exit_code == code
    assert says in result.stderr
    assert "Traceback" not in result.stderr
