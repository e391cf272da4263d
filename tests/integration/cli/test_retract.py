"""`stageline retract`, `import undo` and `import list` as a person runs them."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import ManualClock
from tests.support.services import Log, Stack

NOW = datetime(2024, 7, 1, tzinfo=UTC)
CSV = "account_id,event,timestamp\n" + "".join(
    f"a{number},{event},2024-03-{day:02} 10:00:00\n"
    for number in range(30)
    for day, event in enumerate(("Demo Requested", "Contract Signed"), 1)
)


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> AsyncIterator[Stack]:
    running = Stack(database_url, Log(), ManualClock(NOW), tmp_path)
    await running.start()
    yield running
    await running.stop()


async def stageline(stack: Stack, folder: Path, *arguments: str) -> tuple[int | None, str, str]:
    """Exit code, output and errors of a command."""
    key = stack.read.headers["Authorization"].removeprefix("Bearer ")
    environ = os.environ | {"STAGELINE_URL": stack.base_url, "STAGELINE_SECRET_KEY": key}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", *arguments),
        cwd=folder,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    return process.returncode, out.decode(), error.decode()


async def test_an_import_is_undone_by_the_id_that_it_ended_with(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "file.csv").write_text(CSV)
    trial = await stageline(stack, tmp_path, "import", "file.csv", "--dry-run")
    assert "undo" not in trial[1]
    _, out, _ = await stageline(stack, tmp_path, "import", "file.csv", "--json")
    import_id = json.loads(out)["import_id"]
    stack.accepted = 60
    await stack.settled()

    code, out, error = await stageline(
        stack, tmp_path, "import", "undo", import_id, "--reason", "the wrong file"
    )

    assert (code, out) == (0, "60 touchpoints of the import taken back\n"), error
    listed = await stageline(stack, tmp_path, "import", "list")
    assert all(text in listed[1] for text in (import_id, "the wrong file"))
    # The same file is another import now.
    code, out, _ = await stageline(stack, tmp_path, "import", "file.csv")
    stack.accepted += 60
    await stack.settled()
    assert f"import {import_id}" not in out
    assert "stageline import undo takes it back" in out
    report = await stack.verified()
    assert (report.touchpoints, report.problems) == (60, [])


async def test_an_import_that_was_stopped_and_undone_starts_at_the_first_line(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "file.csv").write_text(CSV)
    progress = tmp_path / ".stageline" / "imports"
    arguments = ("import", "file.csv", "--patience", "0", "--batch-rows", "7", "--json")
    _, out, _ = await stageline(stack, tmp_path, *arguments)
    import_id = json.loads(out)["import_id"]
    stack.accepted = 60
    await stack.settled()
    progress.mkdir(parents=True, exist_ok=True)
    (progress / "a-b.json").write_text(json.dumps({"next_line": 9, "import_id": import_id}))
    (progress / "other.json").write_text(json.dumps({"next_line": 9, "import_id": "other"}))

    await stageline(stack, tmp_path, "retract", "--import", import_id)

    assert [each.name for each in progress.iterdir()] == ["other.json"]


async def test_touchpoints_are_retracted_by_their_ids(stack: Stack, tmp_path: Path) -> None:
    await stack.post(
        [
            {"event": "Blog Read", "account_id": "acme", "message_id": each}
            for each in ("m-1", "m/2", "m-3")
        ]
    )

    code, out, error = await stageline(stack, tmp_path, "retract", "m-1", "m/2", "--reason", "test")
    stack.accepted += 2
    await stack.settled()

    assert (code, out.startswith("accepted as event")) == (0, True), error
    answer = await stack.read.get("/v1/accounts/acme/timeline")
    assert [each["message_id"] for each in answer.json()["items"]] == ["m-3"]
    code, _, error = await stageline(stack, tmp_path, "retract", "m-1")
    assert (code, "No stored touchpoint" in error) == (3, True)


@pytest.mark.parametrize(
    "arguments", [(), ("m-1", "--import", "i-1"), ("--import", "i-1", "--all")]
)
async def test_what_is_to_be_retracted_is_named_in_one_way(
    stack: Stack, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, _, error = await stageline(stack, tmp_path, "retract", *arguments)

    assert code == 2
    assert error.startswith("stageline: ")
