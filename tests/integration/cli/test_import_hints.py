"""`stageline import` points out events that no map knows and that were likely meant to be known ones."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.cli.client.errors import REFUSED
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


async def import_file(
    stack: Stack, folder: Path, *options: str, content: str = FILE, code: int = 0, **environ: str
) -> str:
    (folder / "events.csv").write_text(content, "utf-8")
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
    assert process.returncode == code
    return out.decode()


def said(output: str) -> list[str]:
    """What an import prints, without the line of its id."""
    lines = output.splitlines()
    named = [line for line in lines if line.endswith("stageline import undo takes it back")]
    assert len(named) == 1
    return [line for line in lines if line not in named]


async def test_import_and_dry_run_name_the_event_that_was_meant(
    stack: Stack, tmp_path: Path
) -> None:
    dry = await import_file(stack, tmp_path, "--dry-run")
    sent = await import_file(stack, tmp_path)
    as_json = await import_file(stack, tmp_path, "--json", "--restart")

    assert dry.splitlines()[-1] == HINT
    assert said(sent) == ["4 events accepted, 0 rows refused", HINT]
    assert json.loads(as_json)["misspelt"] == {"Demo Reqested": "Demo Requested"}


async def test_a_dry_run_without_an_instance_has_no_hints(stack: Stack, tmp_path: Path) -> None:
    dry = await import_file(stack, tmp_path, "--dry-run", STAGELINE_URL="http://127.0.0.1:9")

    assert "did you mean" not in dry


async def test_names_in_another_form_are_known_and_junk_is_counted(
    stack: Stack, tmp_path: Path
) -> None:
    rows = [
        "Demo\u00a0Requested,undefined,hubspot:contact:1",
        "Demo Requested\ufeff,ann,",
        "demo requested,bob,",
        "Demo Requested,n/a,",
    ]
    content = "event,user_id,external_id,time\n" + "".join(
        f"{row},2026-03-01T10:00:00Z\n" for row in rows
    )

    sent = await import_file(stack, tmp_path, content=content, code=REFUSED)

    assert said(sent) == [
        "3 events accepted, 1 rows refused",
        "ids that name nobody, like undefined, left out: user_id 1",
        "demo requested (1 event): no map knows this event; did you mean: Demo Requested?",
    ]
