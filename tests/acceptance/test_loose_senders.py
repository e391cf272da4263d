"""Cases P5, P6, P7 and P9: what languages, SDKs and forms write loosely counts as it was meant."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.standalone.compose import Settings, settings_from
from shared.clock import ManualClock
from tests.acceptance.conftest import START
from tests.support.eventually import eventually
from tests.support.services import Log, Stack, overrides_of

MAP = """
journey: cases
title: Cases
subject: account
stages:
  - {key: lead, title: Lead}
  - {key: trial, title: Trial, enter: {event: [Trial Started, Demo Requested]}}
  - {key: customer, title: Customer, enter: {event: Subscription Started}}
"""
SECRET = "a word that the form and we know"
FORM = {"form": "demo", "email": "ann@birke.example", "account": "birke"}
MAPPING = {"rules": [{"event": "Demo Requested", "email": "email", "account_id": "account"}]}


class WithPublicAddress(Stack):
    """A Stageline that takes webhooks."""

    def settings(self) -> Settings:
        return settings_from(
            **overrides_of(self.database_url, self.log), public_base_url="https://e.example"
        )


@pytest.fixture
async def stack(database_url: str, log: Log, tmp_path: Path) -> AsyncIterator[Stack]:
    running = WithPublicAddress(database_url, log, ManualClock(START), tmp_path)
    await running.start()
    await running.publish(MAP)
    yield running
    await running.stop()


async def call(stack: Stack, path: str, body: dict[str, Any]) -> None:
    """A call of an SDK with the write key, and its effect."""
    answer = await stack.write.post(path, json=body)
    assert answer.status_code == 200, answer.text
    stack.accepted += 1
    await stack.settled()


async def test_phps_empty_list_costs_no_event(stack: Stack) -> None:
    call_of_php = {
        "userId": "ida", "context": {"groupId": "php-co", "traits": []}, "properties": [],
    }  # fmt: skip

    await call(stack, "/v1/identify", {**call_of_php, "traits": []})
    await call(stack, "/v1/track", {**call_of_php, "event": "Trial Started"})

    assert (await stack.stage(account_id="php-co"))["stage"] == "trial"


async def test_an_unsigned_id_of_64_bits_stays_readable(stack: Stack) -> None:
    event = {
        "event": "Trial Started", "userId": "ida", "context": {"groupId": "long-co"},
        "properties": {"order": 18_446_744_073_709_551_615},
    }  # fmt: skip

    await call(stack, "/v1/track", event)

    assert (await stack.stage(account_id="long-co"))["stage"] == "trial"
    (touchpoint,) = await stack.timeline("long-co")
    assert touchpoint["properties"]["order"] == "18446744073709551615"


@pytest.mark.parametrize(
    "written", ["1736150400", "1736150400000", "1736150400000000", "2025-01-06T08:00:00Z"]
)
async def test_a_time_in_digits_is_the_time(stack: Stack, written: str) -> None:
    event = {
        "event": "Trial Started", "userId": "ida", "context": {"groupId": "late-co"},
        "timestamp": written,
    }  # fmt: skip

    await call(stack, "/v1/track", event)

    entered = (await stack.history("late-co"))[-1]["occurred_at"]
    assert datetime.fromisoformat(entered) == datetime(2025, 1, 6, 8, tzinfo=UTC)


async def test_a_form_filled_in_twice_in_a_year_is_two_demo_requests(stack: Stack) -> None:
    path = await form(stack)

    stack.clock.set(datetime(2025, 3, 1, 23, 55, tzinfo=UTC))
    await deliver(stack, path)
    stack.clock.advance(timedelta(minutes=9))
    await deliver(stack, path)
    assert [each["event"] for each in await stack.timeline("birke")] == ["Demo Requested"]

    stack.clock.advance(timedelta(days=200))
    await deliver(stack, path)
    assert len(await stack.timeline("birke")) == 2
    (report,) = [await stack.verified()]
    assert report.problems == []


async def form(stack: Stack) -> str:
    """Path of a source with a mapping, whose secret ingest knows."""
    made = await stack.read.post(
        "/v1/sources", json={"name": "form", "kind": "generic", "settings": {"mapping": MAPPING}}
    )
    source_id = made.json()["source_id"]
    secret = await stack.read.post(f"/v1/sources/{source_id}/secrets", json={"value": SECRET})
    assert secret.status_code == 201, secret.text
    path = f"/v1/webhooks/generic/{source_id}"

    async def is_known() -> bool:
        return (await post(stack, path, [])).status_code == 200

    await eventually(is_known)
    return path


async def post(stack: Stack, path: str, body: object) -> httpx.Response:
    return await stack.write.post(path, json=body, headers={"X-Stageline-Secret": SECRET})


async def deliver(stack: Stack, path: str) -> None:
    answer = await post(stack, path, FORM)
    assert answer.json() == {"accepted": 1, "unmapped": 0, "rejected": []}
    stack.accepted += 1
    await stack.settled()
