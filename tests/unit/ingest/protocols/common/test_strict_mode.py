"""`X-Strict-Mode: 1` on the calls of foreign SDKs."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from shared.contracts.message_ids import as_sent
from shared.keys.token import NewKey
from shared.sources.source import ConsentRule, SourceSettings
from tests.unit.ingest.conftest import FakeDatabase, ListLog

STRICT = {"X-Strict-Mode": "1"}
FINE = {"type": "track", "event": "A", "userId": "u", "messageId": "m-1"}
NAMELESS = {"type": "track", "userId": "u"}
CODES = [(1, "missing_event"), (2, "unknown_type")]


async def _send(
    client: httpx.AsyncClient, sender: Mapping[str, str], batch: list[Any], mode: str = "1"
) -> httpx.Response:
    headers = {**sender, "X-Strict-Mode": mode}
    return await client.post("/v1/batch", json={"batch": batch}, headers=headers)


async def test_all_accepted_is_a_success_with_numbers(
    client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    answer = await _send(client, bearer, [FINE, {**FINE, "messageId": "m-2"}])

    assert (answer.status_code, answer.json()) == (
        200,
        {"success": True, "accepted": 2, "dropped": 0, "rejected": []},
    )


async def test_any_refusal_is_listed_one_by_one_and_the_others_are_stored(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    answer = await _send(client, bearer, [FINE, NAMELESS, {**FINE, "type": "erase"}])

    body = answer.json()
    assert (answer.status_code, body["code"], body["success"]) == (400, "events_rejected", False)
    assert (body["accepted"], body["dropped"]) == (1, 0)
    assert [(each["index"], each["code"]) for each in body["rejected"]] == CODES
    assert all(set(each) == {"index", "code", "detail"} for each in body["rejected"])
    assert isinstance(body["message"], str)
    assert [as_sent(envelope.message_id) for envelope in event_log.envelopes] == ["m-1"]


@pytest.mark.parametrize("value", ["0", "", "no"])
async def test_who_does_not_ask_gets_what_the_sdks_need(
    client: httpx.AsyncClient, bearer: dict[str, str], value: str
) -> None:
    answer = await _send(client, bearer, [NAMELESS], value)

    assert (answer.status_code, answer.json()) == (200, {"success": True})


async def test_what_is_dropped_for_a_persons_sake_is_no_error(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    sender = database.bind(SourceSettings(consent=ConsentRule(required=("analytics",))))

    answer = await _send(client, sender, [FINE])

    assert (answer.status_code, answer.json()) == (
        200,
        {"success": True, "accepted": 0, "dropped": 1, "rejected": []},
    )
    assert event_log.records == []


async def test_single_calls_and_posthogs_are_as_strict(
    client: httpx.AsyncClient, bearer: dict[str, str], write_key: NewKey
) -> None:
    single = await client.post("/v1/track", json={"userId": "u"}, headers={**bearer, **STRICT})
    capture = await client.post(
        "/batch/",
        json={"api_key": write_key.token, "batch": [{"event": "A"}]},
        headers=STRICT,
    )

    assert [answer.status_code for answer in (single, capture)] == [400, 400]
    assert [answer.json()["code"] for answer in (single, capture)] == ["events_rejected"] * 2
    assert capture.json()["detail"]


@pytest.mark.parametrize("value", [b"1e400", b"NaN", b"9" * 5_000])
@pytest.mark.parametrize("field", [b'"context":{"x":%b}', b'"sentAt":%b', b'"properties":{"x":%b}'])
async def test_a_number_that_is_none_is_reported_of_the_call_wherever_it_stands(
    client: httpx.AsyncClient, write_key: NewKey, field: bytes, value: bytes
) -> None:
    call = b'{"event":"A","userId":"u","writeKey":"%b",%b}'

    answer = await client.post(
        "/v1/track", content=call % (write_key.token.encode(), field % value), headers=STRICT
    )

    assert [each["code"] for each in answer.json()["rejected"]] == ["number_out_of_range"]


async def test_a_page_may_ask_for_it(client: httpx.AsyncClient) -> None:
    preflight = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-strict-mode, anonymousid, authorization",
    }

    answer = await client.options("/v1/batch", headers=preflight)

    allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"x-strict-mode", "anonymousid", "authorization"} <= allowed
