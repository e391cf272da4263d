"""`POST /v1/webhooks/{provider}/{source_id}` as a provider meets it."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from services.ingest.intake import Ingest
from shared.clock import ManualClock
from shared.contracts.message_ids import as_sent
from shared.ids import WorkspaceId
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
from tests.unit.ingest.protocols.webhooks.senders import as_json, path, signed, source

KINDS = list(BODIES)


@pytest.fixture
def ingest(ingest: Ingest) -> Ingest:
    return with_public_address(ingest)


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
    assert as_sent(stored.message_id).startswith(f"{kind}:")


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
