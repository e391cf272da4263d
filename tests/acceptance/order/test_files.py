"""Rows of one day happened in the order of the file, however its requests arrive."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.order.senders import Senders
from tests.acceptance.order.test_ties import answer, events

ACCOUNTS = 8


def days_of(account: str) -> Iterator[str]:
    """Rows of eight accounts: a webinar, then on one day lost and won back."""
    for number in range(ACCOUNTS):
        name = f"{account}-{number}"
        yield f"{name},Webinar Attended,2026-02-{number + 1:02}"
        yield f"{name},Deal Lost,2026-02-{number + 10}"
        yield f"{name},Demo Requested,2026-02-{number + 10}"


def written(folder: Path, rows: Sequence[str]) -> Path:
    path = folder / "deals.csv"
    path.write_text("account_id,event,date\n" + "".join(f"{row}\n" for row in rows))
    return path


async def run_import(senders: Senders, path: Path, *options: str) -> dict[str, Any]:
    """The command's JSON; one row a request and several requests at once."""
    stack = senders.stack
    key = stack.read.headers["Authorization"].removeprefix("Bearer ")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "import", str(path), "--json", "--batch-rows=1"),
        *options,
        cwd=path.parent,
        env=os.environ
        | {
            "STAGELINE_URL": stack.base_url,
            "STAGELINE_SECRET_KEY": key,
            "STAGELINE_HOME": str(path.parent),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    report: dict[str, Any] = json.loads(out)
    if "--dry-run" not in options:
        stack.accepted += report["accepted"]
        await stack.settled(every=0.01)
    return report


async def where_they_are(senders: Senders, account: str) -> set[tuple[Any, ...]]:
    return {await answer(senders, f"{account}-{number}") for number in range(ACCOUNTS)}


async def test_rows_of_one_day_happened_in_the_order_of_the_file(
    senders: Senders, account: str, tmp_path: Path
) -> None:
    path = written(tmp_path, list(days_of(account)))

    report = await run_import(senders, path)

    assert report["accepted"] == 3 * ACCOUNTS
    assert await where_they_are(senders, account) == {("lead", 2)}
    assert (await senders.stack.verified()).problems == []


async def test_a_file_that_runs_newest_first_is_read_from_its_end(
    senders: Senders, account: str, tmp_path: Path
) -> None:
    path = written(tmp_path, list(days_of(account))[::-1])

    foreseen = await run_import(senders, path, "--dry-run")
    await run_import(senders, path)

    assert foreseen["newest_first"] is True
    assert await where_they_are(senders, account) == {("lead", 2)}


@pytest.mark.parametrize(
    ("option", "outcome"), [("--newest-first", "lead"), ("--oldest-first", "lost")]
)
async def test_the_direction_of_a_file_can_be_said(
    senders: Senders, account: str, tmp_path: Path, option: str, outcome: str
) -> None:
    """All rows have one day, so that nothing in the file tells."""
    names = ["Demo Requested", "Deal Lost", "Webinar Attended"]
    path = written(tmp_path, [f"{account},{name},2026-02-01" for name in names])

    await run_import(senders, path, option)

    assert (await answer(senders, account))[0] == outcome


async def test_the_place_in_the_file_is_no_part_of_a_rows_name(
    senders: Senders, account: str, tmp_path: Path
) -> None:
    rows = list(days_of(account))
    await run_import(senders, written(tmp_path, rows))

    await run_import(senders, written(tmp_path, [f"{account}-0,Page Viewed,2026-01-01", *rows]))

    assert await events(senders, f"{account}-0") == [
        "Page Viewed", "Webinar Attended", "Deal Lost", "Demo Requested"
    ]  # fmt: skip
    assert await where_they_are(senders, account) == {("lead", 2)}
