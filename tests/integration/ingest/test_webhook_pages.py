"""docs/ways-in is true about webhooks: every snippet runs against a running Stageline."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_item
from services.standalone.compose import Settings, settings_from
from shared.clock import ManualClock, SystemClock
from shared.sources.mapping import compile_mapping
from shared.sources.source import SourceKind, SourceSettings
from tests.compat.snippets import snippet
from tests.conftest import ROOT, require
from tests.support.services import Log, Stack, overrides_of

pytestmark = pytest.mark.timeout(400)  # a page starts the command line a dozen times

SECRETS = {
    "HUBSPOT_CLIENT_SECRET": "client-secret-of-the-app",
    "STRIPE_SIGNING_SECRET": "whsec_signing_secret",
    "PIPEDRIVE_PASSWORD": "pass-word-of-ours",
    "PARTNER_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "SALESFORCE_SECRET": "a-word-of-ours",
    "TICKETS_SECRET": "a-token-of-ours",
    "CHATS_SECRET": "client-secret-of-intercom",
}


class Reachable(Stack):
    """A Stageline that knows the address at which it is reached."""

    def settings(self) -> Settings:
        return settings_from(
            **overrides_of(self.database_url, self.log), public_base_url=self.base_url
        )


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> AsyncIterator[Stack]:
    # The snippets sign with the time of the machine.
    running = Reachable(database_url, Log(), ManualClock(SystemClock().now()), tmp_path)
    await running.start()
    yield running
    await running.stop()


async def shell(stack: Stack, folder: Path, name: str) -> str:
    """Run a snippet as a person would; what it wrote."""
    for program in ("curl", "openssl"):
        require(available=shutil.which(program) is not None, reason=f"no `{program}` on PATH")
    key = stack.read.headers["Authorization"].removeprefix("Bearer ")
    environ = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "STAGELINE_URL": stack.base_url,
        "STAGELINE_SECRET_KEY": key,
        **SECRETS,
    }
    process = await asyncio.create_subprocess_exec(
        *("sh", "-eu", "-c", snippet(name).text),
        cwd=folder,
        env=os.environ | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode() + out.decode()
    return out.decode()


async def followed(stack: Stack, folder: Path, name: str) -> dict[str, Any]:
    """The answer to a snippet that sends."""
    answer: dict[str, Any] = json.loads(await shell(stack, folder, name))
    assert answer["rejected"] == []
    stack.accepted += answer["accepted"]
    await stack.settled()
    return answer


async def events(stack: Stack, account_id: str) -> list[str]:
    return sorted(each["event"] for each in await stack.timeline(account_id))


async def test_hubspots_page(stack: Stack, tmp_path: Path) -> None:
    shown = await shell(stack, tmp_path, "hubspot-source")
    await followed(stack, tmp_path, "hubspot-try")

    assert f"{stack.base_url}/v1/webhooks/hubspot/src_" in shown
    assert await events(stack, "email:ann@hubspot-acme.example") == ["Contact Updated"]


async def test_stripes_page(stack: Stack, tmp_path: Path) -> None:
    await shell(stack, tmp_path, "stripe-source")
    await followed(stack, tmp_path, "stripe-try")

    assert await events(stack, "stripe-acme") == ["Invoice Paid", "Subscription Renewed"]
    assert {each["value"] for each in await stack.timeline("stripe-acme")} == {19.99}


async def test_pipedrives_page(stack: Stack, tmp_path: Path) -> None:
    await shell(stack, tmp_path, "pipedrive-source")
    await followed(stack, tmp_path, "pipedrive-try")

    assert await events(stack, "pipedrive:organization:4") == ["Deal Stage Changed"]


async def test_the_page_of_standard_webhooks(stack: Stack, tmp_path: Path) -> None:
    await shell(stack, tmp_path, "standard-source")
    await followed(stack, tmp_path, "standard-try")

    assert await events(stack, "standard-acme") == ["Teammate Invited"]


async def test_salesforces_page(stack: Stack, tmp_path: Path) -> None:
    await shell(stack, tmp_path, "salesforce-source")
    acknowledged = await shell(stack, tmp_path, "salesforce-soap")
    stack.accepted += 1
    await followed(stack, tmp_path, "salesforce-json")

    assert "<Ack>true</Ack>" in acknowledged
    assert await events(stack, "salesforce-acme") == [
        "Company Updated",
        "Deal Stage Changed",
        "Deal Stage Changed",
        "Deal Won",
    ]


async def test_the_page_of_zendesk_and_intercom(stack: Stack, tmp_path: Path) -> None:
    await shell(stack, tmp_path, "generic-source")
    sample = await shell(stack, tmp_path, "generic-sample")
    await followed(stack, tmp_path, "zendesk-try")
    await followed(stack, tmp_path, "intercom-try")

    assert "friction: process delay" in sample
    assert await events(stack, "zendesk:organization:10002") == ["Ticket Opened"]
    assert await events(stack, "user:intercom-ann") == ["Survey Answered"]


async def test_the_mapping_of_its_page_makes_the_touchpoint_of_its_page() -> None:
    page = ROOT / "docs"
    text = (page / "mapping.md").read_text("utf-8")
    sample = text.split("Of `", 1)[1].split("` this makes", 1)[0]
    way = DeliveryContext(
        kind=SourceKind.GENERIC,
        source_id="src-1",
        settings=SourceSettings(),
        mapping=compile_mapping(yaml.safe_load(snippet("mapping", page).text)),
    )

    (candidate,) = parse_item(json.loads(sample), way)

    assert isinstance(candidate, ForeignCandidate)
    expected = json.loads(snippet("mapping-result", page).text)
    assert candidate.message_id == "generic:src-1:7"
    assert candidate.occurred_at == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert expected.pop("occurred_at") == "2026-03-02T09:30:00Z"
    assert {name: getattr(candidate, name) for name in expected} == expected
