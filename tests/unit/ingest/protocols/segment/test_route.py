import base64
import gzip
import json
from typing import Any

import httpx
import pytest

from services.ingest.intake import Ingest
from shared.contracts.message_ids import as_sent
from shared.keys.token import NewKey
from tests.unit.ingest.conftest import FakeDatabase, ListLog

SUCCESS = (200, {"success": True})


def basic(token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{token}:".encode()).decode()}


@pytest.fixture
def by_basic(write_key: NewKey) -> dict[str, str]:
    return basic(write_key.token)


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t"])
async def test_a_track_call_becomes_a_touchpoint(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog, path: str
) -> None:
    call = {
        "userId": "u-1",
        "anonymousId": "a-1",
        "event": "Order Completed",
        "properties": {"total": 9.5},
        "messageId": "m-1",
        "timestamp": "2026-02-01T10:00:00.123Z",
        "integrations": {"All": True},
        "context": {
            "ip": "203.0.113.9",
            "campaign": {"source": "news"},
            "groupId": "acme",
            "traits": {"plan": "pro", "email": "leah@example.com"},
        },
        "_metadata": {"bundled": []},
    }

    answer = await client.post(path, json=call, headers=by_basic)

    assert (answer.status_code, answer.json()) == SUCCESS
    [envelope] = event_log.envelopes
    assert (envelope.type, envelope.event, as_sent(envelope.message_id)) == (
        "track",
        "Order Completed",
        "m-1",
    )
    assert (envelope.user_id, envelope.anonymous_id, envelope.account_id) == ("u-1", "a-1", "acme")
    assert (envelope.properties, envelope.email) == ({"total": 9.5}, "leah@example.com")
    assert envelope.traits == {"plan": "pro", "email": "leah@example.com"}
    assert envelope.context == {"ip": "203.0.113.0", "campaign": {"source": "news"}}
    assert envelope.occurred_at.isoformat() == "2026-02-01T10:00:00.123000+00:00"


@pytest.mark.parametrize("path", ["/v1/identify", "/v1/i"])
async def test_identify_carries_traits_and_the_email(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog, path: str
) -> None:
    call = {"userId": "u-1", "traits": {"email": " leah@example.com ", "title": "CFO"}}

    answer = await client.post(path, json=call, headers=by_basic)

    assert (answer.status_code, answer.json()) == SUCCESS
    [envelope] = event_log.envelopes
    assert (envelope.type, envelope.email) == ("identify", "leah@example.com")
    assert envelope.traits == {"email": " leah@example.com ", "title": "CFO"}


async def test_identify_takes_traits_out_of_the_context_where_an_sdk_puts_them(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog
) -> None:
    call = {"userId": "u-1", "context": {"traits": {"email": "leah@example.com"}, "ip": "::1"}}

    await client.post("/v1/identify", json=call, headers=by_basic)

    [envelope] = event_log.envelopes
    assert (envelope.email, envelope.context) == ("leah@example.com", {"ip": "::"})


@pytest.mark.parametrize("path", ["/v1/group", "/v1/g"])
async def test_group_carries_the_account_and_its_traits(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog, path: str
) -> None:
    call = {"userId": "u-1", "groupId": "acme", "traits": {"industry": "saas"}}

    answer = await client.post(path, json=call, headers=by_basic)

    assert (answer.status_code, answer.json()) == SUCCESS
    [envelope] = event_log.envelopes
    assert (envelope.type, envelope.account_id) == ("group", "acme")
    assert (envelope.account_traits, envelope.traits) == ({"industry": "saas"}, {})


async def test_a_group_call_may_name_its_account_in_the_context_as_the_others_do(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog
) -> None:
    call = {"userId": "u-1", "traits": {"industry": "saas"}, "context": {"groupId": "acme"}}

    await client.post("/v1/group", json=call, headers=by_basic)

    [envelope] = event_log.envelopes
    assert (envelope.account_id, envelope.account_traits) == ("acme", {"industry": "saas"})


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("/v1/page", "Page Viewed"),
        ("/v1/p", "Page Viewed"),
        ("/v1/screen", "Screen Viewed"),
        ("/v1/s", "Screen Viewed"),
    ],
)
async def test_page_and_screen_have_an_event_name_and_keep_theirs_as_a_property(
    client: httpx.AsyncClient,
    by_basic: dict[str, str],
    event_log: ListLog,
    path: str,
    event: str,
) -> None:
    call = {"anonymousId": "a", "name": "Pricing", "properties": {"path": "/pricing"}}

    await client.post(path, json=call, headers=by_basic)

    [envelope] = event_log.envelopes
    assert envelope.event == event
    assert envelope.properties == {"name": "Pricing", "path": "/pricing"}


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b"])
async def test_a_batch_shares_its_context_and_its_clock(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog, path: str
) -> None:
    body = {
        "sentAt": "2026-03-01T14:00:00Z",  # two hours fast: the server's clock says 12:00
        "context": {"library": {"name": "x"}, "ip": "::1"},
        "batch": [
            {"type": "track", "event": "A", "userId": 7, "timestamp": "2026-03-01T13:59:00Z"},
            {"type": "page", "anonymousId": "a", "context": {"ip": "2001:db8:7::2"}},
            {"type": "identify", "userId": "u", "timestamp": "2026-03-01T14:30:00Z"},
        ],
    }

    answer = await client.post(path, json=body, headers=by_basic)

    assert (answer.status_code, answer.json()) == SUCCESS
    track, page, identify = event_log.envelopes
    assert track.user_id == "7"
    assert track.occurred_at.isoformat() == "2026-03-01T11:59:00+00:00"
    assert track.original_timestamp == "2026-03-01T13:59:00Z"
    assert page.context == {"library": {"name": "x"}, "ip": "2001:db8:7::"}
    assert page.original_timestamp is None
    assert identify.occurred_at == identify.received_at
    assert identify.original_timestamp == "2026-03-01T14:30:00Z"


