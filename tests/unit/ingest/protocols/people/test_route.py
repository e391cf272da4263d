"""Forgetting a person: a record in the log that names them, whatever else the door may say."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.ingest.intake import Ingest
from services.ingest.protocols.people.route import PATH
from shared.contracts.message_ids import as_sent
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import Scope
from shared.keys.token import KeyKind
from shared.sources.hashing import hashed, person_digest
from shared.sources.source import SourceSettings, Suppressed
from tests.unit.ingest.conftest import NOW, FakeDatabase, ListLog


@pytest.fixture
def eraser(client: httpx.AsyncClient, database: FakeDatabase) -> httpx.AsyncClient:
    """Comes with a key that may erase."""
    key = database.put(KeyKind.SECRET, frozenset({Scope.PEOPLE_ERASE}))
    client.headers["Authorization"] = f"Bearer {key.token}"
    return client


async def erase(client: httpx.AsyncClient, person: str, **options: Any) -> httpx.Response:
    return await client.post(f"/v1/people/{quote(person, safe='')}:erase", **options)


@pytest.mark.parametrize(
    ("person", "named"),
    [
        ("user:u-17", ("u-17", None, None)),
        ("email:Ann@acme.example", (None, "ann@acme.example", None)),
        ("anonymous:hubspot:contact:201", (None, None, "hubspot:contact:201")),
        ("user:a/b c+d%?:erase", ("a/b c+d%?:erase", None, None)),
        ("user:\u65e5\u672c", ("\u65e5\u672c", None, None)),
        ("user:two\r\nlines", ("two\r\nlines", None, None)),
    ],
)
async def test_an_erasure_goes_into_the_log(
    eraser: httpx.AsyncClient, event_log: ListLog, person: str, named: tuple[str | None, ...]
) -> None:
    answer = await erase(eraser, person, json={"message_id": "request-17"})

    (envelope,) = event_log.envelopes
    assert (answer.status_code, answer.json()) == (202, {"message_id": "request-17"})
    assert (envelope.type, as_sent(envelope.message_id)) == ("erase", "request-17")
    assert (envelope.user_id, envelope.email, envelope.anonymous_id) == named
    assert (envelope.workspace_id, envelope.received_at) == (DEFAULT_WORKSPACE, NOW)


async def test_a_record_can_be_erased_and_a_junk_name_cannot(
    eraser: httpx.AsyncClient, event_log: ListLog
) -> None:
    record = await erase(eraser, "external:hubspot:contact:8301")
    junk = await erase(eraser, "user:[object Object]")

    assert record.status_code == 202
    assert (junk.status_code, junk.json()["code"]) == (422, "junk_name")
    assert [each.external_id for each in event_log.envelopes] == ["hubspot:contact:8301"]


async def test_an_erasure_without_a_name_of_its_own_is_given_one(
    eraser: httpx.AsyncClient, event_log: ListLog
) -> None:
    answers = [await erase(eraser, "user:u", content=body) for body in (b"", b" ", b"{}", b"[]")]

    ids = [answer.json()["message_id"] for answer in answers]
    assert [as_sent(envelope.message_id) for envelope in event_log.envelopes] == ids
    assert len(set(ids)) == 4


async def test_suppressed_people_can_still_be_erased(
    eraser: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    digest = person_digest("user:u", key=database.rules.hash_key)
    database.suppressed.append(
        Suppressed(change=1, workspace_id=DEFAULT_WORKSPACE, digest=digest, is_lifted=False)
    )

    answer = await erase(eraser, "user:u")

    assert answer.status_code == 202
    assert len(event_log.records) == 1


async def test_neither_pause_nor_limit_nor_hashing_of_a_source_stands_in_the_way(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    database.bind(SourceSettings(hash_fields=("email",), events_per_second=0.01, burst=1))
    database.sources[0] = replace(database.sources[0], paused_at=NOW)
    key = database.put(KeyKind.SECRET, source_id="src")
    client.headers["Authorization"] = f"Bearer {key.token}"

    answers = [await erase(client, "email:ann@acme.example") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202] * 3
    assert {envelope.email for envelope in event_log.envelopes} == {"ann@acme.example"}


async def test_a_pseudonym_can_be_erased(
    eraser: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    pseudonym = hashed("ann@acme.example", database.rules.hash_key)

    answer = await erase(eraser, f"email:{pseudonym}")

    assert answer.status_code == 202
    assert event_log.envelopes[0].email == pseudonym


@pytest.mark.parametrize(
    ("person", "body", "wanted"),
    [
        ("acme", b"", (400, "invalid_person")),
        ("user:", b"", (400, "invalid_person")),
        ("user: ", b"", (400, "invalid_person")),
        ("user:\r\n", b"", (400, "invalid_person")),
        ("\n", b"", (400, "invalid_person")),
        ("account:acme", b"", (400, "invalid_person")),
        ("email:ann", b"", (400, "invalid_person")),
        ("user:" + "x" * 513, b"", (400, "invalid_person")),
        ("user:\0", b"", (400, "invalid_person")),
        ("user:u", b"[1]", (422, "invalid_body")),
        ("user:u", b"null", (422, "invalid_body")),
        ("user:u", b"{", (422, "invalid_body")),
        ("user:u", b'{"message_id": 17}', (422, "invalid_body")),
        ("user:u", b'{"message_id": ""}', (422, "invalid_body")),
        ("user:u", b'{"message_id": "  "}', (422, "invalid_body")),
        ("user:u", b'{"message_id": "%b"}' % (b"x" * 101), (422, "invalid_body")),
        ("user:u", rb'{"message_id": "a\u0000"}', (422, "invalid_body")),
        ("user:u", rb'{"message_id": "\ud800"}', (422, "invalid_body")),
        ("user:u", b'{"reason": "asked"}', (422, "invalid_body")),
        ("user:u", b"[" * 100_000, (422, "invalid_body")),
    ],
)
async def test_what_names_no_person_or_says_too_much_is_refused(
    eraser: httpx.AsyncClient, event_log: ListLog, person: str, body: bytes, wanted: tuple[int, str]
) -> None:
    answer = await erase(eraser, person, content=body)

    assert (answer.status_code, answer.json()["code"]) == wanted
    assert event_log.records == []


async def test_the_call_is_counted_by_its_template(
    eraser: httpx.AsyncClient, ingest: Ingest
) -> None:
    await erase(eraser, "user:u")

    labels = {"service": "ingest", "route": PATH, "method": "POST", "status": "202"}
    assert ingest.metrics.registry.get_sample_value("stageline_http_requests_total", labels) == 1


async def test_a_path_that_is_no_text_names_no_person(
    eraser: httpx.AsyncClient, event_log: ListLog
) -> None:
    answer = await eraser.post("/v1/people/user:%ff:erase")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_person")
    assert event_log.records == []


@pytest.mark.parametrize(
    ("kind", "scopes"),
    [
        (KeyKind.WRITE, None),
        (KeyKind.WRITE, frozenset({Scope.PEOPLE_ERASE})),
        (KeyKind.SECRET, frozenset({Scope.EVENTS_WRITE, Scope.PEOPLE_WRITE})),
    ],
)
async def test_only_a_secret_key_with_the_scope_may_erase(
    client: httpx.AsyncClient,
    database: FakeDatabase,
    event_log: ListLog,
    kind: KeyKind,
    scopes: frozenset[Scope] | None,
) -> None:
    client.headers["Authorization"] = f"Bearer {database.put(kind, scopes).token}"

    answer = await erase(client, "user:u")

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert "people:erase" in answer.json()["detail"]
    assert event_log.records == []


async def test_an_erasure_that_the_log_does_not_acknowledge_is_not_done(
    eraser: httpx.AsyncClient, event_log: ListLog
) -> None:
    event_log.is_away = True

    answer = await erase(eraser, "user:u")

    assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
    assert answer.headers["retry-after"] == "2"


async def test_an_erasure_is_recorded_without_a_name_before_the_log_has_it(
    eraser: httpx.AsyncClient, event_log: ListLog, database: FakeDatabase
) -> None:
    event_log.is_away = True

    answer = await erase(eraser, "user:Ann@acme.example", json={"message_id": "request-17"})

    key = database.rules.hash_key
    (request,) = database.erasures
    assert answer.status_code == 503
    assert (as_sent(request.message_id), request.requested_at) == ("request-17", NOW)
    assert set(request.digests) == {
        person_digest(name, key=key) for name in ("user:ann@acme.example", "email:ann@acme.example")
    }
    assert b"acme.example" not in repr(request).encode()


async def test_an_erasure_that_cannot_be_recorded_does_not_reach_the_log(
    eraser: httpx.AsyncClient, event_log: ListLog, database: FakeDatabase
) -> None:
    await erase(eraser, "user:first")
    database.is_away = True

    answer = await erase(eraser, "user:u")

    assert (answer.status_code, answer.json()["code"]) == (503, "erasure_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert [each.user_id for each in event_log.envelopes] == ["first"]


async def test_events_are_accepted_while_no_erasure_can_be_recorded(
    client: httpx.AsyncClient, bearer: dict[str, str], database: FakeDatabase
) -> None:
    event = {"event": "A", "user_id": "u"}
    await client.post("/v1/touchpoints", json=event, headers=bearer)
    database.is_away = True

    answer = await client.post("/v1/touchpoints", json=event, headers=bearer)

    assert answer.status_code == 202


async def test_no_page_of_another_origin_may_erase_or_read_the_answer(
    eraser: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    origin = {"Origin": "https://shop.example"}
    wanted = {**origin, "Access-Control-Request-Method": "POST"}
    path = "/v1/people/user%3Au:erase"

    answers = [
        await client.options(path, headers=wanted),
        await erase(eraser, "user:u", headers=origin),
        await erase(eraser, "nobody", headers=origin),
        await client.post(path, headers={**origin, "Authorization": "Bearer x"}),
        await client.get(path, headers=origin),
    ]

    assert [answer.status_code for answer in answers] == [204, 202, 400, 401, 405]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]
