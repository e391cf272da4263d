"""`/v1/sources`: set up, changed, held off, removed; secrets and keys; what is seen of it."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.contracts.envelope import encode
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.cache import KeyCache
from shared.keys.principal import Principal, Scope
from shared.sources.registry import SourceRegistry
from shared.storage import keys, sources
from shared.storage.connect import DatabaseRole, create_engine
from tests.integration.api_world import NOW, World, api_world, at
from tests.support.touchpoints import event


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


async def call(
    world: World, method: str, path: str, body: Any = None, key: str | None = None
) -> httpx.Response:
    return await world.client.request(
        method, path, json=body, headers={"Authorization": f"Bearer {key or world.secret}"}
    )


async def made(world: World, name: str = "website", kind: str = "web", **settings: Any) -> str:
    body = {"name": name, "kind": kind, "settings": settings}
    answer = await call(world, "POST", "/v1/sources", body)
    assert answer.status_code == 201, answer.text
    source_id: str = answer.json()["source_id"]
    assert answer.headers["location"] == f"/v1/sources/{source_id}"
    return source_id


async def known_to_ingest(world: World) -> SourceRegistry:
    """The sources as ingest reads them, in its own role."""
    engine = create_engine(world.database_url, role=DatabaseRole.INGEST, application_name="test")
    registry = SourceRegistry(sources.loader(engine, world.clock))
    assert await registry.refresh()
    await engine.dispose()
    return registry


async def principal_of(world: World, token: str) -> object:
    engine = create_engine(world.database_url, role=DatabaseRole.INGEST, application_name="test")
    answer = await KeyCache(keys.loader(engine), world.clock).authenticate(token)
    await engine.dispose()
    return answer


# -- set up and changed ------------------------------------------------------------------------


async def test_a_source_is_made_with_its_settings_and_read_back_whole(world: World) -> None:
    source_id = await made(world, ip="drop", consent={"required": ["analytics"]})

    shown = (await call(world, "GET", f"/v1/sources/{source_id}")).json()
    listed = (await call(world, "GET", "/v1/sources")).json()["items"]
    registry = await known_to_ingest(world)

    assert (shown["name"], shown["kind"], shown["paused_at"]) == ("website", "web", None)
    assert shown["settings"]["ip"] == "drop"
    assert shown["settings"]["consent"] == {"required": ["analytics"], "when_missing": "drop"}
    assert shown["settings"]["allowed_origins"] == []
    assert (shown["secrets"], shown["keys"], shown["webhook_path"]) == ([], [], None)
    assert [each["source_id"] for each in listed] == [source_id]
    known = registry.cached(source_id)
    assert known is not None
    assert known.settings.ip == "drop"


async def test_a_provider_is_told_where_to_post(world: World) -> None:
    source_id = await made(world, "billing", "stripe")

    shown = (await call(world, "GET", f"/v1/sources/{source_id}")).json()

    assert shown["webhook_path"] == f"/v1/webhooks/stripe/{source_id}"


async def test_settings_named_are_replaced_and_null_puts_one_back(world: World) -> None:
    source_id = await made(world, ip="drop", events_per_second=5, hash_fields=["email"])

    body = {"name": "shop", "settings": {"ip": None, "hash_fields": ["user_id"]}}
    answer = await call(world, "PATCH", f"/v1/sources/{source_id}", body)

    settings = answer.json()["settings"]
    assert (answer.status_code, answer.json()["name"]) == (200, "shop")
    assert settings["ip"] == "truncate"
    assert settings["hash_fields"] == ["user_id"]
    assert settings["events_per_second"] == 5


@pytest.mark.parametrize(
    ("settings", "pointer", "said"),
    [
        ({"alowed_origins": []}, "/settings", "did you mean `allowed_origins`?"),
        ({"ip": "hide"}, "/settings/ip", "keep, truncate or drop"),
        ({"allowed_origins": ["https://a.example/path"]}, "/settings/allowed_origins", "origins"),
        ({"allowed_origins": "https://a.example"}, "/settings/allowed_origins", "a list"),
        ({"events_per_second": 0}, "/settings/events_per_second", "above 0"),
        ({"events_per_second": -1e400}, "/settings/events_per_second", "cannot be stored"),
        ({"consent": {"required": "analytics"}}, "/settings/consent/required", "an object"),
        ({"consent": {"requird": ["a"]}}, "/settings/consent", "did you mean `required`?"),
        ({"consent": {"required": ["a\x00"]}}, "/settings/consent", "cannot be stored"),
        ({"hash_fields": ["e-mail"]}, "/settings/hash_fields", "email"),
        ({"mapping": {"rules": [{"event": "A", "when": "]["}]}}, "/settings/mapping", "JMESPath"),
    ],
)
async def test_a_wrong_setting_is_refused_with_its_place_and_what_is_wanted(
    world: World, settings: dict[str, Any], pointer: str, said: str
) -> None:
    import json  # noqa: PLC0415 - writes infinity, which the client refuses to

    body = json.dumps({"name": "website", "kind": "web", "settings": settings})
    answer = await world.post("/v1/sources", body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]
    assert (await call(world, "GET", "/v1/sources")).json()["items"] == []


async def test_every_wrong_setting_is_told_at_once_and_nothing_is_echoed(world: World) -> None:
    settings = {"ip": "sl_sk_leak", "sl_sk_leak": 1, "burst": "sl_sk_leak"}
    body = {"name": "website", "kind": "web", "settings": settings}

    answer = await call(world, "POST", "/v1/sources", body)

    assert len(answer.json()["errors"]) == 3
    assert "leak" not in answer.text


async def test_a_name_is_taken_once_in_a_workspace_and_free_in_another(world: World) -> None:
    await made(world)
    other = await made(world, "app")
    body = {"name": "website", "kind": "server"}

    again = await call(world, "POST", "/v1/sources", body)
    renamed = await call(world, "PATCH", f"/v1/sources/{other}", {"name": "website"})
    abroad = await call(world, "POST", "/v1/sources", body, key=world.foreign)

    assert (again.status_code, again.json()["code"]) == (409, "source_name_taken")
    assert (renamed.status_code, renamed.json()["code"]) == (409, "source_name_taken")
    assert abroad.status_code == 201


@pytest.mark.parametrize("name", ["", "   ", "src_1", "a\nb", "x" * 101, "a\x00b"])
async def test_a_name_that_nobody_could_use_is_refused(world: World, name: str) -> None:
    answer = await call(world, "POST", "/v1/sources", {"name": name, "kind": "web"})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/name")


async def test_pausing_keeps_its_first_instant_and_resuming_ends_it(world: World) -> None:
    source_id = await made(world)

    first = await call(world, "POST", f"/v1/sources/{source_id}:pause")
    world.clock.advance(timedelta(hours=1))
    again = await call(world, "POST", f"/v1/sources/{source_id}:pause")
    known = (await known_to_ingest(world)).cached(source_id)
    resumed = await call(world, "POST", f"/v1/sources/{source_id}:resume")

    assert first.json()["paused_at"] == again.json()["paused_at"] == "2026-03-10T12:00:00Z"
    assert known is not None
    assert known.paused_at == NOW
    assert resumed.json()["paused_at"] is None


async def test_a_removed_source_is_gone_with_its_keys_and_newest_events(world: World) -> None:
    source_id = await made(world)
    key = (await call(world, "POST", f"/v1/sources/{source_id}/keys", {})).json()["key"]
    await arrived(world, source_id, "m-1")

    removed = await call(world, "DELETE", f"/v1/sources/{source_id}")
    again = await call(world, "DELETE", f"/v1/sources/{source_id}")

    assert (removed.status_code, removed.content) == (204, b"")
    assert (again.status_code, again.json()["code"]) == (404, "source_unknown")
    assert await principal_of(world, key) == "revoked"
    assert await world.owner.fetchval("SELECT count(*) FROM source_event") == 0


async def test_no_call_reaches_a_source_of_another_workspace(world: World) -> None:
    source_id = await made(world)
    at_source = f"/v1/sources/{source_id}"
    calls = [
        ("GET", at_source, None),
        ("PATCH", at_source, {"name": "mine"}),
        ("DELETE", at_source, None),
        ("POST", f"{at_source}:pause", None),
        ("POST", f"{at_source}/keys", {}),
        ("POST", f"{at_source}/secrets", {}),
        ("GET", f"{at_source}/events", None),
        ("GET", f"{at_source}/usage", None),
    ]

    answers = [await call(world, *each, key=world.foreign) for each in calls]

    assert {(a.status_code, a.json()["code"]) for a in answers} == {(404, "source_unknown")}
    assert (await call(world, "GET", at_source)).json()["name"] == "website"


# -- secrets and keys --------------------------------------------------------------------------


async def test_a_secret_is_made_shown_once_and_known_to_ingest(world: World) -> None:
    source_id = await made(world, "partner", "standard-webhooks")

    answer = (await call(world, "POST", f"/v1/sources/{source_id}/secrets", {})).json()
    shown = await call(world, "GET", f"/v1/sources/{source_id}")
    known = (await known_to_ingest(world)).cached(source_id)

    assert answer["value"].startswith("whsec_")
    assert len(base64.b64decode(answer["value"].removeprefix("whsec_"))) == 32
    assert [each["secret_id"] for each in shown.json()["secrets"]] == [answer["secret_id"]]
    assert answer["value"] not in shown.text
    assert known is not None
    assert known.secrets == (answer["value"].encode(),)


async def test_while_a_secret_is_changed_both_are_good_and_then_the_old_one_ends(
    world: World,
) -> None:
    source_id = await made(world, "billing", "stripe")
    path = f"/v1/sources/{source_id}/secrets"
    await call(world, "POST", path, {"value": " whsec_first_of_stripe\n"})
    world.clock.advance(timedelta(minutes=1))

    body = {"value": "whsec_second_of_stripe", "others_expire_in_seconds": 3600}
    second = await call(world, "POST", path, body)
    both = (await known_to_ingest(world)).cached(source_id)
    world.clock.advance(timedelta(hours=1))
    one = (await known_to_ingest(world)).cached(source_id)

    assert second.json()["value"] is None
    assert both is not None
    assert both.secrets == (b"whsec_second_of_stripe", b"whsec_first_of_stripe")
    assert one is not None
    assert one.secrets == (b"whsec_second_of_stripe",)


async def test_a_secret_ends_at_once_or_after_a_while_and_never_later_than_said(
    world: World,
) -> None:
    source_id = await made(world, "billing", "stripe")
    path = f"/v1/sources/{source_id}/secrets"
    secret_id = (await call(world, "POST", path, {"value": "of the provider"})).json()["secret_id"]

    soon = await call(world, "DELETE", f"{path}/{secret_id}?in_seconds=60")
    await call(world, "DELETE", f"{path}/{secret_id}?in_seconds=3600")
    shown = (await call(world, "GET", f"/v1/sources/{source_id}")).json()["secrets"]
    await call(world, "DELETE", f"{path}/{secret_id}")
    ended = (await call(world, "GET", f"/v1/sources/{source_id}")).json()["secrets"]

    assert soon.status_code == 204
    assert [each["expires_at"] for each in shown] == ["2026-03-10T12:01:00Z"]
    assert ended == []
    for unknown in ("nonsense", "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11"):
        answer = await call(world, "DELETE", f"{path}/{unknown}")
        assert (answer.status_code, answer.json()["code"]) == (404, "secret_unknown")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("stripe", None),
        ("hubspot", "short"),
        ("standard-webhooks", "whsec_not base64!"),
        ("standard-webhooks", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("generic", "with\x00nul-in-it"),
        ("generic", "x" * 501),
    ],
)
async def test_what_cannot_be_a_secret_is_refused_and_not_repeated(
    world: World, kind: str, value: str | None
) -> None:
    source_id = await made(world, "provider", kind)

    answer = await call(world, "POST", f"/v1/sources/{source_id}/secrets", {"value": value})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/value")
    assert value is None or value not in answer.text


async def test_a_sixth_secret_in_use_is_one_too_many(world: World) -> None:
    source_id = await made(world, "partner", "generic")
    path = f"/v1/sources/{source_id}/secrets"
    for _ in range(5):
        assert (await call(world, "POST", path, {})).status_code == 201

    refused = await call(world, "POST", path, {})
    instead = await call(world, "POST", path, {"others_expire_in_seconds": 0})

    assert (refused.status_code, refused.json()["code"]) == (409, "limit_reached")
    assert instead.status_code == 201


async def test_a_key_of_a_source_sends_by_it_and_does_nothing_else(world: World) -> None:
    source_id = await made(world)

    answer = await call(world, "POST", f"/v1/sources/{source_id}/keys", {"label": "shop"})
    found = await principal_of(world, answer.json()["key"])
    shown = (await call(world, "GET", f"/v1/sources/{source_id}")).json()["keys"]

    assert answer.status_code == 201
    assert isinstance(found, Principal)
    assert (found.source_id, found.scopes) == (source_id, frozenset({Scope.EVENTS_WRITE}))
    assert [(each["key_id"], each["label"]) for each in shown] == [
        (answer.json()["key_id"], "shop")
    ]


async def test_a_key_of_a_source_is_revoked_by_it_alone(world: World) -> None:
    source_id, other = await made(world), await made(world, "app")
    new = (await call(world, "POST", f"/v1/sources/{source_id}/keys", {})).json()

    elsewhere = await call(world, "DELETE", f"/v1/sources/{other}/keys/{new['key_id']}")
    revoked = await call(world, "DELETE", f"/v1/sources/{source_id}/keys/{new['key_id']}")
    again = await call(world, "DELETE", f"/v1/sources/{source_id}/keys/{new['key_id']}")

    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "key_unknown")
    assert (revoked.status_code, again.status_code) == (204, 404)
    assert await principal_of(world, new["key"]) == "revoked"


async def test_who_shows_keys_has_no_secrets_and_the_other_way_round(world: World) -> None:
    website, billing = await made(world), await made(world, "billing", "stripe")

    secret = await call(world, "POST", f"/v1/sources/{website}/secrets", {"value": "x" * 20})
    key = await call(world, "POST", f"/v1/sources/{billing}/keys", {})

    for answer in (secret, key):
        assert (answer.status_code, answer.json()["code"]) == (409, "source_kind_mismatch")


# -- what is seen ------------------------------------------------------------------------------


async def arrived(
    world: World, source_id: str, message_id: str | None, received: str = "10 11:00", **more: Any
) -> None:
    """A row as ingest's recorder leaves it."""
    await world._insert(
        "source_event",
        **{
            "workspace_id": DEFAULT_WORKSPACE,
            "source_id": source_id,
            "received_at": at(received),
            "route": "/v1/touchpoints",
            "outcome": "accepted",
            "message_id": message_id,
            "event": "Demo Requested",
        }
        | more,
    )


