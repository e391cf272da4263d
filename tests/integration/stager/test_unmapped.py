"""An unmapped event becomes one dead letter with all its bytes, and holds nothing up."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.client.database import transact
from services.cli.main import app
from services.cli.operate.verify import examine
from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.contracts.topics import TOUCHPOINTS
from shared.eventlog.factory import ensure_topics
from tests.integration.stager.test_process import append, running, settings_of, wait_for
from tests.integration.stager.world import SALES, World, world


def unmapped(w: World, message_id: str, **fields: Any) -> Envelope:
    return w.event(
        "ticket.propertyChange",
        type="unmapped",
        message_id=message_id,
        source="src1",
        properties={"objectId": 7, "text": "NUL \x00 is no harm here"},
        **fields,
    )


async def dead_letters(w: World) -> list[tuple[Any, ...]]:
    return await w.rows(
        "SELECT workspace_id, message_id, reason, detail FROM dead_letter ORDER BY dead_letter_id"
    )


async def test_the_bytes_are_kept_with_what_names_them(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        event = unmapped(w, "hubspot:1")
        done = await w.send(event, w.event("Demo Requested", 1, account_id="acme"))

        assert [(d.applied, d.duplicate, d.dead) for d in done] == [(1, 0, 1)]
        assert await dead_letters(w) == [(1, "hubspot:1", "unmapped", "ticket.propertyChange")]
        assert await w.rows("SELECT record_value FROM dead_letter") == [(wire.encode(event),)]
        assert await w.stage("acme") == ("evaluation", "active", 1)


async def test_a_delivery_that_is_repeated_is_a_duplicate(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(unmapped(w, "a"), unmapped(w, "a"), unmapped(w, "b"))
        await w.send(unmapped(w, "a"), unmapped(w, "a", workspace_id=2))

        assert await w.verdicts() == (0, 2, 3)
        assert [row[:2] for row in await dead_letters(w)] == [(1, "a"), (1, "b"), (2, "a")]


async def test_one_that_was_put_through_a_mapping_may_fail_again_or_has_counted(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(unmapped(w, "failed"), unmapped(w, "applied"))
        await w.pool.execute("UPDATE dead_letter SET replayed_at = now()")
        await w.send(w.event("Ticket Opened", 1, account_id="acme", message_id="applied"))
        await w.send(unmapped(w, "failed"), unmapped(w, "applied"))

        assert await w.verdicts() == (1, 1, 3)
        assert [row[1] for row in await dead_letters(w)] == ["failed", "applied", "failed"]


async def test_other_dead_letters_have_their_message_id_too(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(
            b'{"v": 2, "workspace_id": 1, "message_id": "from-later"}',
            b'{"workspace_id": 1, "message_id": 7}',
            b"?",
            w.event("Demo Requested", 1, message_id="nobody"),
        )

        assert [(row[1], row[2]) for row in await dead_letters(w)] == [
            ("from-later", "unknown_version"),
            (None, "wrong_type"),
            (None, "not_json"),
            ("nobody", "junk_names"),
        ]


async def test_any_number_of_them_leaves_the_stager_running(database_url: str) -> None:
    settings = settings_of(database_url, stager_poison_window="20")
    async with world(database_url, SALES) as w:
        await ensure_topics(settings)
        await append(settings, *(unmapped(w, f"m{n}") for n in range(100)))
        await append(settings, w.event("Demo Requested", 0, account_id="acme"))
        async with running(settings):
            await wait_for(w, (1, 0, 100))

        report = await transact(database_url, lambda connection: examine(connection, deep=True))
        assert report.problems == []


async def test_replaying_leaves_them_to_the_command_that_has_the_mapping(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAGELINE_DATABASE_URL", database_url)
    async with world(database_url, SALES) as w:
        await ensure_topics(settings_of(database_url))
        await w.send(unmapped(w, "a"), b"[1]")
        rows = await w.rows("SELECT dead_letter_id FROM dead_letter WHERE reason = 'unmapped'")
        number = str(rows[0][0])

        listed = await asyncio.to_thread(CliRunner().invoke, app, ["dlq", "list"])
        by_number = await asyncio.to_thread(CliRunner().invoke, app, ["dlq", "replay", number])
        every = await asyncio.to_thread(CliRunner().invoke, app, ["dlq", "replay", "--all"])

        assert "unmapped" in listed.stdout
        assert by_number.exit_code != 0
        assert "stageline source replay" in by_number.stderr
        assert every.exit_code == 0
        assert "1 replayed" in every.stdout
        assert "stageline source replay" in every.stdout
        appended = await w.rows("SELECT record_value FROM log_record WHERE topic = $1", TOUCHPOINTS)
        assert appended == [(b"[1]",)]
