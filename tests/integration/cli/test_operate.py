from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.client.database import transact
from services.cli.main import app
from services.cli.operate.verify import examine
from shared.contracts.topics import TOUCHPOINTS
from tests.support.database import Connection

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OperatorCommand:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAGELINE_DATABASE_URL", database_url)
    return OperatorCommand()


class OperatorCommand:
    def __call__(self, *arguments: str) -> CommandResult:
        return CommandResult(CliRunner().invoke(app, arguments))


class CommandResult:
    def __init__(self, result: Any) -> None:
        self.code: int = result.exit_code
        self.out: str = result.stdout
        self.error: str = result.stderr

    def json(self) -> Any:
        return json.loads(self.out)


async def read_from_log(
    owner: Connection, *, next_offset: int, applied: int, duplicate: int, dead: int
) -> None:
    await owner.execute(
        """INSERT INTO consumer_offset
           (topic, partition, first_offset, next_offset, applied, duplicate, dead, updated_at)
           VALUES ($1, 0, 100, $2, $3, $4, $5, $6)""",
        TOUCHPOINTS, next_offset, applied, duplicate, dead, NOW,
    )  # fmt: skip


async def keep_dead_letter(owner: Connection, offset: int, value: bytes = b"{\x1b[31m") -> int:
    number: int = await owner.fetchval(
        """INSERT INTO dead_letter (workspace_id, topic, partition, record_offset, record_key,
           record_value, reason, detail, created_at)
           VALUES (0, $1, 0, $2, 'k', $3, 'malformed', 'no JSON', $4) RETURNING dead_letter_id""",
        TOUCHPOINTS, offset, value, NOW,
    )  # fmt: skip
    return number


async def test_verify_is_content_when_each_record_has_one_verdict(
    owner: Connection, database_url: str
) -> None:
    await read_from_log(owner, next_offset=103, applied=0, duplicate=2, dead=1)
    await keep_dead_letter(owner, 101)

    report = await transact(database_url, lambda connection: examine(connection, deep=False))

    assert report.problems == []


async def test_verify_names_the_partition_that_does_not_add_up(
    owner: Connection, database_url: str
) -> None:
    await read_from_log(owner, next_offset=105, applied=1, duplicate=2, dead=1)

    report = await transact(database_url, lambda connection: examine(connection, deep=False))

    assert report.problems == [
        f"{TOUCHPOINTS} partition 0: read 5, but applied + duplicate + dead + erased + retracted = 4",
        "1 records applied, but 0 touchpoints are kept",
        "1 records dead, but 0 dead letters are kept",
    ]


async def test_the_exit_code_of_verify_tells_a_script(
    owner: Connection, command: OperatorCommand
) -> None:
    clean = await asyncio.to_thread(command, "verify", "--json")
    await read_from_log(owner, next_offset=101, applied=0, duplicate=0, dead=0)
    broken = await asyncio.to_thread(command, "verify", "--json")

    assert (clean.code, clean.json()["problems"]) == (0, [])
    assert broken.code == 1


async def test_a_dead_letter_that_is_larger_than_the_log_takes_is_named_and_stops_no_other(
    owner: Connection, command: OperatorCommand
) -> None:
    await owner.execute(
        "INSERT INTO log_partition (topic, partition) VALUES ($1, 0) ON CONFLICT DO NOTHING",
        TOUCHPOINTS,
    )
    number = await keep_dead_letter(owner, 101, b"x" * 950_000)
    await keep_dead_letter(owner, 102)

    named = await asyncio.to_thread(command, "dlq", "replay", str(number))
    every = await asyncio.to_thread(command, "dlq", "replay", "--all", "--json")

    assert named.code == 1
    assert f"dead letter {number} has 950001 bytes" in named.error
    assert every.json() == {"replayed": 1, "unmapped": 0}


async def test_a_dead_letter_is_listed_shown_and_replayed_into_the_log(
    owner: Connection, command: OperatorCommand
) -> None:
    await owner.execute(
        "INSERT INTO log_partition (topic, partition) VALUES ($1, 0) ON CONFLICT DO NOTHING",
        TOUCHPOINTS,
    )
    number = await keep_dead_letter(owner, 101)

    listed = await asyncio.to_thread(command, "dlq", "list", "--json")
    shown = await asyncio.to_thread(command, "dlq", "show", str(number))
    replayed = await asyncio.to_thread(command, "dlq", "replay", "--all", "--json")
    again = await asyncio.to_thread(command, "dlq", "replay", "--all", "--json")
    records = await owner.fetch("SELECT record_value FROM log_record WHERE topic = $1", TOUCHPOINTS)

    assert [item["reason"] for item in listed.json()["items"]] == ["malformed"]
    assert "\x1b" not in shown.out  # the bytes of a stranger do not steer the terminal
    assert replayed.json() == {"replayed": 1, "unmapped": 0}
    assert again.json() == {"replayed": 0, "unmapped": 0}
    assert [bytes(record["record_value"]) for record in records] == [b"{\x1b[31m"]


async def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(
    command: OperatorCommand,
) -> None:
    ran = await asyncio.to_thread(command, "verfy")

    assert ran.code == 2
    assert "verify" in ran.error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dlq", "show", "77"], "there is no dead letter 77"),
        (["dlq", "replay"], "name the numbers"),
        (["dlq", "show", "x"], "valid integer"),
    ],
    ids=["unknown", "nothing named", "no number"],
)
async def test_a_mistake_ends_in_a_sentence(
    command: OperatorCommand, arguments: list[str], words: str
) -> None:
    ran = await asyncio.to_thread(command, *arguments)

    assert ran.code in {1, 2}
    assert words in ran.error


async def test_a_database_that_is_away_is_reported_in_a_sentence(
    command: OperatorCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGELINE_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")

    ran = await asyncio.to_thread(command, "verify")

    assert ran.code == 1
    assert ran.error.startswith("stageline: ")