async def applied(world: World, message_id: str, received: str) -> None:
    """A touchpoint as the stager leaves it."""
    envelope = event(
        "Demo Requested",
        at("09 10:00"),
        message_id=message_id,
        received_at=at(received),
        account_id="acme",
    )
    await world._insert(
        "touchpoint",
        workspace_id=DEFAULT_WORKSPACE,
        message_id=message_id,
        subject_id="acme",
        person_id="user:leah",
        occurred_at=at("09 10:00"),
        processed_at=at("10 11:01"),
        envelope=encode(envelope).decode(),
    )


async def became(world: World, source_id: str) -> list[tuple[Any, ...]]:
    items = (await call(world, "GET", f"/v1/sources/{source_id}/events")).json()["items"]
    return [
        (item["message_id"], item["outcome"], item["became"] and item["became"]["state"])
        for item in items
    ]


async def test_events_tell_what_became_of_them_newest_first(world: World) -> None:
    source_id = await made(world)
    for message_id in ("m-applied", "m-pending", "m-dead"):
        await arrived(world, source_id, message_id)
    await arrived(world, source_id, "m-applied", "10 11:30")
    await arrived(world, source_id, None, outcome="refused", code="missing_identity", event=None)
    await arrived(world, source_id, "m-applied", outcome="dropped", code="no_consent")
    await applied(world, "m-applied", "10 11:00")
    await world.owner.execute(
        "INSERT INTO dead_letter (workspace_id, topic, partition, record_offset, reason, detail,"
        " created_at, message_id) VALUES (1, 't', 0, 0, 'unmapped', 'no rule', now(), 'm-dead')"
    )

    assert await became(world, source_id) == [
        ("m-applied", "dropped", None),
        (None, "refused", None),
        ("m-applied", "accepted", "duplicate"),
        ("m-dead", "accepted", "dead_letter"),
        ("m-pending", "accepted", "pending"),
        ("m-applied", "accepted", "applied"),
    ]


