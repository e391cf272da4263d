"""CloudEvents in their three modes, and the handshake of webhooks."""

import base64
from typing import Any

import httpx
import pytest

from shared.contracts.message_ids import as_sent
from shared.keys.token import NewKey
from tests.unit.ingest.conftest import NOW, ListLog

PATH = "/v1/cloudevents"
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCHED = {"Content-Type": "application/cloudevents-batch+json"}
BINARY = {
    "Content-Type": "application/json",
    "ce-specversion": "1.0",
    "ce-id": "4711",
    "ce-source": "/crm/deals",
    "ce-type": "Deal Stage Changed",
    "ce-time": "2026-02-28T09:30:00Z",
}
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "4711",
    "source": "/crm/deals",
    "type": "Deal Stage Changed",
    "time": "2026-02-28T09:30:00Z",
    "subject": "acme",
    "data": {"stage": "contract", "amount": 1200},
}


async def test_a_structured_event_becomes_a_touchpoint_of_its_subject(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    answer = await client.post(PATH, json=EVENT, headers={**bearer, **STRUCTURED})

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    [envelope] = event_log.envelopes
    assert (envelope.event, envelope.account_id) == ("Deal Stage Changed", "acme")
    assert envelope.occurred_at.isoformat() == "2026-02-28T09:30:00+00:00"
    assert as_sent(envelope.message_id) == "ce:/crm/deals 4711"
    assert envelope.properties == {"stage": "contract", "amount": 1200}
    assert envelope.type == "track"


async def test_a_binary_event_has_its_attributes_in_headers_and_its_data_as_the_body(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    headers = {**bearer, **BINARY, "ce-userid": "leah", "ce-accountid": "acme", "ce-channel": "crm"}

    await client.post(PATH, json={"stage": "contract"}, headers=headers)
    await client.post(PATH, json=EVENT, headers={**bearer, **STRUCTURED})

    binary, structured = event_log.envelopes
    assert (binary.user_id, binary.account_id, binary.channel) == ("leah", "acme", "crm")
    assert binary.properties == {"stage": "contract"}
    assert binary.message_id == structured.message_id


async def test_a_batch_gives_each_event_its_own_verdict(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    batch = [EVENT, {**EVENT, "id": ""}, {**EVENT, "id": "4712", "specversion": "0.3"}, 7]

    answer = await client.post(PATH, json=batch, headers={**bearer, **BATCHED})

    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [(each["index"], each["code"]) for each in answer.json()["rejected"]] == [
        (1, "invalid_cloudevent"),
        (2, "invalid_cloudevent"),
        (3, "not_an_object"),
    ]
    assert len(event_log.envelopes) == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"subject": "user:leah"}, {"user_id": "leah"}),
        ({"subject": "email:leah@acme.example"}, {"email": "leah@acme.example"}),
        ({"subject": "anonymous:7f3a"}, {"anonymous_id": "7f3a"}),
        ({"userid": "leah"}, {"user_id": "leah", "account_id": None}),
        ({"data": {"userId": 42, "accountId": "acme"}}, {"user_id": "42", "account_id": "acme"}),
        ({"data": {"account_id": "other"}, "accountid": "acme"}, {"account_id": "acme"}),
        ({"subject": "external:hubspot:deal:501"}, {"external_id": "hubspot:deal:501"}),
        (
            {"externalid": "hubspot:contact:8301", "accountexternalid": "hubspot:company:701"},
            {
                "external_id": "hubspot:contact:8301",
                "account_external_id": "hubspot:company:701",
                "account_id": None,
            },
        ),
        (
            {"accountexternalid": "hubspot:company:701", "accountid": "acme"},
            {"account_external_id": "hubspot:company:701", "account_id": "acme"},
        ),
        (
            {"subject": "acme", "data": {"external_id": "SKU-1"}},
            {"external_id": None, "account_id": "acme", "properties": {"external_id": "SKU-1"}},
        ),
    ],
)
async def test_who_it_was_stands_in_attributes_data_or_subject(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    changes: dict[str, Any],
    named: dict[str, Any],
) -> None:
    await client.post(PATH, json={**EVENT, **changes}, headers={**bearer, **STRUCTURED})

    [envelope] = event_log.envelopes
    assert {name: getattr(envelope, name) for name in named} == named


