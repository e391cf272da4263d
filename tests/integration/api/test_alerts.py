from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.keys.principal import Scope
from tests.integration.api.world import World, api_world

ONE, TWO, THREE = (f"0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b1{number}" for number in (1, 2, 3))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


def key_id(token: str) -> str:
    return token.split("_")[2]


async def test_alerts_are_listed_newest_first_and_filters_narrow_each_other(world: World) -> None:
    await world.alert(ONE, opened="07 10:00")
    await world.alert(TWO, opened="08 10:00", owner="marketing", journey="trial")
    await world.alert(THREE, opened="09 10:00", state="resolved", kind="drop_off")

    async def listed(**params: str) -> list[str]:
        ids: list[str] = []
        while True:
            answer = (await world.get("/v1/alerts", limit="1", **params)).json()
            ids += [item["id"] for item in answer["items"]]
            if answer["next_cursor"] is None:
                return ids
            params["cursor"] = answer["next_cursor"]

    assert await listed() == [THREE, TWO, ONE]
    assert await listed(state="open") == [TWO, ONE]
    assert await listed(state="resolved") == [THREE]
    assert await listed(kind="stall") == [TWO, ONE]
    assert await listed(owner="sales") == [THREE, ONE]
    assert await listed(owner="sales", state="open") == [ONE]
    assert await listed(journey="trial") == [TWO]


async def test_an_alert_has_its_owner_and_its_evidence(world: World) -> None:
    await world.alert(ONE)

    (alert,) = (await world.get("/v1/alerts")).json()["items"]

    assert alert == {
        "id": ONE,
        "kind": "stall",
        "severity": "warning",
        "state": "open",
        "account_id": "acme",
        "journey": "sales",
        "stage": "evaluation",
        "cycle": 1,
        "owner": "sales",
        "opened_at": "2026-03-09T10:00:00Z",
        "acknowledged_at": None,
        "acknowledged_by": None,
        "resolved_at": None,
        "resolved_by": None,
        "resolution": None,
        "last_touchpoint": {"message_id": "m-1", "event": "Pricing Viewed"},
        "value_at_risk": 12000.0,
        "evidence": {"stall_after_seconds": 1209600},
        "summary": "acme has been in Evaluation for 14 days",
    }


async def test_acknowledging_or_resolving_again_keeps_the_first_key_and_instant(
    world: World,
) -> None:
    await world.alert(ONE)
    other = await world.key(Scope.ALERTS_WRITE)

    first = await world.post(f"/v1/alerts/{ONE}:acknowledge")
    world.clock.advance(timedelta(hours=1))
    again = await world.post(f"/v1/alerts/{ONE}:acknowledge", key=other)
    resolved = await world.post(f"/v1/alerts/{ONE}:resolve", key=other)
    world.clock.advance(timedelta(hours=1))
    resolved_again = await world.post(f"/v1/alerts/{ONE}:resolve")
    late = await world.post(f"/v1/alerts/{ONE}:acknowledge")

    assert first.status_code == 200
    assert (first.json()["state"], first.json()["acknowledged_by"]) == (
        "acknowledged",
        key_id(world.secret),
    )
    assert first.json()["acknowledged_at"] == "2026-03-10T12:00:00Z"
    assert again.json() == first.json()
    assert (resolved.json()["state"], resolved.json()["resolution"]) == ("resolved", "manual")
    assert resolved.json()["resolved_by"] == key_id(other)
    assert resolved.json()["resolved_at"] == "2026-03-10T13:00:00Z"
    assert resolved_again.json() == resolved.json()
    assert late.json() == resolved.json()


async def test_an_alert_that_resolved_itself_cannot_be_acknowledged(world: World) -> None:
    await world.alert(ONE, state="resolved", resolution="moved")

    acknowledged = await world.post(f"/v1/alerts/{ONE}:acknowledge")
    resolved = await world.post(f"/v1/alerts/{ONE}:resolve")

    assert (acknowledged.status_code, acknowledged.json()["code"]) == (409, "alert_resolved")
    assert (resolved.status_code, resolved.json()["resolution"]) == (200, "moved")
    assert resolved.json()["resolved_by"] is None


async def test_an_id_without_an_alert_is_unknown(world: World) -> None:
    for alert_id in (TWO, "7", "not-a-uuid", "a%2Fb", "%F0%9F%98%80"):
        for verb in ("acknowledge", "resolve"):
            answer = await world.post(f"/v1/alerts/{alert_id}:{verb}")

            assert (answer.status_code, answer.json()["code"]) == (404, "alert_unknown")


async def test_changing_alerts_needs_its_own_scope(world: World) -> None:
    await world.alert(ONE)
    reader = await world.key(Scope.STAGES_READ)

    refused = await world.post(f"/v1/alerts/{ONE}:resolve", key=reader)
    listed = await world.get("/v1/alerts", key=reader)

    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert listed.json()["items"][0]["state"] == "open"