async def test_a_message_twice_in_one_request_counts_once(world: World) -> None:
    source_id = await made(world)
    await arrived(world, source_id, "m-1")
    await arrived(world, source_id, "m-1")
    await applied(world, "m-1", "10 11:00")

    assert await became(world, source_id) == [
        ("m-1", "accepted", "duplicate"),
        ("m-1", "accepted", "applied"),
    ]


async def test_an_applied_event_tells_the_moves_that_it_caused(world: World) -> None:
    source_id = await made(world)
    await arrived(world, source_id, "m-1", person="user:leah", account_id="acme")
    await applied(world, "m-1", "10 11:00")
    for sequence, superseded, to_stage in ((1, "10 11:02", "purchase"), (1, None, "evaluation")):
        await world.transition(
            "acme",
            sequence,
            occurred="09 10:00",
            from_stage="research",
            to_stage=to_stage,
            dwell_seconds=60,
            message_id="m-1",
            superseded=superseded,
        )
    await world.transition(
        "user:leah",
        1,
        journey="shop",
        occurred="09 10:00",
        from_stage=None,
        to_stage="cart",
        dwell_seconds=None,
        message_id="m-1",
    )

    (item,) = (await call(world, "GET", f"/v1/sources/{source_id}/events")).json()["items"]

    assert (item["person"], item["account_id"]) == ("user:leah", "acme")
    assert item["became"]["subject_id"] == "acme"
    moves = item["became"]["transitions"]
    assert [(move["journey"], move["from_stage"], move["to_stage"]) for move in moves] == [
        ("sales", "research", "evaluation"),
        ("shop", None, "cart"),
    ]


