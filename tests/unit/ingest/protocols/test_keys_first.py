"""No body is decoded before a key was seen, wherever a protocol has its key."""

import gzip

import httpx
import pytest

from services.ingest.document import part
from services.ingest.http.body import Lease
from services.ingest.intake import Ingest
from services.ingest.limits import Limits
from services.ingest.protocols.posthog.route import CAPTURES, EVENTS
from services.ingest.protocols.rudder.route import BEACON as RUDDER_BEACON
from services.ingest.protocols.segment.route import CALLS
from shared.keys.token import KeyKind, NewKey, keys_in
from shared.sources.source import SourceSettings
from tests.unit.ingest.conftest import FakeDatabase, ListLog

KEY_IN_BODY = sorted({*CALLS, *CAPTURES, *EVENTS, RUDDER_BEACON, "/v1/beacon"})
KEY_OUTSIDE = [
    "/v1/touchpoints",
    "/v1/cloudevents",
    "/v1/people/user:leah:erase",
    "/v1/people/user:leah:merge",
    "/v1/people/user:leah:unmerge",
    "/v1/accounts/acme:merge",
    "/v1/accounts/acme:unmerge",
]

UNDECODABLE = b'{"event": "A", "batch": [{]'
"""The decoder answers 400 to it."""
UNKNOWN = "sl_wk_0123456789ab_" + "0" * 48


@pytest.mark.parametrize("path", [*KEY_IN_BODY, *KEY_OUTSIDE])
@pytest.mark.parametrize("text", ["", UNKNOWN, "sl_wk_"])
async def test_a_body_without_a_valid_key_is_answered_401_before_it_is_decoded(
    client: httpx.AsyncClient, path: str, text: str
) -> None:
    body = gzip.compress(UNDECODABLE + text.encode())

    answer = await client.post(path, content=body, headers={"Content-Encoding": "gzip"})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("path", KEY_OUTSIDE)
async def test_a_body_is_not_even_unpacked_where_the_key_cannot_be_inside(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.post(path, content=b"no gzip", headers={"Content-Encoding": "gzip"})

    assert answer.status_code == 401


@pytest.mark.parametrize("path", KEY_IN_BODY)
async def test_a_body_with_a_valid_key_is_decoded(
    client: httpx.AsyncClient, write_key: NewKey, path: str
) -> None:
    answer = await client.post(path, content=UNDECODABLE + write_key.token.encode())

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


@pytest.mark.parametrize("path", ["/v1/track", "/e/", "/v1/beacon"])
async def test_a_valid_key_in_another_place_does_not_count(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, path: str
) -> None:
    event = {"event": "A", "userId": "leah", "distinct_id": "leah"}

    answer = await client.post(path, json={**event, "properties": {"note": write_key.token}})

    assert answer.status_code == 401
    assert event_log.records == []


async def test_the_key_in_its_place_counts_where_the_body_holds_several(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    other = database.put(KeyKind.WRITE)
    bearer = database.bind(SourceSettings(deny_properties=("properties.seen",)))["Authorization"]
    event = {"event": "A", "userId": "leah", "properties": {"seen": [UNKNOWN, other.token]}}

    answer = await client.post(
        "/v1/track", json={**event, "writeKey": bearer.removeprefix("Bearer ")}
    )

    assert answer.status_code == 200
    assert [envelope.properties for envelope in event_log.envelopes] == [{}]


async def test_while_keys_cannot_be_read_the_response_is_a_503(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    database.is_away = True

    answer = await client.post("/batch/", json={"api_key": UNKNOWN, "batch": []})

    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")


async def test_keyless_bodies_leave_room_for_those_with_a_key(
    client: httpx.AsyncClient, ingest: Ingest, bearer: dict[str, str]
) -> None:
    event = {"event": "A", "userId": "leah"}
    held = Lease(ingest.keyless_budget)
    assert held.reserve(ingest.limits.max_held_keyless_bytes)

    keyless = await client.post("/v1/track", json=event)
    keyed = await client.post("/v1/track", json=event, headers=bearer)
    held.release()

    assert (keyless.status_code, keyless.json()["code"]) == (503, "busy")
    assert keyed.status_code == 200


def test_a_share_of_the_budget_has_room_for_two_of_the_largest_bodies() -> None:
    assert Limits().max_held_keyless_bytes == 16_000_000
    assert Limits(max_held_bytes=20_000_000).max_held_keyless_bytes == 12_000_000
    assert Limits(max_held_bytes=1_000_000).max_held_keyless_bytes == 1_000_000


def test_keys_are_found_in_any_text_and_each_once() -> None:
    text = b"\xff sl_wk_a1_b2 {'sl_sk_C_D'} sl_wk_a1_b2 sl_xk_1_2 sl_wk__2 asl_wk_3_4_5"

    assert keys_in(text, most=9) == ["sl_wk_a1_b2", "sl_sk_C_D", "sl_wk_3_4"]
    assert keys_in(text, most=1) == ["sl_wk_a1_b2"]
    assert keys_in(b"sl_", most=1) == []


def test_every_call_of_the_document_with_a_body_is_among_these() -> None:
    documented = {
        path
        for path, operations in part(Limits()).paths.items()
        if "post" in operations and not path.startswith(("/flags", "/decide", "/v1/webhooks"))
    }

    assert documented <= {
        *KEY_IN_BODY,
        "/v1/touchpoints",
        "/v1/cloudevents",
        "/v1/people/{person}:erase",
        "/v1/people/{person}:merge",
        "/v1/people/{person}:unmerge",
        "/v1/accounts/{account_id}:merge",
        "/v1/accounts/{account_id}:unmerge",
    }
