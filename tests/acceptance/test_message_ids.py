"""Case I12: a message id counts once for its sender, and nobody can take the id of another's event."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from services.cli.main import app
from tests.acceptance.conftest import START
from tests.acceptance.stories import event
from tests.support.eventually import eventually
from tests.support.services import Stack

INVOICE = event("Invoice Paid", START, "invoice-2026-118", account_id="acme", value=118.0)
NOISE = {"event": "Noise", "anonymous_id": "x"}


class Site:
    """A source of its own, and a client with its write key."""

    def __init__(self, stack: Stack, source_id: str, client: httpx.AsyncClient) -> None:
        self.stack = stack
        self.source_id = source_id
        self.client = client

    async def send(self, *events: dict[str, Any]) -> None:
        await self.stack.post(events, by=self.client)

    async def results(self) -> list[tuple[str, str, str | None]]:
        """(message id, state, reason) of its events as `stageline tail` shows them, oldest first."""
        path = f"/v1/sources/{self.source_id}/events"
        sent = -1

        async def are_all_there() -> bool:
            nonlocal sent
            before, sent = sent, len((await self.stack.read.get(path)).json()["items"])
            return sent > 0 and sent == before

        await eventually(are_all_there, within=30, every=1)
        items = (await self.stack.read.get(path)).json()["items"]
        return [
            (each["message_id"], each["became"]["state"], each["became"]["reason"])
            for each in reversed(items)
        ]


@pytest.fixture
async def sites(stack: Stack) -> AsyncIterator[tuple[Site, Site]]:
    """Two sources, each with a write key."""
    async with AsyncExitStack() as clients:
        opened = []
        for name in ("shop", "app"):
            made = await stack.read.post("/v1/sources", json={"name": name, "kind": "server"})
            source_id = made.json()["source_id"]
            key = (await stack.read.post(f"/v1/sources/{source_id}/keys", json={})).json()["key"]
            client = httpx.AsyncClient(
                base_url=stack.base_url, headers={"Authorization": f"Bearer {key}"}
            )
            opened.append(Site(stack, source_id, await clients.enter_async_context(client)))
        yield opened[0], opened[1]


async def names(stack: Stack, account_id: str) -> list[tuple[str, str]]:
    """(message id, event) of an account's touchpoints, in order of both."""
    return sorted((each["message_id"], each["event"]) for each in await stack.timeline(account_id))


async def test_two_sources_may_number_their_events_alike(
    stack: Stack, sites: tuple[Site, Site]
) -> None:
    shop, app_ = sites
    order = event("Order Placed", START, "1001", account_id="acme")
    opened = event("App Opened", START, "1001", account_id="acme")
    await shop.send(order)
    await app_.send(opened)
    await shop.send(order)
    await app_.send(opened, opened)

    assert await names(stack, "acme") == [("1001", "App Opened"), ("1001", "Order Placed")]
    assert await shop.results() == [("1001", "applied", None), ("1001", "duplicate", None)]
    assert await app_.results() == [("1001", "applied", None)] + [("1001", "duplicate", None)] * 2
    assert (await stack.verified()).problems == []


async def test_a_write_key_takes_no_id_of_a_server(stack: Stack, sites: tuple[Site, Site]) -> None:
    for by in (stack.write, sites[0].client):
        for squatted in (INVOICE["message_id"], f"~s/{INVOICE['message_id']}"):
            await stack.post([NOISE | {"message_id": squatted}], by=by)
    await stack.post([INVOICE])
    await stack.post([INVOICE])

    assert await names(stack, "acme") == [("invoice-2026-118", "Invoice Paid")]


