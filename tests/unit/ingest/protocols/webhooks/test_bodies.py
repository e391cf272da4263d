"""Bodies of webhooks: several items, hostile ones, compressed ones, and items that no mapping reads."""

import gzip
import json
from typing import Any

import httpx
import pytest

from services.ingest.intake import Ingest
from shared.contracts.message_ids import as_sent
from shared.sources.source import SourceKind
from tests.unit.ingest.conftest import NOW, FakeDatabase, ListLog
from tests.unit.ingest.protocols.webhooks import senders
from tests.unit.ingest.protocols.webhooks.deliveries import (
    BODIES,
    CREATED,
    made,
    post,
    with_public_address,
)
from tests.unit.ingest.protocols.webhooks.senders import as_json, path, source


@pytest.fixture
def ingest(ingest: Ingest) -> Ingest:
    return with_public_address(ingest)


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

    answer = await post(client, of, f'[{deep},{{"n":{"9" * 5000}}},{good}]'.encode())

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


# -- what no mapping reads -------------------------------------------------------------------------


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
    assert as_sent(kept.message_id).startswith(f"{kind}:")
    assert len(as_sent(kept.message_id)) <= 100
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
