"""Cases P5, P6 and P7 at every door: what languages and SDKs write loosely."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.ingest.intake import Ingest
from shared.contracts.envelope import Envelope
from shared.keys.token import KeyKind, NewKey
from shared.sources.source import SourceKind
from tests.unit.ingest.conftest import FakeDatabase, ListLog
from tests.unit.ingest.protocols.webhooks.deliveries import made, post, with_public_address

CLOUD = {"Content-Type": "application/cloudevents+json"}
CLOUD_BATCH = {"Content-Type": "application/cloudevents-batch+json"}
LONG = 18_446_744_073_709_551_615
"""The largest unsigned integer of 64 bits."""

MAPPING = {
    "rules": [
        {
            "event": "Form Filled",
            "email": "email",
            "occurred_at": "at",
            "properties": "fields",
            "traits": "person",
        }
    ]
}


def segment(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Trial Started", "userId": "ann", **fields}


def posthog(key: NewKey, **fields: Any) -> dict[str, Any]:
    event = {"event": "Trial Started", "distinct_id": "ann", **fields}
    return {"api_key": key.token, "batch": [event]}


def native(**fields: Any) -> dict[str, Any]:
    return {"event": "Trial Started", "user_id": "ann", **fields}


def cloud(data: Any, **fields: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": "1", "source": "/shop", "type": "Trial Started", "userid": "ann",
        "data": data, **fields,
    }  # fmt: skip


def touchpoint_in(**data: Any) -> dict[str, Any]:
    return cloud({"event": "Trial Started", "user_id": "ann", **data}) | {
        "type": "stageline.touchpoint.v1"
    }


async def stored(
    client: httpx.AsyncClient,
    event_log: ListLog,
    call: tuple[str, Any, dict[str, str]],
) -> Envelope:
    path, body, headers = call
    answer = await client.post(path, json=body, headers=headers)

    assert answer.status_code in {200, 202}, answer.text
    (envelope,) = event_log.envelopes
    return envelope


EMPTY: list[tuple[str, Any, dict[str, str]]] = [
    ("/v1/track", segment(properties=[]), {}),
    ("/v1/page", segment(properties=[], name=None), {}),
    ("/v1/screen", segment(properties=[], context=[]), {}),
    ("/v1/identify", segment(traits=[]), {}),
    ("/v1/identify", segment(traits=[], context={"traits": []}), {}),
    ("/v1/group", segment(traits=[], groupId="acme"), {}),
    ("/v1/batch", {"batch": [segment(properties=[], context={"traits": [], "page": []})]}, {}),
    ("/v1/batch", {"batch": [segment(traits=[], context={"campaign": []})], "context": []}, {}),
    ("/v1/touchpoints", native(properties=[], traits=[], account_traits=[], context=[]), {}),
    ("/v1/touchpoints", [native(campaign=[])], {}),
    ("/v1/cloudevents", cloud([]), CLOUD),
    ("/v1/cloudevents", [cloud([])], CLOUD_BATCH),
    ("/v1/cloudevents", touchpoint_in(properties=[], traits=[]), CLOUD),
]


@pytest.mark.parametrize("call", EMPTY, ids=[f"{n} {each[0]}" for n, each in enumerate(EMPTY)])
async def test_an_empty_list_is_an_empty_object(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    call: tuple[str, Any, dict[str, str]],
) -> None:
    path, body, headers = call

    envelope = await stored(client, event_log, (path, body, {**bearer, **headers}))

    assert envelope.user_id == "ann"
    assert (envelope.properties, envelope.traits, envelope.account_traits) == ({}, {}, {})


@pytest.mark.parametrize(
    "fields",
    [
        {"properties": []},
        {"properties": {"$set": [], "$set_once": [], "$groups": [], "$unset": []}},
        {"$set": [], "$set_once": []},
        {
            "event": "$groupidentify",
            "properties": {"$group_type": "company", "$group_key": "acme", "$group_set": []},
        },
    ],
)
async def test_an_empty_list_is_an_empty_object_in_posthogs_calls(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, fields: dict[str, Any]
) -> None:
    envelope = await stored(client, event_log, ("/batch/", posthog(write_key, **fields), {}))

    assert envelope.user_id == "ann"
    assert (envelope.traits, envelope.account_traits) == ({}, {})


async def test_a_page_keeps_its_name_beside_an_empty_list(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    envelope = await stored(
        client, event_log, ("/v1/page", segment(name="Pricing", properties=[]), bearer)
    )

    assert envelope.properties == {"name": "Pricing"}


async def test_an_empty_list_is_an_empty_object_for_a_mapping(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, event_log: ListLog
) -> None:
    with_public_address(ingest)
    of = made(database, SourceKind.GENERIC, mapping=MAPPING)

    answer = await post(
        client, of, {"email": "ann@acme.example", "fields": [], "person": [], "at": "1700000000"}
    )

    assert answer.json() == {"accepted": 1, "unmapped": 0, "rejected": []}
    (envelope,) = event_log.envelopes
    assert (envelope.type, envelope.properties, envelope.traits) == ("track", {}, {})


async def test_a_list_with_something_in_it_is_no_object(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    answer = await client.post(
        "/v1/touchpoints", json=native(properties=[{"plan": "pro"}]), headers=bearer
    )

    assert answer.status_code == 422
    assert event_log.records == []


async def test_an_erasure_takes_the_empty_list_too(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, event_log: ListLog
) -> None:
    await ingest.sources.refresh()
    headers = {"Authorization": f"Bearer {database.put(KeyKind.SECRET).token}"}

    answer = await client.post("/v1/people/user:ann:erase", json=[], headers=headers)

    assert answer.status_code == 202
    assert [envelope.type for envelope in event_log.envelopes] == ["erase"]


NUMBERS: list[tuple[str, Any, dict[str, str]]] = [
    ("/v1/track", segment(properties={"order": LONG, "in": {"list": [LONG, 1]}}), {}),
    (
        "/v1/batch",
        {"batch": [segment(properties={"order": LONG, "in": {"list": [LONG, 1]}})]},
        {},
    ),
    ("/v1/touchpoints", native(properties={"order": LONG, "in": {"list": [LONG, 1]}}), {}),
    ("/v1/touchpoints", [native(properties={"order": LONG, "in": {"list": [LONG, 1]}})], {}),
    ("/v1/cloudevents", cloud({"order": LONG, "in": {"list": [LONG, 1]}}), CLOUD),
    (
        "/v1/cloudevents",
        touchpoint_in(properties={"order": LONG, "in": {"list": [LONG, 1]}}),
        CLOUD,
    ),
]


@pytest.mark.parametrize("call", NUMBERS, ids=[f"{n} {each[0]}" for n, each in enumerate(NUMBERS)])
async def test_an_integer_beyond_64_bits_is_kept_as_text(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    call: tuple[str, Any, dict[str, str]],
) -> None:
    path, body, headers = call

    envelope = await stored(client, event_log, (path, body, {**bearer, **headers}))

    assert envelope.properties == {"order": str(LONG), "in": {"list": [str(LONG), 1]}}


async def test_a_long_integer_is_kept_in_posthogs_calls(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    body = posthog(write_key, properties={"order": -(2**70), "$set": {"id": 10**300}})

    envelope = await stored(client, event_log, ("/batch/", body, {}))

    assert envelope.properties == {"order": str(-(2**70))}
    assert envelope.traits == {"id": str(10**300)}


@pytest.mark.parametrize("name", ["userId", "anonymousId", "messageId"])
async def test_a_long_integer_is_an_id(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog, name: str
) -> None:
    envelope = await stored(client, event_log, ("/v1/track", segment(**{name: LONG}), bearer))

    assert str(LONG) in (
        envelope.user_id,
        envelope.anonymous_id,
        envelope.message_id.rpartition("/")[2],
    )


async def test_a_long_integer_is_kept_in_a_webhook_with_and_without_a_mapping(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, event_log: ListLog
) -> None:
    with_public_address(ingest)
    of = made(database, SourceKind.GENERIC, mapping=MAPPING)

    for email in ("ann@acme.example", ""):
        await post(client, of, {"email": email, "fields": {"order": LONG}, "at": 1700000000})

    mapped, unmapped = event_log.envelopes
    assert mapped.properties == {"order": str(LONG)}
    assert (unmapped.type, unmapped.properties["fields"]) == ("unmapped", {"order": str(LONG)})


async def test_a_bare_long_integer_is_kept_as_the_data_of_a_cloudevent(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    headers = {
        **bearer, "Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "1",
        "ce-source": "/shop", "ce-type": "Order Counted", "ce-userid": "ann",
    }  # fmt: skip

    envelope = await stored(client, event_log, ("/v1/cloudevents", LONG, headers))

    assert envelope.properties == {"data": str(LONG)}


AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
DIGITS = ["1700000000", "1700000000000", "1700000000000000", "1700000000.0", "20231114221320"]


@pytest.mark.parametrize("written", DIGITS)
@pytest.mark.parametrize("field", ["timestamp", "originalTimestamp"])
async def test_digits_in_a_text_are_a_time_in_segments_calls(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog, written: str, field: str
) -> None:
    envelope = await stored(client, event_log, ("/v1/track", segment(**{field: written}), bearer))

    assert envelope.occurred_at == AT


@pytest.mark.parametrize("written", DIGITS)
async def test_digits_in_a_text_are_a_time_in_posthogs_calls(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, written: str
) -> None:
    body = posthog(write_key, timestamp=written)

    assert (await stored(client, event_log, ("/batch/", body, {}))).occurred_at == AT


@pytest.mark.parametrize("written", DIGITS)
async def test_digits_in_a_text_are_a_time_for_a_mapping(
    client: httpx.AsyncClient,
    ingest: Ingest,
    database: FakeDatabase,
    event_log: ListLog,
    written: str,
) -> None:
    with_public_address(ingest)
    of = made(database, SourceKind.GENERIC, mapping=MAPPING)

    await post(client, of, {"email": "ann@acme.example", "at": written})

    assert [(each.type, each.occurred_at) for each in event_log.envelopes] == [("track", AT)]


async def test_digits_in_a_text_are_a_time_in_an_image(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    await client.get(
        "/v1/pixel.gif",
        params={"key": write_key.token, "user_id": "ann", "occurred_at": "1700000000"},
    )

    assert [each.occurred_at for each in event_log.envelopes] == [AT]


async def test_a_clock_of_digits_corrects_the_time(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    """The sender's clock is two hours behind: it sent the event ten seconds after it happened."""
    sent = int(datetime(2026, 3, 1, 10, tzinfo=UTC).timestamp())
    call = segment(timestamp=str(sent - 10), sentAt=str(sent * 1000))

    envelope = await stored(client, event_log, ("/v1/track", call, bearer))

    assert envelope.occurred_at == datetime(2026, 3, 1, 11, 59, 50, tzinfo=UTC)
