"""Taking back a touchpoint or an import: a record in the log with author and reason, or a clear refusal."""

from urllib.parse import quote

import httpx
import pytest

from services.ingest.protocols.retractions.route import IMPORT, TOUCHPOINT
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import Scope
from shared.keys.token import KeyKind, NewKey
from tests.unit.ingest.conftest import NOW, FakeDatabase, ListLog

WHY = {"reason": "typed the wrong account"}


@pytest.fixture
def key(database: FakeDatabase) -> NewKey:
    return database.put(KeyKind.SECRET, frozenset({Scope.EVENTS_RETRACT}))


@pytest.fixture
def operator(client: httpx.AsyncClient, key: NewKey) -> httpx.AsyncClient:
    """Comes with a key that may take events back, and nothing else."""
    client.headers["Authorization"] = f"Bearer {key.token}"
    return client


def touchpoint(message_id: str) -> str:
    return TOUCHPOINT.replace("{message_id}", quote(message_id, safe=""))


def whole_import(import_id: str) -> str:
    return IMPORT.replace("{import_id}", quote(import_id, safe=""))


async def test_a_touchpoint_is_retracted_under_its_stored_id(
    operator: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, key: NewKey
) -> None:
    database.touchpoints[DEFAULT_WORKSPACE, "10/01?", None] = ["~s.shop/10/01?"]

    answer = await operator.delete(touchpoint("10/01?"), params=WHY)

    (envelope,) = event_log.envelopes
    assert (answer.status_code, answer.json()) == (202, {"message_ids": [envelope.message_id]})
    assert (envelope.type, envelope.retracts, envelope.import_id) == (
        "retract",
        "~s.shop/10/01?",
        None,
    )
    assert (envelope.reason, envelope.logged_by) == (WHY["reason"], f"key {key.key_id}")
    assert (envelope.workspace_id, envelope.received_at) == (DEFAULT_WORKSPACE, NOW)


async def test_an_import_is_retracted_as_a_whole(
    operator: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    database.imports.add((DEFAULT_WORKSPACE, "i-1"))

    answer = await operator.delete(whole_import("i-1"), params=WHY)

    (envelope,) = event_log.envelopes
    assert answer.status_code == 202
    assert (envelope.type, envelope.retracts, envelope.import_id) == ("retract", None, "i-1")


async def test_an_id_of_several_senders_needs_a_source_or_all(
    operator: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    both = ["~s.billing/1001", "~s.shop/1001"]
    database.touchpoints[DEFAULT_WORKSPACE, "1001", None] = both
    database.touchpoints[DEFAULT_WORKSPACE, "1001", "src_shop"] = both[1:]

    plain = await operator.delete(touchpoint("1001"), params=WHY)
    named = await operator.delete(touchpoint("1001"), params={**WHY, "source": "src_shop"})
    every = await operator.delete(touchpoint("1001"), params={**WHY, "all": "true"})

    assert (plain.status_code, plain.json()["code"]) == (409, "message_id_ambiguous")
    assert (named.status_code, every.status_code) == (202, 202)
    assert [each.retracts for each in event_log.envelopes] == ["~s.shop/1001", *both]


async def test_what_is_not_stored_is_not_found(
    operator: httpx.AsyncClient, event_log: ListLog
) -> None:
    touchpoints = await operator.delete(touchpoint("m-1"), params=WHY)
    imports = await operator.delete(whole_import("i-1"), params=WHY)

    assert (touchpoints.status_code, touchpoints.json()["code"]) == (404, "touchpoint_unknown")
    assert (imports.status_code, imports.json()["code"]) == (404, "import_unknown")
    assert event_log.records == []


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"reason": ""},
        {"reason": " \u200b "},
        {"reason": "x" * 4_001},
        {"reason": "a\0b"},
        {"reason": "x", "because": "y"},
        {"reason": "x", "source": ""},
        {"reason": "x", "all": "yes"},
    ],
)
async def test_a_query_that_is_no_retraction_is_refused(
    operator: httpx.AsyncClient, event_log: ListLog, query: dict[str, str]
) -> None:
    answer = await operator.delete(touchpoint("m-1"), params=query)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_retraction")
    assert event_log.records == []


@pytest.mark.parametrize("path", ["%00", "%FF", "%20", "x" * 201])
async def test_a_path_that_can_be_no_id_is_refused(operator: httpx.AsyncClient, path: str) -> None:
    answer = await operator.delete(f"/v1/touchpoints/{path}", params=WHY)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_retraction")


async def test_the_source_of_an_import_cannot_be_named(operator: httpx.AsyncClient) -> None:
    answer = await operator.delete(whole_import("i-1"), params={**WHY, "source": "src_shop"})

    assert answer.json()["code"] == "invalid_retraction"


async def test_the_key_of_a_page_takes_nothing_back(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, write_key: NewKey
) -> None:
    database.touchpoints[DEFAULT_WORKSPACE, "m-1", None] = ["~w/m-1"]
    client.headers["Authorization"] = f"Bearer {write_key.token}"

    answer = await client.delete(touchpoint("m-1"), params=WHY)

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert event_log.records == []


async def test_nothing_is_accepted_while_the_log_or_the_database_is_away(
    operator: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    database.touchpoints[DEFAULT_WORKSPACE, "m-1", None] = ["~s/m-1"]
    # The first call reads the keys and rules, which are kept.
    await operator.delete(touchpoint("m-2"), params=WHY)
    event_log.is_away = True
    without_log = await operator.delete(touchpoint("m-1"), params=WHY)
    event_log.is_away, database.is_away = False, True
    without_database = await operator.delete(touchpoint("m-1"), params=WHY)

    assert [each.json()["code"] for each in (without_log, without_database)] == [
        "log_unavailable",
        "touchpoints_unavailable",
    ]
    assert without_database.headers["Retry-After"].isdecimal()
    assert event_log.records == []


async def test_an_event_keeps_the_id_of_its_import(
    client: httpx.AsyncClient, event_log: ListLog, write_key: NewKey
) -> None:
    client.headers["Authorization"] = f"Bearer {write_key.token}"
    event = {"event": "Blog Read", "user_id": "ann"}

    await client.post(
        "/v1/touchpoints",
        json=[event, {**event, "import_id": " i-1 "}, {**event, "import_id": " "}],
    )
    refused = await client.post("/v1/touchpoints", json={**event, "import_id": "x" * 101})

    assert [each.import_id for each in event_log.envelopes] == [None, "i-1", None]
    assert refused.json()["rejected"][0]["code"] == "invalid_import_id"
