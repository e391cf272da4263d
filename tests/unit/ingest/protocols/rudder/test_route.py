"""What RudderStack's SDKs call beside Segment's paths."""

import base64
from typing import Any

import httpx
import pytest

from services.ingest.protocols.rudder import parse as rudder
from shared.contracts.message_ids import as_sent
from shared.keys.token import KeyKind, NewKey
from tests.unit.ingest.conftest import FakeDatabase, ListLog

CALL = {"type": "track", "event": "A", "userId": "u"}


async def test_a_beacon_is_a_batch_with_its_key_in_the_query(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    answer = await client.post(
        f"/beacon/v1/batch?writeKey={write_key.token}",
        json={"batch": [CALL], "sentAt": "2026-03-01T12:00:00Z"},
        headers={"Content-Type": "text/plain"},
    )

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert [envelope.user_id for envelope in event_log.envelopes] == ["u"]


async def test_a_beacon_without_a_valid_key_is_turned_away_in_the_form_of_its_sdk(
    client: httpx.AsyncClient,
) -> None:
    answers = [
        await client.post(f"/beacon/v1/batch{query}", json={"batch": [CALL]})
        for query in ("", "?writeKey=nobody", "?writeKey=%ff")
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (401, "unauthenticated"),
        (401, "unauthenticated"),
        (400, "invalid_query"),
    ]


@pytest.mark.parametrize(("path", "event"), [("track", "Mail Opened"), ("page", "Page Viewed")])
async def test_an_image_is_a_call_in_the_parameters_of_its_address(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, path: str, event: str
) -> None:
    parameters = {
        "writeKey": write_key.token,
        "event": "Mail Opened",
        "anonymousId": "a-1",
        "userId": "17",
        "messageId": "m-1",
        "properties.plan": "pro",
        "context.groupId": "acme",
        "context.campaign.source": "news",
    }

    answer = await client.get(f"/pixel/v1/{path}", params=parameters)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.content.startswith(b"GIF89a")
    [envelope] = event_log.envelopes
    assert (envelope.event, as_sent(envelope.message_id)) == (event, "m-1")
    assert (envelope.anonymous_id, envelope.user_id) == ("a-1", "17")
    assert (envelope.account_id, envelope.properties) == ("acme", {"plan": "pro"})
    assert envelope.campaign is not None
    assert envelope.campaign.source == "news"
    assert write_key.token not in repr(envelope)


async def test_the_image_comes_whatever_became_of_the_call(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    nameless = await client.get("/pixel/v1/track", params={"writeKey": write_key.token})
    hostile = await client.get(
        "/pixel/v1/track", params={"writeKey": write_key.token, "event": "A\x00", "userId": "u"}
    )
    stranger = await client.get("/pixel/v1/track", params={"event": "A", "userId": "u"})

    stored = [
        (answer.status_code, answer.headers["x-stageline-error"])
        for answer in (nameless, hostile, stranger)
    ]
    assert stored == [
        (422, "missing_event"),
        (422, "invalid_unicode"),
        (401, "unauthenticated"),
    ]
    assert all(answer.content.startswith(b"GIF89a") for answer in (nameless, hostile, stranger))
    assert event_log.records == []


@pytest.mark.parametrize(
    ("parameters", "call"),
    [
        ({"a": "1", "b.c": "2", "b.d.e": "3"}, {"a": "1", "b": {"c": "2", "d": {"e": "3"}}}),
        ({"b": "1", "b.c": "2"}, {"b": "1"}),
        ({"b.c": "2", "b": "1"}, {"b": {"c": "2"}}),
        ({".": "1"}, {"": {"": "1"}}),
    ],
)
def test_a_dot_in_a_name_leads_inside(parameters: dict[str, str], call: dict[str, Any]) -> None:
    assert rudder.call(parameters) == call


def test_dots_lead_no_deeper_than_a_bound() -> None:
    nested: Any = rudder.call({".".join("a" * 50): "x"})

    depth = 0
    while isinstance(nested, dict):
        [nested] = nested.values()
        depth += 1
    assert depth == rudder.MAX_DEPTH + 1


@pytest.mark.parametrize("path", ["/sourceConfig/", "/sourceConfig"])
@pytest.mark.parametrize("where", ["basic", "query"])
async def test_the_browser_sdk_gets_a_source_without_destinations(
    client: httpx.AsyncClient, write_key: NewKey, path: str, where: str
) -> None:
    user = base64.b64encode(f"{write_key.token}:".encode()).decode()
    answer = await client.get(
        path,
        params={"p": "npm", "v": "3.34.1"}
        | ({"writeKey": write_key.token} if where == "query" else {}),
        headers={"Authorization": f"Basic {user}"} if where == "basic" else {},
    )

    source = answer.json()["source"]
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (source["id"], source["enabled"]) == (write_key.key_id, True)
    assert (source["destinations"], source["config"]["statsCollection"]["metrics"]) == (
        [],
        {"enabled": False},
    )


async def test_what_is_no_write_key_gets_no_source(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    secret = database.put(KeyKind.SECRET)

    answers = [
        await client.get("/sourceConfig/", params=params)
        for params in ({}, {"writeKey": "nobody"}, {"writeKey": secret.token})
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (404, "no_write_key"),
        (404, "no_write_key"),
        (403, "secret_key_in_address"),
    ]
    assert secret.token not in answers[-1].text


async def test_an_import_is_a_batch(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    answer = await client.post("/v1/import", json={"batch": [CALL]}, headers=bearer)

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert len(event_log.records) == 1


async def test_a_batch_as_large_as_the_sdk_makes_it_is_accepted(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    call = {**CALL, "properties": {"text": "x" * 30_000}}

    answer = await client.post("/v1/batch", json={"batch": [call] * 141}, headers=bearer)

    assert len(answer.request.content) > 4 * 1024 * 1024
    assert answer.status_code == 200
    assert len(event_log.records) == 141
