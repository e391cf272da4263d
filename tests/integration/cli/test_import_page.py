"""docs/ways-in/csv.md does what it says, from its first snippet to its last."""

import asyncio
import csv
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import xlsxwriter
from pyarrow import parquet

from services.cli.client.errors import REFUSED
from shared.clock import ManualClock
from tests.compat.snippets import snippet
from tests.support.services import Log, Stack

NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> AsyncIterator[Stack]:
    running = Stack(database_url, Log(), ManualClock(NOW), tmp_path)
    await running.start()
    yield running
    await running.stop()


def summary(output: str) -> str:
    """What an import prints before the line of its id."""
    first, last = output.splitlines()
    assert last.endswith("stageline import undo takes it back")
    return first


async def shell(stack: Stack, folder: Path, name: str) -> tuple[int | None, str]:
    """Run a snippet as a person would; its exit code and what it said."""
    key = stack.read.headers["Authorization"].removeprefix("Bearer ")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("sh", "-eu", "-c", snippet(name).text),
        cwd=folder,
        env=os.environ
        | {"PATH": path, "STAGELINE_URL": str(stack.read.base_url), "STAGELINE_SECRET_KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert "Traceback" not in error.decode()
    return process.returncode, out.decode()


def as_workbook_and_parquet(activity: str, folder: Path) -> None:
    header, *rows = csv.reader(activity.splitlines())
    with xlsxwriter.Workbook(str(folder / "activity.xlsx")) as workbook:
        workbook.add_worksheet("Summary").write(0, 0, "nothing to see")
        sheet = workbook.add_worksheet("Activities")
        for number, cells in enumerate([header, *rows]):
            sheet.write_row(number, 0, cells)
    columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    parquet.write_table(pa.table(columns), folder / "activity.parquet")


@pytest.mark.timeout(600)  # five commands, one after the other
async def test_every_snippet_of_the_page_works_and_a_row_counts_once(
    stack: Stack, tmp_path: Path
) -> None:
    activity = snippet("csv-activity").text
    (tmp_path / "activity.csv").write_text(activity)
    (tmp_path / "crm.yaml").write_text(snippet("csv-mapping").text)
    as_workbook_and_parquet(activity, tmp_path)

    looked = await shell(stack, tmp_path, "csv-look")
    assert looked == (REFUSED, snippet("csv-looked").text)

    code, sent = await shell(stack, tmp_path, "csv-send")
    assert (code, summary(sent)) == (REFUSED, "3 events accepted, 1 rows refused")
    code, repaired = await shell(stack, tmp_path, "csv-correct")
    assert (code, summary(repaired)) == (0, "1 events accepted, 0 rows refused")
    for name in ("csv-workbook", "csv-parquet"):
        code, again = await shell(stack, tmp_path, name)
        assert (code, summary(again)) == (REFUSED, "3 events accepted, 1 rows refused")

    stack.accepted = 3 + 1 + 3 + 3
    await stack.settled()
    assert (await stack.verified()).touchpoints == 4
    names = ("occurred_at", "event", "channel", "logged_by", "internal", "sentiment", "thought")
    newest_first = await stack.timeline("acme")
    assert [tuple(item[name] for name in names) for item in newest_first[1:]] == [
        ("2026-03-09T08:00:00Z", "Budget Discussed", "offline", "Sam", True, None,
         "Their own round; we were not there"),
        ("2026-03-05T13:00:00Z", "Meeting Held", "meeting", "Sam", False, 3,
         "Asked what it costs for forty seats"),
        ("2026-03-02T09:30:00Z", "Call Logged", "phone", "Sam", False, 5,
         "Wants a trial; her CFO decides"),
    ]  # fmt: skip
    assert newest_first[0]["logged_by"] == "Rita"
