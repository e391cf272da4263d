"""Cases F1 to F4: a file as people and programs write it, through the real command to the stage."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import ManualClock
from tests.integration.cli.test_import import run_import, where
from tests.support.services import Log, Stack

MAP = """
journey: cases
title: Cases
subject: account
stages:
  - {key: lead, title: Lead}
  - {key: trial, title: Trial, enter: {event: [Trial Started, Demo Requested]}}
  - {key: customer, title: Customer, enter: {event: Subscription Started}}
"""
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> AsyncIterator[Stack]:
    running = Stack(database_url, Log(), ManualClock(NOW), tmp_path)
    await running.start()
    await running.publish(MAP)
    yield running
    await running.stop()


async def test_a_rename_finds_every_spelling_of_a_name(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(
        "account_id,event,time\n"
        "plain,Call,2026-03-02\n"
        "blank,Call ,2026-03-02\n"
        "no-break,Call\u00a0,2026-03-02\n"
    )

    await run_import(*where(stack), tmp_path, path, "--rename", "Call=Demo Requested")
    stack.accepted = 3
    await stack.settled()

    for account in ("plain", "blank", "no-break"):
        assert (await stack.stage(account_id=account))["stage"] == "trial"


async def test_what_has_not_happened_yet_is_refused_by_its_line_or_left_out(
    stack: Stack, tmp_path: Path
) -> None:
    path = tmp_path / "meetings.csv"
    path.write_text(
        "account_id,event,time\nacme,Demo Requested,2026-03-02\nacme,Meeting,2999-01-12\n"
    )

    refused = await run_import(*where(stack), tmp_path, path)
    skipped = await run_import(*where(stack), tmp_path, path, "--future", "skip", "--json")
    stack.accepted = 2
    await stack.settled()

    assert refused.code == 3
    assert "line 3: in_the_future" in refused.error
    assert skipped.code == 0
    assert (skipped.json()["refused"], skipped.json()["skipped_future"]) == (0, 1)
    assert [each["event"] for each in await stack.timeline("acme")] == ["Demo Requested"]


async def test_rows_with_missing_or_further_empty_cells_are_accepted(
    stack: Stack, tmp_path: Path
) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text(
        "account_id,event,time,channel\n"
        "short,Demo Requested,2026-03-02\n"
        "long,Demo Requested,2026-03-02,,,\n"
        "wrong,Demo Requested,2026-03-02,,,web\n"
    )

    ran = await run_import(*where(stack), tmp_path, path, "--json")
    stack.accepted = 2
    await stack.settled()

    assert (ran.json()["accepted"], ran.json()["refused"]) == (2, 1)
    assert "line 4: unreadable_row" in ran.error
    for account in ("short", "long"):
        assert (await stack.stage(account_id=account))["stage"] == "trial"


async def test_the_name_of_a_zone_counts_and_two_columns_are_one_time(
    stack: Stack, tmp_path: Path
) -> None:
    path = tmp_path / "zones.csv"
    path.write_text(
        "account_id,event,date,hour\n"
        "utc,Demo Requested,2026-03-02,10:00 UTC\n"
        "cet,Demo Requested,2026-03-02,10:00 CET\n"
        "odd,Demo Requested,2026-03-02,10:00 XYZ\n"
    )

    ran = await run_import(
        *where(stack), tmp_path, path, "--time", "date+hour", "--timezone", "Europe/Berlin",
        "--time-format", "%Y-%m-%d %H:%M %Z",
    )  # fmt: skip
    stack.accepted = 2
    await stack.settled()

    assert "line 4: invalid_occurred_at" in ran.error
    for account, hour in (("utc", 10), ("cet", 9)):
        (touchpoint,) = await stack.timeline(account)
        at = datetime.fromisoformat(touchpoint["occurred_at"])
        assert at == datetime(2026, 3, 2, hour, tzinfo=UTC)
