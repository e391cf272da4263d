"""An unmapped event becomes a touchpoint once its mapping has been written."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.clock import ManualClock
from tests.conftest import ROOT
from tests.support.eventually import eventually
from tests.support.services import Log, Stack

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET = "a word that both know"
MAPPING = {
    "message_id": "id",
    "occurred_at": "at",
    "rules": [
        {"when": "kind == 'noise'", "skip": True},
        {
            "when": "kind == 'opened'",
            "event": "Ticket Opened",
            "account_id": "company",
            "email": "from",
        },
    ],
}


def item(number: int, kind: str = "opened", **more: Any) -> dict[str, Any]:
    happened = {"id": number, "kind": kind, "at": "2026-02-01T09:00:00Z"}
    return {**happened, "company": "acme", "from": "ann@acme.example", **more}


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> AsyncIterator[Stack]:
    running = Stack(database_url, Log(), ManualClock(START), tmp_path)
    await running.start()
    yield running
    await running.stop()


class Tickets:
    """A generic source and its sender."""

    def __init__(self, stack: Stack, source_id: str) -> None:
        self._stack = stack
        self._source = f"/v1/sources/{source_id}"
        self._path = f"/v1/webhooks/generic/{source_id}"

    async def post(self, items: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        headers = {"X-Stageline-Secret": SECRET, "Authorization": ""}
        answer = await self._stack.write.post(self._path, json=items, headers=headers)
        result: dict[str, Any] = answer.json()
        return answer.status_code, result

    async def deliver(self, *items: dict[str, Any]) -> dict[str, Any]:
        status, result = await self.post(list(items))
        assert status == 200, result
        self._stack.accepted += result["accepted"]
        await self._stack.settled()
        return result

    async def set(self, **settings: Any) -> None:
        answer = await self._stack.read.patch(self._source, json={"settings": settings})
        assert answer.status_code == 200, answer.text


@pytest.fixture
async def tickets(stack: Stack) -> Tickets:
    made = await stack.read.post("/v1/sources", json={"name": "tickets", "kind": "generic"})
    source_id = made.json()["source_id"]
    await stack.read.post(f"/v1/sources/{source_id}/secrets", json={"value": SECRET})
    tickets = Tickets(stack, source_id)

    async def is_known() -> bool:
        return (await tickets.post([]))[0] == 200

    await eventually(is_known)
    return tickets


@pytest.fixture
def environ(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAGELINE_DATABASE_URL", database_url)
    monkeypatch.setenv("STAGELINE_EVENT_LOG", "postgres")


async def command(*words: str) -> tuple[int | None, str, str]:
    """Exit code and words of `stageline source replay`, in a process of its own.

    The services log to this one's standard output.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "source", "replay", *words),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    return process.returncode, out.decode(), error.decode()


async def replay(stack: Stack) -> dict[str, int]:
    """What the command says; what it has sent is waited for."""
    code, out, error = await command("tickets", "--json")
    assert code == 0, error
    result: dict[str, int] = json.loads(out)
    stack.accepted += result["replayed"]
    await stack.settled()
    return result


@pytest.mark.usefixtures("environ")
async def test_unmapped_events_are_replayed_through_the_mapping_of_today(
    stack: Stack, tickets: Tickets
) -> None:
    result = await tickets.deliver(item(1), item(2), item(3, "noise"), item(4, "closed"))
    await tickets.set(mapping=MAPPING)

    first = await replay(stack)
    second = await replay(stack)

    assert result == {"accepted": 4, "unmapped": 4, "rejected": []}
    assert first == {"replayed": 2, "skipped": 1, "unmapped": 1, "rejected": 0}
    assert second == {"replayed": 0, "skipped": 0, "unmapped": 1, "rejected": 0}
    timeline = await stack.timeline("acme")
    assert [(each["event"], each["occurred_at"]) for each in timeline] == [
        ("Ticket Opened", "2026-02-01T09:00:00Z")
    ] * 2
    assert (await stack.verified()).problems == []


@pytest.mark.usefixtures("environ")
async def test_what_came_again_meanwhile_is_not_doubled(stack: Stack, tickets: Tickets) -> None:
    await tickets.deliver(item(1))
    await tickets.deliver(item(1))
    await tickets.set(mapping=MAPPING)
    await replay(stack)

    async def is_mapped() -> bool:
        status, result = await tickets.post([item(1)])
        stack.accepted += result["accepted"]
        return status == 200 and result["unmapped"] == 0

    await eventually(is_mapped, every=0.2)
    await stack.settled()

    assert len(await stack.timeline("acme")) == 1
    assert (await stack.verified()).problems == []


@pytest.mark.usefixtures("environ")
async def test_a_replay_passes_the_door_of_today(stack: Stack, tickets: Tickets) -> None:
    await tickets.deliver(item(1))
    await tickets.set(mapping=MAPPING, hash_fields=["email"])

    await replay(stack)

    assert "ann@acme.example" not in json.dumps(await stack.timeline("acme"))


@pytest.mark.usefixtures("environ")
async def test_a_source_that_does_not_exist_is_named(stack: Stack) -> None:
    del stack

    code, _, error = await command("nobody")

    assert code == 1
    assert "no source of that name" in error
