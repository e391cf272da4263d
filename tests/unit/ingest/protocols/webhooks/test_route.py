"""`POST /v1/webhooks/{provider}/{source_id}` as a provider meets it."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.ingest.intake import Ingest
from shared.clock import ManualClock
from shared.ids import WorkspaceId
from shared.sources.source import Source, SourceKind
from tests.unit.ingest.conftest import NOW, FakeDatabase, ListLog
from tests.unit.ingest.protocols.webhooks import senders
from tests.unit.ingest.protocols.webhooks.senders import BASE_URL, as_json, path, signed, source

CREATED = {
    "eventId": 1,
    "subscriptionId": 12,
    "portalId": 33,
    "occurredAt": int((NOW - timedelta(seconds=5)).timestamp() * 1000),
    "subscriptionType": "contact.creation",
    "attemptNumber": 0,
    "objectId": 201,
}
MAPPING = {
    "message_id": "id",
    "rules": [{"when": "kind == 'opened'", "event": "Ticket Opened", "email": "from"}],
}
BODIES: dict[SourceKind, dict[str, Any]] = {
    SourceKind.HUBSPOT: CREATED,
    SourceKind.SALESFORCE: {
        "attributes": {"type": "Contact"},
        "Id": "003000000000001AAA",
        "LastModifiedDate": "2026-03-01T11:00:00.000+0000",
    },
    SourceKind.STRIPE: {
        "id": "evt_1",
        "type": "invoice.paid",
        "created": int(NOW.timestamp()) - 60,
        "data": {"object": {"object": "invoice", "id": "in_1", "customer": "cus_1"}},
    },
    SourceKind.PIPEDRIVE: {
        "meta": {"action": "create", "entity": "person", "entity_id": "5", "id": "d-1"},
        "data": {"name": "Ann"},
        "previous": None,
    },
    SourceKind.STANDARD_WEBHOOKS: {"kind": "opened", "from": "ann@acme.example"},
    SourceKind.GENERIC: {"kind": "opened", "from": "ann@acme.example", "id": 7},
}
KINDS = list(BODIES)
NEEDS_MAPPING = (SourceKind.STANDARD_WEBHOOKS, SourceKind.GENERIC)


@pytest.fixture
def ingest(ingest: Ingest) -> Ingest:
    ingest.public_base_url = BASE_URL
    ingest.limits = replace(ingest.limits, max_capture_bytes=500_000)
    return ingest


def made(database: FakeDatabase, kind: SourceKind, **settings: Any) -> Source:
    if kind in NEEDS_MAPPING:
        settings.setdefault("mapping", MAPPING)
    of = source(kind, **settings)
    database.sources.append(of)
    return of


async def post(
    client: httpx.AsyncClient, of: Source, payload: object, **headers: str
) -> httpx.Response:
    body = payload if isinstance(payload, bytes) else as_json(payload)
    return await client.post(path(of), content=body, headers={**signed(of, body), **headers})


@pytest.mark.parametrize("kind", KINDS)
async def test_a_delivery_is_stored_and_answered_200(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, kind: SourceKind
) -> None:
    of = made(database, kind)

    answer = await post(client, of, BODIES[kind])

    assert (answer.status_code, answer.json()) == (
        200,
        {"accepted": 1, "unmapped": 0, "rejected": []},
    )
    (stored,) = event_log.envelopes
    assert stored.source == of.source_id
    assert stored.type != "unmapped"
    assert stored.message_id.startswith(f"{kind}:")


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_request_twice_carries_one_message_id(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, kind: SourceKind
) -> None:
    of = made(database, kind)
    body = as_json(BODIES[kind])
    headers = signed(of, body)

    answers = [await client.post(path(of), content=body, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({envelope.message_id for envelope in event_log.envelopes}) == 1


@pytest.mark.parametrize(
    "kind", [SourceKind.HUBSPOT, SourceKind.STRIPE, SourceKind.STANDARD_WEBHOOKS]
)
async def test_a_replay_after_five_minutes_is_refused(
    client: httpx.AsyncClient,
    ingest: Ingest,
    database: FakeDatabase,
    event_log: ListLog,
    kind: SourceKind,
) -> None:
    of = made(database, kind)
    body = as_json(BODIES[kind])
    headers = signed(of, body)
    assert isinstance(ingest.clock, ManualClock)
    ingest.clock.advance(timedelta(seconds=301))

    answer = await client.post(path(of), content=body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert event_log.records == []
    failures = ingest.metrics.ingest_auth_failures.labels("signature_expired")
    assert failures._value.get() == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_stored_of_what_is_not_signed(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, kind: SourceKind
) -> None:
    of = made(database, kind)

    answer = await client.post(path(of), content=as_json(BODIES[kind]))

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert event_log.records == []


async def test_an_unknown_source_and_one_of_another_provider_look_the_same(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    stripe = made(database, SourceKind.STRIPE)
    body = as_json(CREATED)
    headers = signed(source(SourceKind.HUBSPOT), body)
    web = source(SourceKind.WEB)
    database.sources.append(web)

    answers = [
        await client.post(address, content=body, headers=headers)
        for address in (
            "/v1/webhooks/hubspot/src-nobody",
            f"/v1/webhooks/hubspot/{stripe.source_id}",
            f"/v1/webhooks/web/{web.source_id}",
            f"/v1/webhooks/nobody/{stripe.source_id}",
        )
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert {answer.json()["code"] for answer in answers} == {"source_unknown"}


async def test_a_source_that_cannot_be_looked_up_is_for_later(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    database.is_away = True

    answer = await client.post("/v1/webhooks/stripe/src-1", content=b"{}")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"].isdigit()


async def test_the_log_away_is_for_later_and_the_delivery_comes_again(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    of = made(database, SourceKind.STRIPE)
    event_log.is_away = True
    refused = await post(client, of, BODIES[SourceKind.STRIPE])
    event_log.is_away = False

    accepted = await post(client, of, BODIES[SourceKind.STRIPE])

    assert (refused.status_code, accepted.status_code) == (503, 200)
    assert len(event_log.records) == 1


async def test_a_paused_source_is_for_later_once_its_sender_is_known(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    of = replace(source(SourceKind.STRIPE), paused_at=NOW)
    database.sources.append(of)

    stranger = await client.post(path(of), content=b"{}")
    friend = await post(client, of, BODIES[SourceKind.STRIPE])

    assert stranger.status_code == 401
    assert (friend.status_code, friend.headers["Retry-After"]) == (503, "60")
    assert event_log.records == []


async def test_the_rate_of_a_source_holds_for_its_webhooks(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    of = made(database, SourceKind.STRIPE, events_per_second=0.001, burst=1)

    answers = [await post(client, of, BODIES[SourceKind.STRIPE]) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["Retry-After"].isdigit()


async def test_what_comes_by_a_source_belongs_to_its_workspace(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    other = replace(source(SourceKind.STRIPE), workspace_id=WorkspaceId(7))
    database.sources.append(other)
    database.rules_of[WorkspaceId(7)] = database.rules

    answer = await post(client, other, BODIES[SourceKind.STRIPE])

    assert answer.status_code == 200
    assert [envelope.workspace_id for envelope in event_log.envelopes] == [7]


async def test_hubspot_waits_until_our_public_address_is_configured(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase
) -> None:
    ingest.public_base_url = ""
    of = made(database, SourceKind.HUBSPOT)

    answer = await post(client, of, [CREATED], Host="events.shop.example")

    assert (answer.status_code, answer.json()["code"]) == (503, "public_url_unknown")


async def test_the_address_is_ours_and_not_what_the_request_says(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    of = made(database, SourceKind.HUBSPOT)

    answer = await post(
        client, of, [CREATED], Host="evil.example", **{"X-Forwarded-Host": "evil.example"}
    )

    assert answer.status_code == 200


async def test_a_query_is_part_of_the_signed_address(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    of = made(database, SourceKind.HUBSPOT)
    body = as_json([CREATED])
    headers = senders.hubspot(of, body, query="?tenant=a:b")

    signed_as_called = await client.post(f"{path(of)}?tenant=a%3Ab", content=body, headers=headers)
    another = await client.post(f"{path(of)}?tenant=c", content=body, headers=headers)

    assert (signed_as_called.status_code, another.status_code) == (200, 401)


# -- bodies ---------------------------------------------------------------------------------------


async def test_of_a_hundred_items_a_bad_one_does_not_keep_the_others_out(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    of = made(database, SourceKind.HUBSPOT)
    items = [json.dumps({**CREATED, "eventId": number}) for number in range(100)]
    items[17] = '{"eventId": 17, "subscriptionType": "contact.creation\\u0000"}'
    items[40] = '"not an object"'
    items[63] = '{"eventId": 63, "subscriptionType": "contact.\\ud800"}'

    answer = await post(client, of, f"[{','.join(items)}]".encode())

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 97
    assert [(each["index"], each["code"]) for each in answer.json()["rejected"]] == [
        (17, "invalid_unicode"),
        (40, "not_an_object"),
        (63, "invalid_unicode"),
    ]
    assert len(event_log.records) == 97


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty_body"),
        (b"   ", 400, "empty_body"),
        (b"nonsense", 400, "malformed_json"),
        (b'{"a": nan}', 400, "malformed_json"),
        (b'{"a": 1', 400, "malformed_json"),
        (b"[" * 100_000, 400, "too_deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 413, "body_too_large"),
        (b"\xff\xfe{\x00}\x00", 400, "not_utf8"),
        (b'["' + b"x" * 600_000 + b'"]', 413, "body_too_large"),
        (b"[" + b"{}," * 2_500 + b"{}]", 413, "too_many_events"),
    ],
)
@pytest.mark.parametrize("kind", [SourceKind.GENERIC, SourceKind.SALESFORCE, SourceKind.PIPEDRIVE])
async def test_a_body_that_cannot_be_read_is_refused_clearly(
    *,
    client: httpx.AsyncClient,
    database: FakeDatabase,
    body: bytes,
    status: int,
    code: str,
    kind: SourceKind,
) -> None:
    of = made(database, kind)

    answer = await post(client, of, body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_deep_and_huge_things_are_refused_alone(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    of = made(database, SourceKind.GENERIC)
    deep = '{"a":' * 70 + "1" + "}" * 70
    good = json.dumps(BODIES[SourceKind.GENERIC])

    answer = await post(client, of, f'[{deep},{{"n":{"9" * 400}}},{good}]'.encode())

    assert answer.json()["accepted"] == 1
    assert [each["code"] for each in answer.json()["rejected"]] == [
        "too_deep",
        "number_out_of_range",
    ]
    assert len(event_log.records) == 1


async def test_a_compressed_body_is_signed_as_it_was_sent(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    of = made(database, SourceKind.STRIPE)
    plain = as_json(BODIES[SourceKind.STRIPE])
    packed = gzip.compress(plain)
    content = f"{int(NOW.timestamp())}.".encode() + packed
    import hmac  # noqa: PLC0415 - only here

    digest = hmac.digest(senders.STRIPE_SECRET.encode(), content, "sha256").hex()
    over_packed = {"Stripe-Signature": f"t={int(NOW.timestamp())},v1={digest}"}
    encoded = {"Content-Encoding": "gzip"}

    accepted = await client.post(path(of), content=packed, headers={**over_packed, **encoded})
    refused = await client.post(
        path(of), content=packed, headers={**senders.by_stripe(plain), **encoded}
    )

    assert (accepted.status_code, refused.status_code) == (200, 401)
    assert len(event_log.records) == 1


async def test_a_gzip_bomb_is_not_unpacked_for_strangers_and_not_far_for_friends(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase
) -> None:
    of = made(database, SourceKind.GENERIC)
    bomb = gzip.compress(b" " * 50_000_000)
    encoded = {"Content-Encoding": "gzip"}

    stranger = await client.post(path(of), content=bomb, headers=encoded)
    friend = await post(client, of, bomb, **encoded)
    strange = await post(client, of, b"{}", **{"Content-Encoding": "br"})

    assert stranger.status_code == 401
    assert (friend.status_code, friend.json()["code"]) == (413, "body_too_large")
    assert (strange.status_code, strange.json()["code"]) == (415, "unsupported_encoding")
    assert ingest.budget.held_bytes == 0


# -- what no mapping reads ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "item", "named"),
    [
        (SourceKind.HUBSPOT, {**CREATED, "subscriptionType": "line_item.creation"}, "line_item.creation"),
        (SourceKind.STRIPE, {"id": "evt_9", "type": "radar.warning", "data": {}}, "radar.warning"),
        (SourceKind.PIPEDRIVE, {"meta": {"action": "change", "entity": "product"}}, "change.product"),
        (SourceKind.SALESFORCE, {"attributes": {"type": "Trip__c"}, "Id": "x"}, "Trip__c"),
        (SourceKind.GENERIC, {"event": "strange", "n": 1}, "strange"),
        (SourceKind.GENERIC, {"n": 1}, "generic"),
        (SourceKind.STANDARD_WEBHOOKS, {"type": "user.made", "data": {}}, "user.made"),
    ],
)  # fmt: skip
async def test_what_no_mapping_reads_is_kept_counted_and_answered_200(
    *, client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, event_log: ListLog,
    kind: SourceKind, item: dict[str, Any], named: str,
) -> None:  # fmt: skip
    of = made(database, kind)

    answer = await post(client, of, item)

    assert (answer.status_code, answer.json()["unmapped"]) == (200, 1)
    (kept,) = event_log.envelopes
    assert (kept.type, kept.event, kept.properties) == ("unmapped", named, item)
    assert kept.message_id.startswith(f"{kind}:")
    assert len(kept.message_id) <= 100
    counted = ingest.metrics.ingest_webhooks_unmapped.labels(kind)
    assert counted._value.get() == 1


async def test_a_mapping_that_cannot_be_used_loses_nothing(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    of = made(database, SourceKind.GENERIC, mapping={"rules": [{"event": "X", "email": "("}]})

    answer = await post(client, of, BODIES[SourceKind.GENERIC])

    assert answer.json() == {"accepted": 1, "unmapped": 1, "rejected": []}
    assert [kept.type for kept in event_log.envelopes] == ["unmapped"]


async def test_a_changed_mapping_counts_from_the_next_delivery_on(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, event_log: ListLog
) -> None:
    of = made(database, SourceKind.GENERIC)
    await post(client, of, BODIES[SourceKind.GENERIC])
    other = {"rules": [{"event": "Letter Received", "email": "from"}]}
    database.sources[:] = [source(SourceKind.GENERIC, mapping=other)]
    await ingest.sources.refresh()

    await post(client, of, BODIES[SourceKind.GENERIC])

    assert [each.event for each in event_log.envelopes] == ["Ticket Opened", "Letter Received"]


async def test_nothing_that_was_sent_comes_back(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    of = made(database, SourceKind.GENERIC)
    secret = "ann-secret-value"

    answers = [
        await post(client, of, {"kind": "opened", "from": secret, "id": secret}),
        await post(client, of, f'{{"{secret}": NaN}}'.encode()),
        await client.post(f"/v1/webhooks/{secret}/{secret}", content=secret.encode()),
        await client.post(path(of), headers={"X-Stageline-Secret": secret}, content=b"{}"),
    ]

    assert all(secret not in answer.text for answer in answers)


async def test_a_delivery_cannot_stop_the_door_by_its_mapping(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    # Each item alone would be let have its 20,000 steps, for its type once more.
    count = "length(b[?@ > `1`])"
    costly = {
        "type": f"to_string({count})",
        "rules": [{"event": "X", "account_id": "a", "score": count}],
    }
    of = made(database, SourceKind.GENERIC, mapping=costly)
    items = [{"a": str(number), "b": list(range(150))} for number in range(800)]

    answer = await post(client, of, items)

    assert answer.json() == {"accepted": 800, "unmapped": 800, "rejected": []}
    assert {kept.event for kept in event_log.envelopes} == {"generic"}