async def test_the_list_goes_on_by_cursor_and_follows_by_after(world: World) -> None:
    source_id = await made(world)
    for number in range(1, 6):
        await arrived(world, source_id, f"m-{number}")
    path = f"/v1/sources/{source_id}/events"

    first = (await world.get(path, limit="2")).json()
    second = (await world.get(path, limit="2", cursor=first["next_cursor"])).json()
    newest = first["items"][0]["id"]
    nothing = (await world.get(path, after=str(newest))).json()
    await arrived(world, source_id, "m-6")
    fresh = (await world.get(path, after=str(newest))).json()

    assert [item["message_id"] for item in first["items"]] == ["m-5", "m-4"]
    assert [item["message_id"] for item in second["items"]] == ["m-3", "m-2"]
    assert nothing["items"] == []
    assert [item["message_id"] for item in fresh["items"]] == ["m-6"]


async def test_only_the_wanted_outcome_is_listed_and_its_cursor_is_good_for_that_alone(
    world: World,
) -> None:
    source_id, other = await made(world), await made(world, "app")
    for number in range(4):
        outcome = "refused" if number % 2 else "accepted"
        await arrived(world, source_id, f"m-{number}", outcome=outcome)
    path = f"/v1/sources/{source_id}/events"

    refused = (await world.get(path, outcome="refused", limit="1")).json()
    cursor = refused["next_cursor"]
    elsewhere = await world.get(f"/v1/sources/{other}/events", outcome="refused", cursor=cursor)
    otherwise = await world.get(path, cursor=cursor)

    assert [item["message_id"] for item in refused["items"]] == ["m-3"]
    for answer in (elsewhere, otherwise):
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_usage_is_told_by_day(world: World) -> None:
    source_id = await made(world)
    for day, accepted in ((8, 7), (9, 5), (10, 3)):
        await world._insert(
            "source_usage",
            workspace_id=DEFAULT_WORKSPACE,
            source_id=source_id,
            day=at(f"{day:02} 00:00").date(),
            accepted=accepted,
            refused=1,
        )

    usage = (await world.get(f"/v1/sources/{source_id}/usage", days="2")).json()

    assert usage["items"] == [
        {"day": "2026-03-10", "accepted": 3, "refused": 1, "dropped": 0},
        {"day": "2026-03-09", "accepted": 5, "refused": 1, "dropped": 0},
    ]