async def test_what_is_neither_text_nor_number_names_no_person(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    answer = await client.post(
        PATH, json={**EVENT, "userid": True}, headers={**bearer, **STRUCTURED}
    )

    assert [each["code"] for each in answer.json()["rejected"]] == ["invalid_user_id"]
    assert event_log.records == []


async def test_data_of_our_own_type_is_a_touchpoint_with_all_its_fields(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    touchpoint = {"event": "Survey Answered", "user_id": "leah", "survey": "nps", "score": 9}
    event = {**EVENT, "type": "stageline.touchpoint.v1", "data": touchpoint}

    answer = await client.post(PATH, json=event, headers={**bearer, **STRUCTURED})

    assert answer.json()["rejected"] == []
    [envelope] = event_log.envelopes
    assert (envelope.event, envelope.user_id, envelope.score) == ("Survey Answered", "leah", 9)
    assert envelope.account_id is None


@pytest.mark.parametrize("forged", ["type", "previous_id", "previous_account_id", "workspace_id"])
async def test_data_of_our_own_type_has_no_power_beyond_a_touchpoint(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog, forged: str
) -> None:
    touchpoint = {"event": "E", "user_id": "leah", forged: "erase"}
    event = {**EVENT, "type": "stageline.touchpoint.v1", "data": touchpoint}

    answer = await client.post(PATH, json=event, headers={**bearer, **STRUCTURED})

    assert answer.status_code == 422
    assert answer.json()["rejected"][0]["code"] == "unknown_field"
    assert event_log.records == []


@pytest.mark.parametrize(
    ("attributes", "properties"),
    [
        ({"data": [1, 2]}, {"data": [1, 2]}),
        ({"data": "text"}, {"data": "text"}),
        ({"data": None}, {}),
        (
            {"data_base64": "eyJhIjoxfQ==", "datacontenttype": "application/json"},
            {"a": 1},
        ),
        (
            {"data_base64": "AAEC", "datacontenttype": "application/octet-stream"},
            {"data_base64": "AAEC"},
        ),
    ],
)
async def test_data_of_any_kind_is_kept(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    attributes: dict[str, Any],
    properties: dict[str, Any],
) -> None:
    event = {name: value for name, value in EVENT.items() if name != "data"}

    await client.post(PATH, json={**event, **attributes}, headers={**bearer, **STRUCTURED})

    [envelope] = event_log.envelopes
    assert envelope.properties == properties


async def test_a_binary_body_that_is_no_json_is_kept_too(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    headers = {**bearer, **BINARY, "ce-subject": "acme", "Content-Type": "text/plain"}

    await client.post(PATH, content="caf\u00e9", headers=headers)
    await client.post(PATH, content=b"\xff\xfe", headers={**headers, "ce-id": "2"})

    with_nul = await client.post(PATH, content=b"a\x00", headers={**headers, "ce-id": "3"})

    assert with_nul.json()["rejected"][0]["code"] == "invalid_unicode"
    text, octets = event_log.envelopes
    assert text.properties == {"data": "caf\u00e9"}
    assert octets.properties == {"data_base64": base64.b64encode(b"\xff\xfe").decode()}


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        ("Caf%C3%A9%20%2541", "Caf\u00e9 %41"),
        ('"acme"', "acme"),
        (r'"a \"b\" \\ %22c%22"', r'a "b" \ "c"'),
        ('"acme', '"acme'),
        (r'"acme\"', r'"acme\"'),
    ],
)
async def test_header_values_lose_their_quotes_and_are_percent_decoded_once(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog, value: str, subject: str
) -> None:
    await client.post(PATH, headers={**bearer, **BINARY, "ce-subject": value})

    [envelope] = event_log.envelopes
    assert envelope.account_id == subject


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"ce-subject": "%FF"}, "invalid_cloudevent"),
        ({"ce-subject": "%00"}, "invalid_unicode"),
        ({"ce-id": ""}, "invalid_cloudevent"),
        ({"ce-specversion": "2.0"}, "invalid_cloudevent"),
        ({"ce-time": "yesterday"}, "invalid_occurred_at"),
        ({"ce-subject": "x" * 513}, "invalid_account_id"),
    ],
)
async def test_an_attribute_out_of_form_refuses_the_event(
    client: httpx.AsyncClient, bearer: dict[str, str], header: dict[str, str], code: str
) -> None:
    headers = {**bearer, **BINARY, "ce-subject": "acme", **header}

    answer = await client.post(PATH, json={}, headers=headers)

    assert answer.status_code == 422
    assert [each["code"] for each in answer.json()["rejected"]] == [code]


