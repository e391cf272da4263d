"""One whole story in two workspaces side by side: the same names, ids and keys of journeys in both."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.standalone.document import published
from shared.clock import ManualClock
from shared.maps import templates
from tests.acceptance.conftest import START
from tests.acceptance.stories import path
from tests.acceptance.test_leah import STORY, at
from tests.support.services import Log, Stack

ALPHA_MAP = re.sub(r"(?m)^title:.*$", "title: alpha journey", templates.read("b2b-jtbd-7"))
BETA_MAP = """\
journey: b2b-jtbd-7
title: beta journey
subject: account
stages:
  - {key: start, title: Start, owner: beta-team}
  - {key: signed, title: Signed, owner: beta-team, stall_after: 5d, enter: {event: Proposal Signed}}
"""
BETA_STORY = [each for each in STORY if each["message_id"] in {"leah-4", "leah-5"}]

PUBLIC_CHANNELS = ("social", "website", "webinar")

_READS = [
    route
    for route, operations in json.loads(published())["paths"].items()
    if "x-scope" in operations.get("get", {}) and route.startswith("/v1/")
]


@dataclass(kw_only=True)
class Tenant:
    """One workspace as its owner works with it: by its own keys alone."""

    name: str
    stack: Stack
    write: httpx.AsyncClient
    secret: httpx.AsyncClient
    source_id: str = ""

    async def prepare(self, source: str) -> None:
        """Publish the map; make a source, which carries the workspace's name."""
        answer = await self.secret.post("/v1/journeys", content=source)
        assert answer.status_code == 201, answer.text
        made = await self.secret.post(
            "/v1/sources", json={"name": f"{self.name}-site", "kind": "web"}
        )
        self.source_id = made.json()["source_id"]

    async def send(self, event: dict[str, Any]) -> None:
        """Send one event, with the workspace's name in its properties and traits."""
        labelled = {"properties": {"note": f"{self.name}-note"}}
        if "account_id" in event:
            labelled["account_traits"] = {"name": f"{self.name} works"}
        # Contracts and money are reserved for servers by the map.
        sender = self.write if event["channel"] in PUBLIC_CHANNELS else self.secret
        answer = await sender.post("/v1/touchpoints", json=event | labelled)
        assert answer.json() == {"accepted": 1, "rejected": []}
        self.stack.accepted += 1
        await self.stack.settled()

    async def get(self, route: str) -> dict[str, Any]:
        """JSON of a successful read."""
        answer = await self.secret.get(route)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def everything(self, names: Mapping[str, Sequence[str]]) -> str:
        """Text of the response to every read of the api, with each of `names` in its path."""
        texts: list[str] = []
        for route in _READS:
            fields = re.findall(r"{(\w+)}", route)
            for values in itertools.product(*(names[field] for field in fields)):
                filled = route.format(**dict(zip(fields, values, strict=True)))
                query = {"account_id": "acme"} if route == "/v1/stage" else {}
                texts.append((await self.secret.get(filled, params=query)).text)
        return "\n".join(texts)


def stageline(*arguments: str) -> Any:
    """JSON that an operator's command prints."""
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> AsyncIterator[Stack]:
    """On the Postgres log."""
    running = Stack(database_url, Log(), ManualClock(START), tmp_path)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def tenants(
    stack: Stack, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Tenant, Tenant]]:
    """Two workspaces that commands made, each with keys, a map and a source of its own."""
    monkeypatch.setenv("STAGELINE_DATABASE_URL", database_url)
    monkeypatch.chdir(stack._home)
    async with AsyncExitStack() as clients:

        async def tenant(name: str) -> Tenant:
            await asyncio.to_thread(stageline, "workspace", "create", name)
            opened = []
            for kind in ("write", "secret"):
                made = await asyncio.to_thread(
                    stageline, "keys", "create", "--kind", kind, "--workspace", name
                )
                client = httpx.AsyncClient(
                    base_url=stack.base_url, headers={"Authorization": f"Bearer {made['key']}"}
                )
                opened.append(await clients.enter_async_context(client))
            return Tenant(name=name, stack=stack, write=opened[0], secret=opened[1])

        alpha, beta = await tenant("alpha"), await tenant("beta")
        await alpha.prepare(ALPHA_MAP)
        await beta.prepare(BETA_MAP)
        yield alpha, beta


