"""From a request at the door to the row that people see: what is shown, and above all what is not."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from services.ingest.recorder import Recorder
from shared.clock import SystemClock
from shared.contracts.message_ids import as_sent
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.token import KeyKind
from shared.sources.settings_reader import read_settings
from shared.sources.source import SourceKind
from shared.storage import keys, source_changes
from shared.storage.connect import DatabaseRole
from shared.storage.source_events import writer
from tests.integration.ingest.server import Response, Server, serving
from tests.support.database import connected, engine_of, owner_transaction

LEAH = "leah@acme.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A running ingest with a source, and what is seen of it."""

    server: Server
    owner: "asyncpg.Connection[asyncpg.Record]"
    token: str

    async def post(self, body: object, path: str = "/v1/touchpoints", **headers: str) -> Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = [f"POST {path} HTTP/1.1", "Host: ingest", f"Authorization: Bearer {self.token}"]
        head += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head += [f"Content-Length: {len(raw)}", "", ""]
        return await self.server.send("\r\n".join(head).encode() + raw)

    async def seen(self) -> list[Mapping[str, Any]]:
        """Rows in their order, once what was noted is written."""
        assert self.server.ingest.accounting.recorder is not None
        await self.server.ingest.accounting.recorder.flush()
        rows = await self.owner.fetch("SELECT * FROM source_event ORDER BY source_event_id")
        return [dict(row) for row in rows]


@asynccontextmanager
async def watched(database_url: str, **settings: Any) -> AsyncIterator[Watched]:
    clock = SystemClock()
    async with owner_transaction(database_url) as connection:
        source = await source_changes.create(
            connection,
            workspace_id=DEFAULT_WORKSPACE,
            name="website",
            kind=SourceKind.WEB,
            settings=read_settings(settings),
            now=clock.now(),
        )
        key = await keys.create(
            connection,
            workspace_id=DEFAULT_WORKSPACE,
            kind=KeyKind.WRITE,
            now=clock.now(),
            source_id=source.source_id,
        )
    async with (
        engine_of(database_url, role=DatabaseRole.INGEST) as writing,
        connected(database_url) as owner,
        serving(database_url) as server,
    ):
        server.ingest.accounting.recorder = Recorder(writer(writing), server.ingest.metrics)
        yield Watched(server=server, owner=owner, token=key.token)


async def test_a_name_that_is_hashed_is_shown_hashed(database_url: str) -> None:
    async with watched(database_url, hash_fields=["email", "account_id"]) as source:
        event = {"event": "Demo Requested", "email": LEAH, "account_id": "acme"}
        answer = await source.post(event)
        (row,) = await source.seen()

    assert answer.status == 202
    assert (row["outcome"], row["event"]) == ("accepted", "Demo Requested")
    assert row["person"].startswith("email:hmac1:")
    assert row["account_id"].startswith("hmac1:")
    assert LEAH not in str(row)


async def test_an_event_without_consent_is_seen_as_dropped_and_names_no_person(
    database_url: str,
) -> None:
    async with watched(database_url, consent={"required": ["analytics"]}) as source:
        event = {"event": "Page Viewed", "email": LEAH, "message_id": "m-1"}
        answer = await source.post(event)
        (row,) = await source.seen()

    assert answer.status == 202
    assert (row["outcome"], row["code"], row["message_id"]) == ("dropped", "no_consent", "m-1")
    assert (row["person"], row["account_id"]) == (None, None)
    assert LEAH not in str(row)


async def test_an_event_that_is_refused_is_seen_with_its_reason_and_names_no_person(
    database_url: str,
) -> None:
    async with watched(database_url) as source:
        await source.post(
            [
                {"event": "A", "email": f"{LEAH}@twice", "message_id": "m-1"},
                {"event": "B", "user_id": "leah", "nope": LEAH},
                {"event": "C", "account_id": "acme", "message_id": "m-3"},
            ]
        )
        rows = await source.seen()

    outcomes = [
        (
            row["outcome"],
            row["code"],
            row["message_id"] and as_sent(row["message_id"]),
            row["event"],
        )
        for row in rows
    ]
    assert outcomes == [
        ("refused", "invalid_email", "m-1", "A"),
        ("refused", "unknown_field", None, None),
        ("accepted", None, "m-3", "C"),
    ]
    assert LEAH not in str(rows)


@pytest.mark.parametrize(
    ("settings", "body", "headers", "code"),
    [
        ({}, b"{", {}, "malformed_json"),
        ({}, b"x" * 600_000, {}, "body_too_large"),
        ({}, b"{}", {"Content_Encoding": "br"}, "unsupported_encoding"),
        (
            {"allowed_origins": ["https://shop.example"]},
            b"{}",
            {"Origin": "https://evil.example"},
            "origin_not_allowed",
        ),
    ],
)
async def test_a_request_that_is_turned_away_is_one_row(
    database_url: str,
    settings: dict[str, Any],
    body: bytes,
    headers: dict[str, str],
    code: str,
) -> None:
    async with watched(database_url, **settings) as source:
        answer = await source.post(body, **headers)
        (row,) = await source.seen()

    assert answer.status >= 400
    assert (row["outcome"], row["code"], row["route"]) == ("refused", code, "/v1/touchpoints")
    assert (row["event"], row["message_id"], row["person"]) == (None, None, None)


async def test_a_sender_that_is_too_fast_or_paused_is_seen(database_url: str) -> None:
    event = {"event": "E", "account_id": "acme"}
    async with watched(database_url, events_per_second=0.001, burst=1) as source:
        statuses = [(await source.post(event)).status for _ in range(2)]
        await source.owner.execute("UPDATE source SET paused_at = now()")
        await source.server.ingest.sources.refresh()
        paused = await source.post(event)
        rows = await source.seen()

    assert (statuses, paused.status) == ([202, 429], 503)
    assert [row["code"] for row in rows] == [None, "rate_limited", "source_paused"]


async def test_a_database_that_is_away_stops_nothing_but_the_view(database_url: str) -> None:
    async with watched(database_url) as source:
        await source.owner.execute("REVOKE INSERT ON source_event FROM stageline_ingest")
        answer = await source.post({"event": "E", "account_id": "acme"})
        rows = await source.seen()
        registry = source.server.ingest.metrics.registry
        lost = registry.get_sample_value(
            "stageline_ingest_source_events_lost_total", {"reason": "database"}
        )

    assert (answer.status, rows, lost) == (202, [], 1.0)


async def test_keys_without_a_source_are_one_sender_of_their_workspace(database_url: str) -> None:
    async with watched(database_url) as source:
        for kind in (KeyKind.WRITE, KeyKind.SECRET):
            async with owner_transaction(database_url) as connection:
                made = await keys.create(
                    connection,
                    workspace_id=DEFAULT_WORKSPACE,
                    kind=kind,
                    now=SystemClock().now(),
                )
            keyless = replace(source, token=made.token)
            await keyless.post({"event": "E", "account_id": "acme", "message_id": kind.value})
        refused = await keyless.post(b"{")
        rows = await source.seen()
        usage = await source.owner.fetch("SELECT source_id, accepted FROM source_usage")

    assert refused.status == 400
    assert [(row["source_id"], row["outcome"], row["message_id"]) for row in rows] == [
        ("none", "accepted", "~w/write"),
        ("none", "accepted", "~s/secret"),
        ("none", "refused", None),
    ]
    assert [tuple(row) for row in usage] == [("none", 2)]