async def test_a_write_key_takes_no_id_of_a_provider(
    stack: Stack, sites: tuple[Site, Site]
) -> None:
    made = await stack.read.post(
        "/v1/sources", json={"name": "support", "kind": "standard-webhooks"}
    )
    source_id = made.json()["source_id"]
    secret = await stack.read.post(f"/v1/sources/{source_id}/secrets", json={})
    await stack.read.patch(
        f"/v1/sources/{source_id}",
        json={"settings": {"mapping": {"rules": [{"event": "Ticket Opened", "account_id": "of"}]}}},
    )
    message_id = f"standard-webhooks:{source_id}:msg_1"
    squatted = NOISE | {"message_id": message_id}
    for by in (stack.write, stack.read, sites[0].client):
        await stack.post([squatted], by=by)

    body = json.dumps({"of": "acme"}).encode()
    instant = str(int(stack.clock.now().timestamp()))
    signed = f"msg_1.{instant}.".encode() + body
    key = base64.b64decode(secret.json()["value"].removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    for _ in range(2):
        answer = await stack.write.post(
            f"/v1/webhooks/standard-webhooks/{source_id}",
            content=body,
            headers={
                "webhook-id": "msg_1",
                "webhook-timestamp": instant,
                "webhook-signature": f"v1,{signature}",
            },
        )
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text
        stack.accepted += 1
    await stack.settled()

    assert await names(stack, "acme") == [(message_id, "Ticket Opened")]


async def test_a_duplicate_that_says_something_else_is_shown(
    stack: Stack, sites: tuple[Site, Site]
) -> None:
    shop, _ = sites
    await shop.send(event("Order Placed", START, "1001", account_id="acme"))
    await shop.send(event("Order Shipped", START, "1001", account_id="acme"))

    assert await names(stack, "acme") == [("1001", "Order Placed")]
    assert await shop.results() == [
        ("1001", "applied", None),
        ("1001", "duplicate", "other_content"),
    ]
    metrics = (await stack.read.get("/metrics")).text
    assert "stageline_stager_duplicates_with_other_content_total 1.0" in metrics


async def test_two_files_may_number_their_rows_alike(stack: Stack, tmp_path: Path) -> None:
    rows = [(number, START - timedelta(days=number)) for number in (1, 2, 3)]

    def table(name: str, what: str, columns: str, numbers: int) -> Path:
        path = tmp_path / name
        lines = [f"{n},{what},acme,{at.isoformat()}" for n, at in rows[:numbers]]
        path.write_text("\n".join([columns, *lines]) + "\n")
        return path

    head = "message_id,event,account_id,occurred_at"
    orders = table("orders.csv", "Order Placed", head, 2)
    tickets = table("tickets.csv", "Ticket Opened", head, 3)

    async def load(file: Path, count: int) -> None:
        arguments = ["import", str(file), "--url", stack.base_url, "--restart", "--json"]
        key = stack.read.headers["Authorization"].removeprefix("Bearer ")
        result = await asyncio.to_thread(CliRunner().invoke, app, [*arguments, "--key", key])
        assert result.exit_code == 0, result.output
        # The log of the services, which run in this process, may precede the answer.
        assert json.loads(result.stdout.splitlines()[-1])["accepted"] == count
        stack.accepted += count
        await stack.settled()

    await load(orders, 2)
    await load(tickets, 3)
    # Again, and then a longer export of the same.
    await load(orders, 2)
    await load(table("orders-2.csv", "Order Placed", head, 3), 3)

    assert await names(stack, "acme") == [
        (str(number), what) for number in (1, 2, 3) for what in ("Order Placed", "Ticket Opened")
    ]


async def test_a_request_to_erase_another_person_under_an_old_number_erases_them(
    stack: Stack,
) -> None:
    for person in ("ann", "bob", "eve"):
        await stack.post([event("Signed In", START, f"m-{person}", user_id=person)])
    for person in ("ann", "bob", "ann"):
        answer = await stack.read.post(
            f"/v1/people/user:{person}:erase", json={"message_id": "request-17"}
        )
        assert (answer.status_code, answer.json()) == (202, {"message_id": "request-17"})
        stack.accepted += 1
        await stack.settled()

    report = await stack.verified()
    assert (report.problems, report.touchpoints) == ([], 1)
