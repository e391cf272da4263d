"""`stageline identity` against a running Stageline: what an operator says goes through the log."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from shared.clock import ManualClock
from shared.maps import templates
from tests.support.services import Log, Stack

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EVENTS: list[dict[str, Any]] = [
    {"event": "Signed Up", "user_id": "amy", "email": "amy@acme.example", "account_id": "acme"},
    {"event": "Signed Up", "user_id": "amy-2", "email": "amy@acme.example"},
    {"event": "Page Viewed", "user_id": "amy", "anonymous_id": "d-1"},
]


@pytest.fixture
async def stack(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stack]:
    monkeypatch.chdir(tmp_path)
    running = Stack(database_url, Log(), ManualClock(NOW), tmp_path)
    await running.start()
    await running.publish(templates.read("shop-person"))
    await running.post(
        [
            {**event, "message_id": f"m-{place}", "occurred_at": f"2026-03-0{place + 1}T08:00:00Z"}
            for place, event in enumerate(EVENTS)
        ]
    )
    yield running
    await running.stop()


async def run(stack: Stack, *arguments: str, key: str | None = None) -> Result:
    """Run a command in a thread: what it talks to runs on this loop."""
    secret = stack.read.headers["Authorization"].removeprefix("Bearer ")
    environ = {"STAGELINE_URL": stack.base_url, "STAGELINE_SECRET_KEY": key or secret}
    return await asyncio.to_thread(
        lambda: CliRunner().invoke(app, ["identity", *arguments], env=environ)
    )


async def run_json(stack: Stack, *arguments: str) -> Any:
    result = await run(stack, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


async def test_a_person_is_shown_with_what_brought_each_name(stack: Stack) -> None:
    shown = await run(stack, "show", "amy@acme.example")
    person = await run_json(stack, "show", "user:amy")

    assert shown.exit_code == 0
    lines = [line.strip().split(maxsplit=1) for line in shown.stdout.splitlines()]
    assert ["person", "user:amy"] in lines
    assert ["account", "acme"] in lines
    assert [
        "name",
        "email:amy@acme.example, in one event with user:amy since 2026-03-01 08:00",
    ] in lines
    assert ["device", "anonymous:d-1, since 2026-03-03 08:00"] in lines
    assert person["memberships"] == [
        {"account_id": "acme", "from": "2026-03-01T08:00:00Z", "until": None}
    ]


async def test_two_user_ids_are_a_conflict_until_an_operator_merges_them(stack: Stack) -> None:
    before = await run_json(stack, "conflicts")
    table = await run(stack, "conflicts")
    merged = await run(
        stack, "merge", "user:amy", "user:amy-2", "--reason", "signed up twice, by phone"
    )
    stack.accepted += 1
    await stack.settled()
    after = await run(stack, "conflicts")
    person = await run_json(stack, "show", "amy-2")

    assert [(each["statement"]["message_id"], each["why"]) for each in before["items"]] == [
        ("m-1", "limit")
    ]
    assert "user:amy-2" in table.stdout
    assert merged.exit_code == 0
    assert merged.stdout.startswith("accepted as event ")
    assert "there is no conflict" in after.stderr
    assert person["person_id"] == "user:amy"
    (name,) = [each for each in person["names"] if each["name"] == "user:amy-2"]
    assert name["statement"]["kind"] == "explicit"
    assert name["statement"]["reason"] == "signed up twice, by phone"
    assert "key " in name["statement"]["logged_by"]


async def test_an_unmerge_brings_both_back(stack: Stack) -> None:
    for verb in ("merge", "unmerge"):
        assert (
            await run(stack, verb, "user:amy", "user:amy-2", "--reason", "tried it")
        ).exit_code == 0
        stack.clock.advance(NOW - NOW.replace(hour=11))
        stack.accepted += 1
        await stack.settled()

    person = await run_json(stack, "show", "user:amy-2")

    assert person["person_id"] == "user:amy-2"
    assert {each["why"] for each in person["conflicts"]} == {"unmerged"}


async def test_accounts_are_merged_by_their_ids(stack: Stack) -> None:
    await stack.post([{"event": "Signed Up", "user_id": "ben", "account_id": "acme/old"}])

    said = await run_json(stack, "merge", "acme", "acme/old", "--reason", "one company")
    stack.accepted += 1
    await stack.settled()

    assert said["message_id"]
    profile = await stack.read.get("/v1/accounts/acme%2Fold")
    assert profile.json()["account_id"] == "acme"


REFUSALS: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("merge", "user:amy", "acme", "--reason", "x"), 2, "name two people"),
    (("merge", "user:amy", "user:amy", "--reason", "x"), 3, "the same one"),
    (("merge", "user:amy", "user:undefined", "--reason", "x"), 3, "identity junk"),
    (("unmerge", "user:amy", "user:ben", "--reason", " "), 3, "refused with 422"),
    (("merge", "user:amy", "user:ben"), 2, "--reason"),
    (("show", "user:nobody"), 3, "refused with 404"),
    (("show", "user:"), 3, "such as user:leah"),
    (("conflicts", "--cursor", "nonsense"), 3, "refused with 400"),
)


async def test_a_refusal_is_a_sentence(stack: Stack) -> None:
    for arguments, code, sentence in REFUSALS:
        result = await run(stack, *arguments)

        assert (arguments, result.exit_code) == (arguments, code)
        assert sentence in result.stderr
        assert "Traceback" not in result.output


async def test_a_key_without_the_scope_merges_nothing(stack: Stack) -> None:
    write_key = stack.write.headers["Authorization"].removeprefix("Bearer ")

    result = await run(stack, "merge", "user:amy", "user:amy-2", "--reason", "x", key=write_key)

    assert result.exit_code == 3
    assert "403" in result.stderr