async def test_ids_that_differ_in_either_half_never_meet(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    pairs = [
        ("a", "b"),
        ("a b", "c"),
        ("a", "b c"),
        ("x" * 99, "1"),
        ("x" * 99, "2"),
        ("x" * 98, "x1"),
    ]
    batch = [{**EVENT, "source": source, "id": event_id} for source, event_id in pairs]

    answer = await client.post(PATH, json=batch, headers={**bearer, **BATCHED})

    assert answer.json()["accepted"] == len(pairs)
    message_ids = {envelope.message_id for envelope in event_log.envelopes}
    assert len(message_ids) == len(pairs)
    assert max(len(as_sent(each)) for each in message_ids) <= 100


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_body"),
        (b"[", "malformed_json"),
        (b'[{"a":"\\ud800"', "malformed_json"),
        (b"[" * 200_000, "too_deep"),
        (b'{"batch":[]}', "invalid_batch"),
        (b"\xff\xfe[\x00]\x00", "not_utf8"),
    ],
)
async def test_a_batch_that_cannot_be_read_is_refused_whole(
    client: httpx.AsyncClient, bearer: dict[str, str], content: bytes, code: str
) -> None:
    answer = await client.post(PATH, content=content, headers={**bearer, **BATCHED})

    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_a_lone_surrogate_or_a_deep_event_keeps_no_other_out(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    good = b'{"specversion":"1.0","id":"1","source":"s","type":"T","subject":"acme"}'
    lone = good.replace(b'"acme"', b'"\\ud800"')
    deep = good.replace(b"}", b',"data":' + b"[" * 100 + b"]" * 100 + b"}")

    answer = await client.post(
        PATH, content=b"[" + b",".join([lone, good, deep]) + b"]", headers={**bearer, **BATCHED}
    )

    assert answer.json()["accepted"] == 1
    assert [each["code"] for each in answer.json()["rejected"]] == ["invalid_unicode", "too_deep"]
    assert len(event_log.records) == 1


async def test_what_does_not_say_that_it_is_a_cloudevent_is_refused_with_the_way_to_say_it(
    client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    answer = await client.post(PATH, json=EVENT, headers=bearer)

    assert (answer.status_code, answer.json()["code"]) == (415, "no_cloudevent")


async def test_the_key_may_stand_in_the_query_as_the_webhook_specification_has_it(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    url = f"{PATH}?access_token={write_key.token}"
    answer = await client.post(url, json=EVENT, headers=STRUCTURED)
    without = await client.post(PATH, json=EVENT, headers=STRUCTURED)

    assert (answer.status_code, without.status_code) == (202, 401)
    assert len(event_log.records) == 1


async def test_the_handshake_consents_to_the_origin_that_asks(client: httpx.AsyncClient) -> None:
    preflight = {"WebHook-Request-Origin": "events.acme.example", "WebHook-Request-Rate": "120"}

    answer = await client.options(PATH, headers=preflight)

    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "events.acme.example"
    assert answer.headers["webhook-allowed-rate"] == "*"
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("origin", ["a b", 'evil"><script>', "x" * 300, "a,b"])
async def test_a_handshake_never_repeats_what_is_no_host(
    client: httpx.AsyncClient, origin: str
) -> None:
    answer = await client.options(PATH, headers={"WebHook-Request-Origin": origin})

    assert answer.status_code == 400
    assert "webhook-allowed-origin" not in answer.headers


async def test_an_event_without_a_time_happened_now(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    event = {name: value for name, value in EVENT.items() if name != "time"}

    await client.post(PATH, json=event, headers={**bearer, **STRUCTURED})

    assert event_log.envelopes[0].occurred_at == NOW