async def test_what_an_event_lacks_refuses_it_alone_and_is_counted(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog, ingest: Ingest
) -> None:
    batch = [
        {"type": "track", "userId": "u"},
        {"type": "track", "event": "A"},
        {"type": "unmerge", "userId": "u"},
        {"type": "track", "event": "A", "userId": "u", "timestamp": "last week"},
        {"type": "track", "event": "A", "userId": "u", "properties": [1]},
        {"type": "group", "groupId": "user:1", "userId": "u"},
        {"type": "track", "event": "A", "userId": "u", "messageId": "x" * 101},
        "not an object",
        {"type": "track", "event": "A", "userId": "u"},
    ]

    answer = await client.post("/v1/batch", json={"batch": batch}, headers=by_basic)

    assert (answer.status_code, answer.json()) == SUCCESS
    assert len(event_log.records) == 1
    assert _refused(ingest) == {
        "missing_event": 1,
        "missing_identity": 1,
        "unknown_type": 1,
        "invalid_occurred_at": 1,
        "invalid_properties": 1,
        "reserved_account_id": 1,
        "invalid_message_id": 1,
        "not_an_object": 1,
    }


@pytest.mark.parametrize(
    ("timestamp", "occurred_at"),
    [
        ("2026-02-01T10:00:00", "2026-02-01T10:00:00+00:00"),
        ("2026-02-01 10:00:00+02:00", "2026-02-01T08:00:00+00:00"),
        ("2026-02-01", "2026-02-01T00:00:00+00:00"),
        (1769940000, "2026-02-01T10:00:00+00:00"),
        (1769940000500, "2026-02-01T10:00:00.500000+00:00"),
    ],
)
async def test_times_are_read_as_the_sdks_write_them(
    client: httpx.AsyncClient,
    by_basic: dict[str, str],
    event_log: ListLog,
    timestamp: Any,
    occurred_at: str,
) -> None:
    call = {"event": "A", "userId": "u", "timestamp": timestamp}

    await client.post("/v1/track", json=call, headers=by_basic)

    assert event_log.envelopes[0].occurred_at.isoformat() == occurred_at


async def test_an_email_that_is_none_stays_a_trait(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog
) -> None:
    call = {"userId": "u", "traits": {"email": "n/a"}}

    await client.post("/v1/identify", json=call, headers=by_basic)

    [envelope] = event_log.envelopes
    assert (envelope.email, envelope.traits) == (None, {"email": "n/a"})


