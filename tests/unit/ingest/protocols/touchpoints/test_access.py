"""Access to the native call: keys, outages, browsers, methods, readiness."""

import httpx
import pytest

from services.ingest.app import create_health
from services.ingest.intake import Ingest
from shared.keys.principal import Scope
from shared.keys.token import KeyKind
from tests.unit.ingest.conftest import FakeDatabase, ListLog
from tests.unit.ingest.protocols.touchpoints.native_call import EVENT, PATH, counted


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer nonsense", 401),
        ("Basic c2xfd2tfYV9iOg==", 401),
        (f"Bearer sl_wk_0123456789ab_{'0' * 48}", 401),
    ],
)
async def test_every_failed_authentication_looks_the_same(
    client: httpx.AsyncClient, ingest: Ingest, authorization: str | None, status: int
) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    answer = await client.post(PATH, json=EVENT, headers=headers)

    assert answer.status_code == status
    assert answer.headers["www-authenticate"] == 'Bearer realm="stageline"'
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "code": "unauthenticated",
        "detail": "Send a valid key as `Authorization: Bearer <key>`, or where your SDK puts it.",
    }
    reasons = ("missing", "malformed", "unknown")
    assert sum(counted(ingest, "auth_failures_total", reason=r) for r in reasons) == 1


async def test_a_secret_key_may_post_if_it_holds_the_scope(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    may = database.put(KeyKind.SECRET)
    may_not = database.put(KeyKind.SECRET, frozenset({Scope.STAGES_READ}))

    accepted = await client.post(PATH, json=EVENT, headers={"Authorization": f"Bearer {may.token}"})
    refused = await client.post(
        PATH, json=EVENT, headers={"Authorization": f"Bearer {may_not.token}"}
    )

    assert accepted.status_code == 202
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


async def test_keys_that_cannot_be_checked_are_no_fault_of_the_sender(
    client: httpx.AsyncClient, database: FakeDatabase, bearer: dict[str, str]
) -> None:
    database.is_away = True

    answer = await client.post(PATH, json=EVENT, headers=bearer)

    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_log_that_does_not_acknowledge_is_a_503_to_be_tried_again(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog, ingest: Ingest
) -> None:
    event_log.is_away = True

    answer = await client.post(PATH, json=EVENT, headers=bearer)

    assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert counted(ingest, "unavailable_total") == 1
    assert counted(ingest, "events_accepted_total", route=PATH) == 0


async def test_a_browser_may_ask_first_from_any_origin(client: httpx.AsyncClient) -> None:
    answer = await client.options(
        PATH,
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, x-retry-count",
        },
    )

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "x-retry-count"} <= set(allowed)
    assert answer.headers["access-control-max-age"] == "86400"


async def test_a_browser_may_read_every_answer(
    client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    answers = [
        await client.post(PATH, json=EVENT, headers=bearer),
        await client.post(PATH, json=EVENT),
        await client.post(PATH, content=b"", headers=bearer),
        await client.post(PATH, json={"event": "A"}, headers=bearer),
    ]

    assert [answer.status_code for answer in answers] == [202, 401, 400, 422]
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {"*"}


async def test_other_methods_and_paths_are_problems(client: httpx.AsyncClient) -> None:
    wrong_method = await client.get(PATH)
    wrong_path = await client.post("/v1/touchpoint")

    assert (wrong_method.status_code, wrong_method.headers["allow"]) == (405, "POST, OPTIONS")
    assert wrong_path.status_code == 404
    assert wrong_path.headers["content-type"] == "application/problem+json"


async def test_readiness_needs_keys_sources_and_a_log(
    client: httpx.AsyncClient, ingest: Ingest
) -> None:
    before = await client.get("/readyz")

    assert before.status_code == 503
    unread = {"keys": False, "sources": False}
    assert before.json() == {**unread, "log": True, "not_stopping": True}
    assert (await client.get("/livez")).status_code == 200
    await ingest.keys.refresh()
    await ingest.sources.refresh()
    assert all((await create_health(ingest).ready()).values())
