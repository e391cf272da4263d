from typing import Any

import httpx
import pytest

from services.ingest.intake import Ingest
from shared.contracts.message_ids import as_sent
from shared.keys.token import NewKey
from tests.unit.ingest.conftest import NOW, ListLog
from tests.unit.ingest.protocols.touchpoints.native_call import EVENT, PATH, counted


async def test_an_object_is_accepted_and_stored_as_sent(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog, write_key: NewKey
) -> None:
    sent = {
        "event": "Demo Requested",
        "account_id": "acme",
        "user_id": "u-1",
        "anonymous_id": "a-1",
        "email": "Leah@Example.com",
        "occurred_at": "2026-02-28T09:30:00+01:00",
        "message_id": "m-1",
        "channel": "website",
        "role": "economic buyer",
        "properties": {"plan": "pro", "seats": 40, "tags": ["a", {"b": None}]},
        "traits": {"title": "CFO"},
        "account_traits": {"industry": "saas"},
        "sentiment": 4,
        "emotion": "trust",
        "friction": "unclear pricing",
        "value": 1200.5,
    }

    answer = await client.post(PATH, json=sent, headers=bearer)

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    [envelope] = event_log.envelopes
    assert (envelope.workspace_id, envelope.source) == (1, write_key.key_id)
    assert (envelope.type, envelope.event) == ("track", "Demo Requested")
    assert envelope.occurred_at.isoformat() == "2026-02-28T08:30:00+00:00"
    assert envelope.received_at == NOW
    assert envelope.original_timestamp is None
    assert (envelope.account_id, envelope.user_id, envelope.anonymous_id, envelope.email) == (
        "acme",
        "u-1",
        "a-1",
        "leah@example.com",
    )
    assert (as_sent(envelope.message_id), envelope.channel, envelope.role) == (
        "m-1",
        "website",
        "economic buyer",
    )
    assert envelope.properties == {"plan": "pro", "seats": 40, "tags": ["a", {"b": None}]}
    assert (envelope.traits, envelope.account_traits) == ({"title": "CFO"}, {"industry": "saas"})
    assert (envelope.sentiment, envelope.emotion, envelope.friction, envelope.value) == (
        4,
        "trust",
        "unclear pricing",
        1200.5,
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('[{"event":"A","user_id":"u"},{"event":"B","user_id":"u"}]', "application/json"),
        ('{"event":"A","user_id":"u"}\n{"event":"B","user_id":"u"}', "application/x-ndjson"),
        ('{"event":"A","user_id":"u"}\r\n\r\n{"event":"B","user_id":"u"}\n', "text/plain"),
        ('\n [ {"event":"A","user_id":"u"},\n {"event":"B","user_id":"u"} ] ', "text/plain"),
        ('[{"event":"A","user_id":"u"},{"event":"B","user_id":"u"}]', "image/png"),
    ],
    ids=["array", "ndjson", "sniffed lines", "sniffed array", "any content type"],
)
async def test_many_events_come_as_an_array_or_as_lines(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    body: str,
    content_type: str,
) -> None:
    answer = await client.post(PATH, content=body, headers={**bearer, "Content-Type": content_type})

    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "rejected": []})
    assert [envelope.event for envelope in event_log.envelopes] == ["A", "B"]