@pytest.mark.parametrize("where", ["basic", "basic without colon", "bearer", "body", "oauth"])
async def test_the_key_comes_by_any_of_the_ways_of_the_sdks(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, where: str
) -> None:
    token = write_key.token
    headers = {
        "basic": basic(token),
        "basic without colon": {
            "Authorization": "Basic " + base64.b64encode(token.encode()).decode()
        },
        "bearer": {"Authorization": f"Bearer {token}"},
        "body": {},
        "oauth": {"Authorization": "Bearer eyJhbGciOi.an.oauth.token"},
    }[where]
    body: dict[str, Any] = {"batch": [{"type": "track", "event": "A", "userId": "u"}]}
    if where in ("body", "oauth"):
        body["writeKey"] = token

    answer = await client.post("/v1/batch", json=body, headers=headers)

    assert (answer.status_code, answer.json()) == SUCCESS
    assert len(event_log.records) == 1


async def test_a_browser_sends_plain_text_and_a_server_gzip(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog
) -> None:
    call = json.dumps({"event": "A", "userId": "u"}).encode()

    plain = await client.post(
        "/v1/t", content=call, headers={**by_basic, "Content-Type": "text/plain"}
    )
    packed = await client.post(
        "/v1/t", content=gzip.compress(call), headers={**by_basic, "Content-Encoding": "gzip"}
    )

    assert [plain.json(), packed.json()] == [{"success": True}] * 2
    assert len(event_log.records) == 2


async def test_errors_have_the_form_that_the_sdks_read(
    client: httpx.AsyncClient,
    by_basic: dict[str, str],
    event_log: ListLog,
    database: FakeDatabase,
) -> None:
    call = {"event": "A", "userId": "u"}
    answers = {
        "wrong key": await client.post("/v1/track", json=call, headers=basic("nobody")),
        "bad json": await client.post("/v1/track", content=b"{", headers=by_basic),
        "too large": await client.post("/v1/track", content=b" " * 6_000_001, headers=by_basic),
        "no batch": await client.post("/v1/batch", json=call, headers=by_basic),
        "too many": await client.post("/v1/batch", json={"batch": [call] * 2501}, headers=by_basic),
    }
    event_log.is_away = True
    answers["no log"] = await client.post("/v1/track", json=call, headers=by_basic)
    database.is_away = True
    answers["no keys"] = await client.post(
        "/v1/track", json=call, headers=basic(f"sl_wk_0123456789ab_{'0' * 48}")
    )

    assert {
        name: (answer.status_code, answer.json()["code"]) for name, answer in answers.items()
    } == {
        "wrong key": (401, "unauthenticated"),
        "bad json": (400, "malformed_json"),
        "too large": (400, "body_too_large"),
        "no batch": (400, "invalid_batch"),
        "too many": (400, "too_many_events"),
        "no log": (503, "log_unavailable"),
        "no keys": (503, "keys_unavailable"),
    }
    assert all(set(answer.json()) == {"code", "message"} for answer in answers.values())
    assert [answers[name].headers["retry-after"] for name in ("no log", "no keys")] == ["2", "2"]


async def test_a_batch_with_one_broken_item_keeps_the_others(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog, ingest: Ingest
) -> None:
    body = rb"""{"batch":[
        {"type":"track","event":"A","userId":"u"},
        {"type":"track","event":"B","userId":"u","properties":{"x":"\ud800"}},
        {"type":"track","event":"C","userId":"u","properties":{"x":1e400}},
        {"type":"track","event":"D","userId":"u","properties":{"x":"\u0000"}},
        {"type":"track","event":"E","userId":"u","properties":{"ok":"\ud83d\ude00"}}]}"""

    answer = await client.post("/v1/batch", content=body, headers=by_basic)

    assert (answer.status_code, answer.json()) == SUCCESS
    assert [envelope.event for envelope in event_log.envelopes] == ["A", "E"]
    assert _refused(ingest) == {"invalid_unicode": 2, "number_out_of_range": 1}


def _refused(ingest: Ingest) -> dict[str, int]:
    return {
        sample.labels["code"]: int(sample.value)
        for metric in ingest.metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "stageline_ingest_events_refused_total" and sample.value
    }