async def live_both(stack: Stack, alpha: Tenant, beta: Tenant) -> None:
    """Leah's story in alpha, two events of it with the same ids in beta, in the order of time."""
    for event in STORY:
        stack.clock.set(at(*map(int, re.split(r"[-T:]", event["occurred_at"])[1:5])))
        await stack.settled()
        await alpha.send(event)
        if event in BETA_STORY:
            await beta.send(event)


async def test_each_workspace_has_its_own_story_under_the_same_names(
    stack: Stack, tenants: tuple[Tenant, Tenant]
) -> None:
    alpha, beta = tenants

    await live_both(stack, alpha, beta)

    history = "/v1/accounts/acme/history"
    assert path((await alpha.get(history))["items"]) == [
        (None, "trigger"),
        ("trigger", "research"),
        ("research", "consideration"),
        ("consideration", "evaluation"),
        ("evaluation", "purchase"),
        ("purchase", "onboarding"),
        ("onboarding", "expansion_or_renewal"),
        ("expansion_or_renewal", "expanded"),
    ]
    assert path((await beta.get(history))["items"]) == [(None, "start"), ("start", "signed")]
    assert (await alpha.get("/v1/alerts"))["items"] == []
    (alert,) = (await beta.get("/v1/alerts"))["items"]
    assert (alert["account_id"], alert["stage"], alert["opened_at"]) == (
        "acme",
        "signed",
        "2025-02-08T16:30:00Z",
    )
    assert (await stack.verified()).problems == []


async def test_no_read_of_the_api_finds_anything_of_the_other_workspace(
    stack: Stack, tenants: tuple[Tenant, Tenant]
) -> None:
    alpha, beta = tenants
    await live_both(stack, alpha, beta)
    await alpha.send({**STORY[-1], "account_id": "alpha-only", "message_id": "a-1"})
    await beta.send({**STORY[-1], "account_id": "beta-only", "message_id": "b-1"})
    names = {
        "account_id": ["acme", "user:leah", "alpha-only", "beta-only"],
        "person": ["user:leah", "email:leah@acme.example", "user:nobody"],
        "journey": ["b2b-jtbd-7"],
        "source_id": [alpha.source_id, beta.source_id],
    }

    of_alpha, of_beta = await alpha.everything(names), await beta.everything(names)

    assert {"alpha works", "alpha-note", "alpha journey", "alpha-site", "alpha-only"} <= {
        *re.findall(r"alpha[ -]\w+", of_alpha)
    }
    assert {"beta works", "beta-note", "beta journey", "beta-site", "beta-only"} <= {
        *re.findall(r"beta[ -]\w+", of_beta)
    }
    assert re.findall("beta", of_alpha) == []
    assert re.findall("alpha", of_beta) == []
    assert beta.source_id not in of_alpha
    assert alpha.source_id not in of_beta


async def test_what_one_workspace_changes_leaves_the_other_as_it_was(
    stack: Stack, tenants: tuple[Tenant, Tenant]
) -> None:
    alpha, beta = tenants
    await live_both(stack, alpha, beta)
    before = await alpha.get("/v1/accounts/acme/timeline")

    erased = await beta.secret.post("/v1/people/user:leah:erase")
    stack.accepted += 1
    await stack.settled()
    foreign = [
        await beta.secret.patch(f"/v1/sources/{alpha.source_id}", json={"name": "mine"}),
        await beta.secret.post(f"/v1/sources/{alpha.source_id}:pause"),
        await beta.secret.post(f"/v1/sources/{alpha.source_id}/keys", json={}),
        await beta.secret.delete(f"/v1/sources/{alpha.source_id}"),
    ]

    assert erased.status_code == 202
    assert [answer.status_code for answer in foreign] == [404] * 4
    assert len(before["items"]) == 7
    assert await alpha.get("/v1/accounts/acme/timeline") == before
    remembered = await beta.secret.get("/v1/accounts/acme/timeline")
    assert "leah" not in remembered.text
    assert (await stack.verified()).problems == []
