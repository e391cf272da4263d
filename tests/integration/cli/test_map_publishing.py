"""`stageline map publish`: what it says before, when it asks, and the way back; on a real terminal."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.http.server import serve
from shared.process.listener import bind
from tests.integration.api.world import MAP, World, api_world

EARLY = MAP.replace("enter: {event: Order Completed}", "enter: {event: Demo Requested}")
"""A demo is enough for the last stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """The command line in a folder with the map `early.yaml`."""

    url: str
    world: World
    folder: Path

    async def piped(self, *words: str) -> tuple[int, str]:
        """Exit code and output of `stageline map` without a terminal."""
        done = await asyncio.to_thread(
            subprocess.run,
            self._command(words),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    async def typed(self, *words: str, answer: str = "") -> tuple[int, str]:
        """The same on a terminal, at which `answer` is typed."""
        return await asyncio.to_thread(self._typed, words, answer)

    def _typed(self, words: tuple[str, ...], answer: str) -> tuple[int, str]:
        ours, theirs = os.openpty()
        with subprocess.Popen(  # noqa: S603 - our own command line
            self._command(words),
            cwd=self.folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            os.write(ours, answer.encode())
            output = b""
            # Reading fails once the other end is closed.
            with suppress(OSError):
                while chunk := os.read(ours, 4096):
                    output += chunk
        os.close(ours)
        return process.returncode, output.decode()

    def _command(self, words: tuple[str, ...]) -> list[str]:
        options = ("--url", self.url, "--key", self.world.secret)
        return [sys.executable, "-m", "services.cli", "map", *words, *options]


@pytest.fixture
async def commands(database_url: str, tmp_path: Path) -> AsyncIterator[Commands]:
    """Four accounts in evaluation by a demo, which the map `early.yaml` moves to the purchase."""
    (tmp_path / "early.yaml").write_text(EARLY)
    stop = asyncio.Event()
    listener = bind("127.0.0.1", 0)
    async with api_world(database_url) as world, asyncio.TaskGroup() as tasks:
        for number in range(4):
            account = f"acme-{number}"
            await world.account(account)
            await world.touchpoint(
                account, f"m-{number}", occurred="03 10:00", event="Demo Requested"
            )
        tasks.create_task(serve(world.app, listener, stop), name="api")
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Commands(url=url, world=world, folder=tmp_path)
        stop.set()


async def versions(commands: Commands) -> int:
    count: int = await commands.world.owner.fetchval("SELECT count(*) FROM journey_version")
    return count


async def test_a_dry_run_says_who_would_move_and_publishes_nothing(commands: Commands) -> None:
    code, output = await commands.piped("publish", "early.yaml", "--dry-run")
    _, as_json = await commands.piped("publish", "early.yaml", "--dry-run", "--json")

    assert (code, output.splitlines()) == (
        0,
        [
            "sales is in version 1",
            "4 subjects folded: 4 on the journey now, 4 of them would move (100%)",
            "  evaluation -> purchase: 4",
            "nothing was published",
        ],
    )
    assert json.loads(as_json)["moving"] == 4
    assert await versions(commands) == 1


async def test_on_a_terminal_it_asks_before_many_move_and_a_no_publishes_nothing(
    commands: Commands,
) -> None:
    code, output = await commands.typed("publish", "early.yaml", answer="n\n")
    after_no = await versions(commands)
    agreed, _ = await commands.typed("publish", "early.yaml", answer="y\n")

    assert "evaluation -> purchase: 4" in output
    assert "Publish it? [y/N]" in output
    assert (code, after_no) == (1, 1)
    assert (agreed, await versions(commands)) == (0, 2)


async def test_with_yes_or_without_a_terminal_it_asks_nothing(commands: Commands) -> None:
    typed, output = await commands.typed("publish", "early.yaml", "--yes")
    await commands.piped("rollback", "sales")
    piped, _ = await commands.piped("publish", "early.yaml")

    assert "Publish it?" not in output
    assert (typed, piped, await versions(commands)) == (0, 0, 4)


async def test_it_asks_nothing_if_few_move(commands: Commands) -> None:
    same = MAP.replace("title: Sales", "title: Selling")
    (commands.folder / "same.yaml").write_text(same)

    code, output = await commands.typed("publish", "same.yaml")

    assert code == 0
    assert "Publish it?" not in output


async def test_a_roll_back_is_one_command(commands: Commands) -> None:
    await commands.piped("publish", "early.yaml")

    code, output = await commands.piped("rollback", "sales")

    assert (code, output) == (
        0,
        "sales version 3 is published; it has the map of version 1\n",
    )
