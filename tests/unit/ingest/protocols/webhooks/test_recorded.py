"""Who watches a source learns why its webhooks are not believed; who sends them does not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from services.ingest.intake import Ingest
from services.ingest.recorder import Recorder
from shared.sources.event import SourceEvent, SourceUsage
from shared.sources.source import Source, SourceKind
from tests.unit.ingest.conftest import NOW, FakeDatabase
from tests.unit.ingest.protocols.webhooks import senders
from tests.unit.ingest.protocols.webhooks.senders import BASE_URL, path, source

HUBSPOT = source(SourceKind.HUBSPOT)
BODY = b"[]"
GOOD = senders.hubspot(HUBSPOT, BODY)
OLD = senders.hubspot(HUBSPOT, BODY, at=NOW - timedelta(minutes=6))
FORGED = senders.hubspot(HUBSPOT, BODY, secret="another secret")
TWICE = [*GOOD.items(), ("X-HubSpot-Signature-v3", "x")]


@pytest.mark.parametrize(
    ("of", "headers", "reported"),
    [
        (HUBSPOT, {}, "no signature or secret"),
        (HUBSPOT, TWICE, "cannot be read, or is there twice"),
        (HUBSPOT, OLD, "more than five minutes"),
        (HUBSPOT, FORGED, f"here it is {BASE_URL}{path(HUBSPOT)}"),
        (replace(HUBSPOT, secrets=()), GOOD, "has no secret in use"),
        (
            source(SourceKind.STRIPE),
            senders.by_stripe(b"{}", secret="another"),
            "changed on its way",
        ),
    ],
)
async def test_why_a_signature_is_not_believed_is_for_those_who_watch(
    *, client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, of: Source,
    headers: dict[str, str] | list[tuple[str, str]], reported: str,
) -> None:  # fmt: skip
    noted: list[SourceEvent] = []

    async def write(events: Sequence[SourceEvent], usages: Sequence[SourceUsage]) -> None:
        del usages
        noted.extend(events)

    ingest.accounting.recorder = Recorder(write, ingest.metrics)
    ingest.public_base_url = BASE_URL
    database.sources.append(of)

    answer = await client.post(path(of), content=BODY, headers=headers)
    await ingest.accounting.recorder.flush()

    (event,) = noted
    assert (answer.status_code, event.code) == (401, "invalid_signature")
    assert reported in (event.detail or "")
    assert reported not in answer.text
