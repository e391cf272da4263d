"""What Segment's and RudderStack's SDKs put around an event: clocks, contexts, campaigns, ids."""

from typing import Any

import httpx
import pytest

from services.ingest.protocols.common import campaign
from shared.contracts.envelope import Campaign
from tests.unit.ingest.conftest import ListLog

TRACK = {"type": "track", "event": "A", "userId": "u"}
FAST = "2026-03-01T14:00:00Z"
"""What a clock two hours fast shows when ours shows noon."""


def _sent(around: str | None = FAST, **times: str) -> dict[str, Any]:
    return {"batch": [{**TRACK, **times}], "sentAt": around}


@pytest.mark.parametrize(
    ("body", "occurred_at"),
    [
        (_sent(timestamp="2026-03-01T13:00:00Z"), "2026-03-01T11:00:00+00:00"),
        (_sent(originalTimestamp="2026-03-01T13:00:00Z"), "2026-03-01T11:00:00+00:00"),
        (_sent(None, timestamp="2026-03-01T13:00:00Z", sentAt=FAST), "2026-03-01T11:00:00+00:00"),
        # Set when it was queued, and out of date when it was sent.
        (
            _sent(timestamp="2026-03-01T13:00:00Z", sentAt="2026-03-01T13:00:01Z"),
            "2026-03-01T11:00:00+00:00",
        ),
        # Sent on purpose beside the clock's own reading: RudderStack keeps it as it is.
        (
            _sent(timestamp="2026-02-01T09:00:00Z", originalTimestamp="2026-03-01T13:00:00Z"),
            "2026-02-01T09:00:00+00:00",
        ),
        (_sent(), "2026-03-01T12:00:00+00:00"),
        (_sent("no time", timestamp="2026-03-01T11:00:00Z"), "2026-03-01T11:00:00+00:00"),
    ],
)
async def test_an_event_is_placed_by_the_clock_that_dated_it(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    body: dict[str, Any],
    occurred_at: str,
) -> None:
    await client.post("/v1/batch", json=body, headers=bearer)

    [envelope] = event_log.envelopes
    assert envelope.occurred_at.isoformat() == occurred_at


@pytest.mark.parametrize(
    ("context", "campaign"),
    [
        (
            {"campaign": {"name": "spring", "source": " news ", "medium": "email", "id": 7}},
            Campaign(name="spring", source="news", medium="email"),
        ),
        (
            {
                "page": {
                    "url": "https://a.example/x?utm_campaign=spring%20sale&utm_source=news&q=1#utm_term=t"
                }
            },
            Campaign(name="spring sale", source="news"),
        ),
        (
            {"page": {"url": "https://a.example/?utm_source=one&utm_source=two"}},
            Campaign(source="one"),
        ),
        ({"campaign": {}, "page": {"url": "https://a.example/?utm_source=news"}}, None),
        ({"campaign": {"name": ["x"], "source": "", "term": "x" * 513}}, None),
        ({"campaign": "spring"}, None),
        ({"page": {"url": "https://[utm_source=x"}}, None),
        ({"page": {"url": 5}}, None),
        ({"page": "utm_source=news"}, None),
    ],
)
async def test_a_campaign_comes_from_the_context_or_from_the_pages_address(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    context: dict[str, Any],
    campaign: Campaign | None,
) -> None:
    await client.post("/v1/track", json={**TRACK, "context": context}, headers=bearer)

    [envelope] = event_log.envelopes
    assert envelope.campaign == campaign


def test_an_address_of_a_thousand_parameters_is_no_campaign() -> None:
    assert campaign.from_url("https://a.example/?" + "utm_source=x&" * 1_000) is None


async def test_the_context_around_a_batch_fills_in_for_what_an_item_leaves_out(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    body = {
        "context": {"groupId": "acme", "traits": {"plan": "pro"}, "locale": "nl"},
        "integrations": {"All": False},
        "batch": [
            TRACK,
            {**TRACK, "context": {"groupId": 77, "locale": "en"}},
            {**TRACK, "context": {"traits": {"plan": "free"}}},
            {**TRACK, "context": None},
        ],
    }

    await client.post("/v1/batch", json=body, headers=bearer)

    stored = [
        (envelope.account_id, envelope.traits, envelope.context) for envelope in event_log.envelopes
    ]
    assert stored == [
        ("acme", {"plan": "pro"}, {"locale": "nl"}),
        ("77", {"plan": "pro"}, {"locale": "en"}),
        ("acme", {"plan": "free"}, {"locale": "nl"}),
        ("acme", {"plan": "pro"}, {"locale": "nl"}),
    ]


@pytest.mark.parametrize("blank", ["", "  ", None])
async def test_a_blank_message_id_is_none_and_one_is_made(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog, blank: str | None
) -> None:
    await client.post("/v1/track", json={**TRACK, "messageId": blank}, headers=bearer)

    [envelope] = event_log.envelopes
    assert len(envelope.message_id) > 10


async def test_fields_that_are_not_read_do_no_harm(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    """Of fields that are not kept nothing can be hazardous, in whichever way a body is read."""
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    hostile = [{"integrations": deep}, {"integrations": 2**70}, {"_metadata": "\x00"}]

    for fields in hostile:
        await client.post("/v1/track", json={**TRACK, **fields}, headers=bearer)

    assert len(event_log.records) == 3


async def test_an_event_beyond_the_limit_is_refused_by_what_is_kept_of_it(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    batch = [
        {**TRACK, "properties": {"text": "x" * 33_000}},
        {**TRACK, "integrations": {"text": "x" * 33_000}},
    ]

    answer = await client.post(
        "/v1/batch", json={"batch": batch}, headers={**bearer, "X-Strict-Mode": "1"}
    )

    assert [(each["index"], each["code"]) for each in answer.json()["rejected"]] == [
        (0, "event_too_large")
    ]
    assert len(event_log.records) == 1
