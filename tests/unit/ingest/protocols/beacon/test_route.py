"""`POST /v1/beacon`: touchpoints whose key is in the query or in the body."""

from typing import Any

import httpx
import pytest

from shared.keys.token import NewKey
from tests.unit.ingest.conftest import ListLog

BEACON = "/v1/beacon"


@pytest.mark.parametrize("name", ["key", "write_key", "writeKey", "access_token"])
async def test_a_beacon_brings_its_key_in_the_query(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, name: str
) -> None:
    answer = await client.post(
        f"{BEACON}?{name}={write_key.token}",
        content='{"event": "Page Left", "anonymous_id": "7f3a"}',
        headers={"Content-Type": "text/plain;charset=UTF-8"},
    )

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert event_log.envelopes[0].event == "Page Left"


async def test_a_beacon_may_bring_its_key_in_the_body(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    body = {
        "write_key": write_key.token,
        "touchpoints": [{"event": "A", "user_id": "u"}, {"event": "B"}],
    }

    answer = await client.post(BEACON, json=body)

    assert answer.json()["accepted"] == 1
    assert [each["code"] for each in answer.json()["rejected"]] == ["missing_identity"]
    assert write_key.token not in event_log.records[0].value.decode()


@pytest.mark.parametrize("value", [rb'"\ud800"', rb'"\u0000"', b"NaN"])
async def test_an_event_that_cannot_be_stored_takes_no_key_out_of_the_body(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, value: bytes
) -> None:
    body = (
        b'{"write_key":"%b","touchpoints":[{"event":"A","user_id":"u"},{"event":"B","user_id":%b}]}'
    ) % (write_key.token.encode(), value)

    answer = await client.post(BEACON, content=body)

    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert [each["index"] for each in answer.json()["rejected"]] == [1]
    assert [envelope.event for envelope in event_log.envelopes] == ["A"]


async def test_a_beacon_takes_the_key_wherever_a_page_puts_it(
    client: httpx.AsyncClient, write_key: NewKey, bearer: dict[str, str], event_log: ListLog
) -> None:
    event = {"event": "A", "user_id": "u"}
    wrapped = {"write_key": write_key.token, "touchpoints": event}

    both = await client.post(f"{BEACON}?key={write_key.token}", json=wrapped)
    header = await client.post(BEACON, json=event, headers=bearer)
    others = await client.post(BEACON, json=wrapped, headers={"Authorization": "Bearer theirs"})

    assert [answer.status_code for answer in (both, header, others)] == [202, 202, 202]
    assert len(event_log.records) == 3


async def test_a_beacon_that_was_cut_off_is_refused_by_name(
    client: httpx.AsyncClient, write_key: NewKey
) -> None:
    body = f'{{"write_key": "{write_key.token}", "touchpoints": [{{"event": "A"'

    answer = await client.post(BEACON, content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    "body",
    [
        {"event": "A", "user_id": "u"},
        {"write_key": 7, "touchpoints": []},
        {"write_key": "sl_wk_1_2", "touchpoints": [{"event": "A", "user_id": "u"}]},
        [],
    ],
)
async def test_a_beacon_without_a_good_key_is_turned_away(
    client: httpx.AsyncClient, event_log: ListLog, body: Any
) -> None:
    answer = await client.post(BEACON, json=body)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert event_log.records == []
