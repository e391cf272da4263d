"""`stageline import` points out events that no map knows and that were likely meant to be known ones."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import ManualClock
from shared.maps import templates
from tests.support.services import Log, Stack

NOW = datetime(2026, 4, 1, tzinfo=UTC)

FILE = """\
account_id,event,timestamp
acme,Demo Reqested,2026-03-01T10:00:00Z
beta,Demo Reqested,2026-03-02T10:00:00Z
acme,Demo Requested,2026-03-03T10:00:00Z
acme,Something Else,2026-03-04T10:00:00Z
"""
HINT = "Demo Reqested (2 events): no map knows this event; did you mean: Demo Requested?"


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> AsyncIterator[Stack]:
    running = Stack(database_url, Log(), ManualClock(NOW), tmp_path)
    await running.start()
    await running.publish(templates.read("b2b-jtbd-7"))
    yield running
    await running.stop()


async def import_file(stack: Stack, folder: Path, *options: str, **environ: str) -> str:
    (folder / "events.csv").write_text(FILE)
    secret = stack.read.headers["Authorization"].removeprefix("Bearer ")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "import", "events.csv", *options),
        cwd=folder,
        env=os.environ
        | {"STAGELINE_URL": str(stack.read.base_url), "STAGELINE_SECRET_KEY": secret}
        | environ,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_import_and_dry_run_name_the_event_that_was_meant(
    stack: Stack, tmp_path: Path
) -> None:
    dry = await import_file(stack, tmp_path, "--dry-run")
    sent = await import_file(stack, tmp_path)
    as_json = await import_file(stack, tmp_path, "--json", "--restart")

    assert dry.splitlines()[-1] == HINT
    assert sent.splitlines() == ["4 events accepted, 0 rows refused", HINT]
    assert json.loads(as_json)["misspelt"] == {"Demo Reqested": "Demo Requested"}


async def test_a_dry_run_without_an_instance_has_no_hints(stack: Stack, tmp_path: Path) -> None:
    dry = await import_file(stack, tmp_path, "--dry-run", STAGELINE_URL="http://127.0.0.1:9")

    assert "did you mean" not in dry