async def test_events_of_one_account_share_a_log_key(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    events = [
        {"event": "A", "account_id": "acme", "user_id": "u-1"},
        {"event": "B", "account_id": " acme ", "user_id": "u-2"},
        {"event": "C", "user_id": "acme"},
    ]

    await client.post(PATH, json=events, headers=bearer)

    first, second, third = (record.key for record in event_log.records)
    assert first == second
    assert first != third


async def test_a_message_id_is_made_when_there_is_none(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    await client.post(PATH, json=[EVENT, EVENT], headers=bearer)

    first, second = event_log.envelopes
    assert first.message_id != second.message_id
    assert len(first.message_id) == 36


async def test_null_means_absent_and_blank_identities_do_not_count(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    event = {"event": "A", "user_id": "  u ", "email": "", "channel": " ", "properties": None}

    answer = await client.post(PATH, json=event, headers=bearer)

    assert answer.status_code == 202
    [envelope] = event_log.envelopes
    assert (envelope.user_id, envelope.email, envelope.channel) == ("u", None, None)


async def test_each_event_gets_its_own_verdict(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog, ingest: Ingest
) -> None:
    events = [EVENT, {"event": "B"}, {**EVENT, "sentiment": 6}, EVENT]

    answer = await client.post(PATH, json=events, headers=bearer)

    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 2,
        "rejected": [
            {
                "index": 1,
                "code": "missing_identity",
                "detail": "An event names somebody: at least one of account_id, user_id,"
                " anonymous_id, email, external_id, account_external_id.",
            },
            {
                "index": 2,
                "code": "invalid_sentiment",
                "detail": "`sentiment` is a whole number from 1 to 5.",
            },
        ],
    }
    assert len(event_log.records) == 2
    assert counted(ingest, "events_accepted_total", route=PATH) == 2
    assert counted(ingest, "events_refused_total", code="missing_identity") == 1


async def test_when_nothing_is_acceptable_the_answer_is_a_problem_with_the_verdicts(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    answer = await client.post(PATH, json={"event": "A"}, headers=bearer)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["code"], body["status"], body["accepted"]) == ("no_event_accepted", 422, 0)
    assert [(r["index"], r["code"]) for r in body["rejected"]] == [(0, "missing_identity")]
    assert event_log.records == []


async def test_an_empty_array_is_accepted_as_the_nothing_that_it_is(
    client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    answer = await client.post(PATH, json=[], headers=bearer)

    assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "rejected": []})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"event": None}, "invalid_event"),
        ({"event": "  "}, "invalid_event"),
        ({"event": "x" * 256}, "invalid_event"),
        ({"account_id": 7}, "invalid_account_id"),
        ({"account_id": "x" * 513}, "invalid_account_id"),
        ({"account_id": "user:1"}, "reserved_account_id"),
        ({"account_id": " email:a@b"}, "reserved_account_id"),
        ({"account_id": "anonymous:1"}, "reserved_account_id"),
        ({"user_id": {}}, "invalid_user_id"),
        ({"anonymous_id": []}, "invalid_anonymous_id"),
        ({"email": "nobody"}, "invalid_email"),
        ({"email": "a@b@c"}, "invalid_email"),
        ({"email": "a b@c"}, "invalid_email"),
        ({"email": "@c"}, "invalid_email"),
        ({"message_id": ""}, "invalid_message_id"),
        ({"message_id": "x" * 101}, "invalid_message_id"),
        ({"message_id": 1}, "invalid_message_id"),
        ({"occurred_at": "2026-03-01T12:00:00"}, "invalid_occurred_at"),
        ({"occurred_at": "yesterday"}, "invalid_occurred_at"),
        ({"occurred_at": 1772366400}, "invalid_occurred_at"),
        ({"occurred_at": "2026-02-30T12:00:00Z"}, "invalid_occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00Z"}, "invalid_occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "invalid_occurred_at"),
        ({"sent_at": "soon"}, "invalid_sent_at"),
        ({"channel": "x" * 101}, "invalid_channel"),
        ({"role": 1}, "invalid_role"),
        ({"properties": [1]}, "invalid_properties"),
        ({"traits": "x"}, "invalid_traits"),
        ({"account_traits": 1}, "invalid_account_traits"),
        ({"sentiment": 0}, "invalid_sentiment"),
        ({"sentiment": 3.5}, "invalid_sentiment"),
        ({"sentiment": "5"}, "invalid_sentiment"),
        ({"emotion": 1}, "invalid_emotion"),
        ({"friction": "x" * 101}, "invalid_friction"),
        ({"value": "12"}, "invalid_value"),
        ({"thought": 1}, "invalid_thought"),
        ({"question": "x" * 4_001}, "invalid_question"),
        ({"survey": "quiz"}, "invalid_survey"),
        ({"survey": "nps", "score": "9"}, "invalid_score"),
        ({"survey": "nps", "score": 10.5}, "invalid_score"),
        ({"survey": "csat", "score": 0}, "invalid_score"),
        ({"survey": "ces", "score": 8}, "invalid_score"),
        ({"score": 9}, "invalid_score"),
        ({"logged_by": ["rep"]}, "invalid_logged_by"),
        ({"internal": "yes"}, "invalid_internal"),
        ({"campaign": "spring"}, "invalid_campaign"),
        ({"campaign": {"utm_source": "x"}}, "invalid_campaign"),
        ({"campaign": {"name": 1}}, "invalid_campaign"),
        ({"context": "browser"}, "invalid_context"),
        ({"type": "identify"}, "unknown_field"),
        ({"properties": {"x": "y" * 33_000}}, "event_too_large"),
    ],
)
async def test_a_field_out_of_form_refuses_its_event_by_name(
    client: httpx.AsyncClient, bearer: dict[str, str], change: dict[str, Any], code: str
) -> None:
    answer = await client.post(PATH, json={**EVENT, **change}, headers=bearer)

    assert answer.status_code == 422
    assert [rejected["code"] for rejected in answer.json()["rejected"]] == [code]


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("userId", "`user_id`"),
        ("timestamp", "`occurred_at`"),
        ("acount_id", "`account_id`"),
        ("groupId", "`account_id`"),
        ("favourite_colour_of_the_cat", "`properties`"),
    ],
)
async def test_an_unknown_field_is_refused_with_a_hint_to_a_known_one(
    client: httpx.AsyncClient, bearer: dict[str, str], field: str, hint: str
) -> None:
    answer = await client.post(PATH, json={**EVENT, field: "x"}, headers=bearer)

    [rejected] = answer.json()["rejected"]
    assert rejected["code"] == "unknown_field"
    assert hint in rejected["detail"]


async def test_the_largest_integers_and_the_deepest_nesting_pass(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    deep: Any = "bottom"
    for _ in range(62):
        deep = [deep]
    event = {
        **EVENT,
        "properties": {"low": -(2**63), "high": 2**63 - 1, "deep": deep},
        "value": 2**63,
    }

    answer = await client.post(PATH, json=event, headers=bearer)

    assert answer.status_code == 202
    assert event_log.envelopes[0].properties == event["properties"]
    assert event_log.envelopes[0].value == 2**63


async def test_of_a_duplicate_key_the_last_value_wins(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    body = b'{"event":"A","event":"B","user_id":"u"}'

    await client.post(PATH, content=body, headers=bearer)

    assert event_log.envelopes[0].event == "B"
