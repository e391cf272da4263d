"""Which requests and events come in: pauses, origins, rules of a source, by HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from services.ingest.intake import Ingest
from services.ingest.settings import IngestSettings
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.keys.token import KeyKind
from shared.sources.hashing import is_hashed, person_digest
from shared.sources.source import (
    SourceKind,
    SourceSettings,
    Suppressed,
    WorkspaceRules,
)
from tests.unit.ingest.conftest import NOW, FakeDatabase, ListLog
from tests.unit.ingest.gatekeeper.requests import CALL, EVENT, NATIVE, SEGMENT, post, verdict

SHOP = {"Origin": "https://shop.example"}


# -- sources that are paused, removed, or of another workspace -------------------------------------


async def test_a_paused_source_asks_its_senders_to_wait(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    key = database.bind(SourceSettings())
    database.sources[0] = replace(database.sources[0], paused_at=NOW)

    native = await post(client, key)
    segment = await client.post(SEGMENT, json=CALL, headers=key)

    assert verdict(native) == verdict(segment) == (503, "source_paused")
    assert native.headers["retry-after"] == segment.headers["retry-after"] == "60"
    assert event_log.records == []


async def test_a_key_of_a_source_that_is_not_known_stores_nothing(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    key = database.bind(SourceSettings(hash_fields=("email",)))
    database.sources = []

    answer = await post(client, key)

    assert verdict(answer) == (503, "source_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert event_log.records == []


async def test_rules_that_change_while_a_body_arrives_apply_from_the_next_request_on(
    client: httpx.AsyncClient, database: FakeDatabase, ingest: Ingest, event_log: ListLog
) -> None:
    key = database.bind(SourceSettings(hash_fields=("email",)))

    async def body() -> AsyncIterator[bytes]:
        yield b'{"event": "Demo Requested", '
        database.bind(SourceSettings(deny_properties=("properties.plan",)))
        await ingest.sources.refresh()
        yield b'"email": "ann@acme.example", "properties": {"plan": "pro"}}'

    during = await client.post(NATIVE, content=body(), headers=key)
    after = await client.post(NATIVE, content=body(), headers=key)

    first, second = event_log.envelopes
    assert (during.status_code, after.status_code) == (202, 202)
    assert (is_hashed(first.email or ""), first.properties) == (True, {"plan": "pro"})
    assert (second.email, second.properties) == ("ann@acme.example", {})


async def test_a_source_that_is_removed_while_a_body_arrives_still_protects_this_request(
    client: httpx.AsyncClient, database: FakeDatabase, ingest: Ingest, event_log: ListLog
) -> None:
    key = database.bind(SourceSettings(hash_fields=("email",)))

    async def body() -> AsyncIterator[bytes]:
        yield b'{"event": "Demo Requested", '
        database.sources = []
        await ingest.sources.refresh()
        yield b'"email": "ann@acme.example"}'

    during = await client.post(NATIVE, content=body(), headers=key)

    assert during.status_code == 202
    assert [is_hashed(each.email or "") for each in event_log.envelopes] == [True]
    assert verdict(await post(client, key)) == (503, "source_unavailable")


async def test_a_source_of_another_workspace_is_none(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    key = database.bind(SourceSettings())
    database.sources[0] = replace(database.sources[0], workspace_id=WorkspaceId(2))

    assert verdict(await post(client, key)) == (503, "source_unavailable")


async def test_a_new_source_works_at_once(
    client: httpx.AsyncClient, database: FakeDatabase, ingest: Ingest
) -> None:
    await ingest.sources.refresh()
    key = database.bind(SourceSettings())

    assert (await post(client, key)).status_code == 202


async def test_nothing_passes_while_rules_cannot_be_read_and_are_not_known(
    ingest: Ingest, client: httpx.AsyncClient, database: FakeDatabase, bearer: dict[str, str]
) -> None:
    await ingest.keys.refresh()
    database.is_away = True

    assert verdict(await post(client, bearer)) == (503, "source_unavailable")


async def test_rules_that_were_read_go_on_without_a_database(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    key = database.bind(SourceSettings(deny_properties=("properties.card",)))
    await post(client, key)
    database.is_away = True

    answer = await client.post(NATIVE, json={**EVENT, "properties": {"card": 1}}, headers=key)

    assert answer.status_code == 202
    assert event_log.envelopes[-1].properties == {}


# -- origins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        (SHOP, 202),
        ({"Origin": "https://SHOP.example:443"}, 202),
        ({"Origin": "https://de.shop.example"}, 202),
        ({"Origin": "https://a.de.shop.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://shop.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "https://sh\xf6p.example"}, 403),
        ({}, 403),
        ({"Referer": "https://shop.example/"}, 403),
    ],
)
async def test_a_web_source_takes_events_from_its_pages_alone(
    client: httpx.AsyncClient, database: FakeDatabase, headers: dict[str, str], wanted: int
) -> None:
    key = database.bind(
        SourceSettings(allowed_origins=("https://shop.example", "https://*.shop.example"))
    )
    sent = {**key, **headers}.items()
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in sent]

    answer = await client.post(NATIVE, json=EVENT, headers=encoded)

    assert answer.status_code == wanted
    assert answer.headers["access-control-allow-origin"] == "*"
    if wanted == 403:
        assert answer.json()["code"] == "origin_not_allowed"


async def test_a_server_is_not_asked_where_it_is_but_a_page_with_its_key_is(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    key = database.bind(
        SourceSettings(allowed_origins=("https://shop.example",)), kind=SourceKind.SERVER
    )

    answers = [await post(client, key, each) for each in ({}, SHOP, {"Origin": "https://e.vil"})]

    assert [answer.status_code for answer in answers] == [202, 202, 403]


async def test_a_source_without_origins_takes_events_from_any_page(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    key = database.bind(SourceSettings())

    answers = [await post(client, key, each) for each in ({}, SHOP, {"Origin": "null"})]

    assert [answer.status_code for answer in answers] == [202] * 3


async def test_a_picture_in_a_mail_has_no_origin_and_is_counted(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    key = database.bind(SourceSettings(allowed_origins=("https://shop.example",)))
    token = key["Authorization"].removeprefix("Bearer ")
    query = {"write_key": token, "event": "Email Opened", "user_id": "u"}

    await client.get("/v1/pixel.gif", params=query)
    await client.get("/v1/pixel.gif", params=query, headers={"Origin": "https://evil.example"})

    assert [envelope.event for envelope in event_log.envelopes] == ["Email Opened"]


# -- the response for events that are not kept -----------------------------------------------------


async def test_a_dropped_event_is_answered_like_an_accepted_one_and_counted(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, event_log: ListLog
) -> None:
    digest = person_digest("user:u", key=database.rules.hash_key)
    database.suppressed.append(
        Suppressed(change=1, workspace_id=DEFAULT_WORKSPACE, digest=digest, is_lifted=False)
    )
    key = database.bind(SourceSettings())

    native = await client.post(NATIVE, json=[EVENT, {**EVENT, "user_id": "other"}], headers=key)
    segment = await client.post(SEGMENT, json=CALL, headers=key)

    assert (native.status_code, native.json()) == (202, {"accepted": 2, "rejected": []})
    assert (segment.status_code, segment.json()) == (200, {"success": True})
    assert [envelope.user_id for envelope in event_log.envelopes] == ["other"]
    assert _counted(ingest, "stageline_ingest_events_dropped_total", reason="suppressed") == 2
    assert _counted(ingest, "stageline_ingest_events_accepted_total", route=NATIVE) == 1


async def test_a_person_whose_suppression_is_lifted_is_accepted_after_the_next_read(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, bearer: dict[str, str]
) -> None:
    digest = person_digest("user:u", key=database.rules.hash_key)
    change = Suppressed(change=1, workspace_id=DEFAULT_WORKSPACE, digest=digest, is_lifted=False)
    database.suppressed.append(change)
    await post(client, bearer)
    database.suppressed.append(
        Suppressed(change=2, workspace_id=DEFAULT_WORKSPACE, digest=digest, is_lifted=True)
    )

    await ingest.sources.refresh()
    await post(client, bearer)

    assert _counted(ingest, "stageline_ingest_events_dropped_total", reason="suppressed") == 1
    assert _counted(ingest, "stageline_ingest_events_accepted_total", route=NATIVE) == 1


async def test_an_event_of_servers_is_refused_by_name(
    client: httpx.AsyncClient, database: FakeDatabase, bearer: dict[str, str]
) -> None:
    database.rules = WorkspaceRules(hash_key=b"k", server_only=frozenset({"Order Completed"}))
    secret = database.put(KeyKind.SECRET)
    order = {**EVENT, "event": "Order Completed"}

    browser = await client.post(NATIVE, json=[EVENT, order], headers=bearer)
    server = await client.post(
        NATIVE, json=order, headers={"Authorization": f"Bearer {secret.token}"}
    )

    assert browser.json()["accepted"] == 1
    assert [each["code"] for each in browser.json()["rejected"]] == ["server_only_event"]
    assert server.status_code == 202


async def test_an_event_that_nests_too_deep_is_refused_whatever_the_rules(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    key = database.bind(
        SourceSettings(
            hash_fields=("email", "properties.x"),
            deny_properties=("properties.a.b",),
            allow_properties=("properties.x", "properties.a.c"),
        )
    )
    deep = b"[" * 900 + b"]" * 900
    body = b'{"event":"E","email":"ann@acme.example","properties":{"x":%b,"a":%b}}' % (deep, deep)

    answer = await client.post(NATIVE, content=body, headers=key)

    assert answer.status_code == 422
    assert answer.json()["rejected"][0]["code"] == "too_deep"


async def test_every_sender_that_is_turned_away_is_counted(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase
) -> None:
    key = database.bind(SourceSettings(allowed_origins=("https://shop.example",)))

    await post(client, key)

    name = "stageline_ingest_requests_turned_away_total"
    assert _counted(ingest, name, code="origin_not_allowed") == 1


def test_a_limit_is_a_setting() -> None:
    settings = IngestSettings.model_validate(
        {"database_url": "postgresql://x", "event_log": "postgres", "events_per_second": 50}
    )

    assert settings.limits().events_per_second == 50.0


def _counted(ingest: Ingest, name: str, **labels: str) -> float:
    return ingest.metrics.registry.get_sample_value(name, labels) or 0.0
