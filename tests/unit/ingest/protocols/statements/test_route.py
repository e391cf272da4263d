"""Operators' statements: events with author and reason, by a scope of their own."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from shared.contracts.message_ids import as_sent
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import Scope
from shared.keys.token import KeyKind
from shared.sources.hashing import person_digest
from shared.sources.source import Suppressed
from tests.unit.ingest.conftest import FakeDatabase, ListLog


@pytest.fixture
def operator(client: httpx.AsyncClient, database: FakeDatabase) -> httpx.AsyncClient:
    """Comes with a key that may state who is who."""
    key = database.put(KeyKind.SECRET, frozenset({Scope.IDENTITY_WRITE}))
    client.headers["Authorization"] = f"Bearer {key.token}"
    return client


async def state(
    client: httpx.AsyncClient, subject: str, verb: str, body: Any, *, of: str = "people"
) -> httpx.Response:
    return await client.post(f"/v1/{of}/{quote(subject, safe='')}:{verb}", json=body)


@pytest.mark.parametrize(
    ("person", "field", "value"),
    [
        ("user:jonas-1", "user_id", "jonas-1"),
        ("external:hubspot:contact:8301", "external_id", "hubspot:contact:8301"),
        ("anonymous:hubspot:contact:8301", "external_id", "hubspot:contact:8301"),
        ("email:Jonas@Acme.example", "email", "jonas@acme.example"),
        ("user:Jonas@Acme.example", "email", "jonas@acme.example"),
        ("external:stripe:customer:cus/4", "external_id", "stripe:customer:cus/4"),
    ],
)
@pytest.mark.parametrize(
    ("verb", "member", "kind", "event"),
    [
        ("merge", "with", "alias", "Person Merged"),
        ("unmerge", "from", "unmerge", "Person Unmerged"),
    ],
)
async def test_a_statement_about_people_goes_into_the_log(
    operator: httpx.AsyncClient,
    event_log: ListLog,
    database: FakeDatabase,
    *,
    person: str,
    field: str,
    value: str,
    verb: str,
    member: str,
    kind: str,
    event: str,
) -> None:
    body = {member: "user:\u200bAnn@x.example", "reason": " by phone ", "message_id": "case-17"}

    answer = await state(operator, person, verb, body)

    assert (answer.status_code, answer.json()) == (202, {"message_id": "case-17"})
    [envelope] = event_log.envelopes
    assert (envelope.type, envelope.event) == (kind, event)
    assert as_sent(envelope.message_id) == "case-17" != envelope.message_id
    assert getattr(envelope, field) == value
    assert envelope.previous_names == ["email:ann@x.example"]
    assert (envelope.reason, envelope.logged_by) == (
        "by phone",
        f"key {database.keys[-1].key_id}",
    )


async def test_a_device_is_merged_from_now_on_and_never_unmerged(
    operator: httpx.AsyncClient, event_log: ListLog
) -> None:
    said = {"reason": "at the fair"}

    merged = await state(operator, "anonymous:d", "merge", {**said, "with": "user:ann"})
    unmerged = [
        await state(operator, "anonymous:d", "unmerge", {**said, "from": "user:ann"}),
        await state(operator, "user:ann", "unmerge", {**said, "from": "anonymous:d"}),
    ]

    assert merged.status_code == 202
    [envelope] = event_log.envelopes
    assert (envelope.anonymous_id, envelope.previous_names) == ("d", ["user:ann"])
    assert [each.status_code for each in unmerged] == [422, 422]
    assert {each.json()["code"] for each in unmerged} == {"kinds_differ"}


@pytest.mark.parametrize(
    ("verb", "member", "event"),
    [("merge", "with", "Account Merged"), ("unmerge", "from", "Account Unmerged")],
)
async def test_a_statement_about_accounts_goes_into_the_log(
    operator: httpx.AsyncClient, event_log: ListLog, verb: str, member: str, event: str
) -> None:
    body = {member: "acme-old\u00a0", "reason": "bought"}

    answer = await state(operator, "acme/1", verb, body, of="accounts")

    [envelope] = event_log.envelopes
    assert answer.json() == {"message_id": as_sent(envelope.message_id)}
    assert (envelope.type, envelope.event) == (verb, event)
    assert (envelope.account_id, envelope.previous_account_id) == ("acme/1", "acme-old")


MERGE = {"with": "user:b", "reason": "r"}


@pytest.mark.parametrize(
    ("of", "subject", "body", "wanted"),
    [
        ("people", "acme", MERGE, (400, "invalid_person")),
        ("people", "user: ", MERGE, (400, "invalid_person")),
        ("people", "email:ann", MERGE, (400, "invalid_person")),
        ("people", "user:a", {**MERGE, "with": "b"}, (422, "invalid_name")),
        ("people", "user:a", {**MERGE, "with": "person:b"}, (422, "invalid_name")),
        ("people", "user:a", {**MERGE, "with": "email:b"}, (422, "invalid_name")),
        ("people", "user:b", MERGE, (422, "same_subject")),
        (
            "people",
            "user:B@x.example",
            {**MERGE, "with": "email:b@x.example"},
            (422, "same_subject"),
        ),
        ("people", "external:hubspot:deal:501", MERGE, (422, "kinds_differ")),
        ("people", "user:a", {**MERGE, "with": "external:hubspot:ticket:1"}, (422, "kinds_differ")),
        ("people", "anonymous:a", {**MERGE, "with": "anonymous:b"}, (422, "kinds_differ")),
        ("people", "user:undefined", MERGE, (422, "junk_name")),
        ("people", "user:a", {**MERGE, "with": "user:NULL"}, (422, "junk_name")),
        ("people", "user:a", {"with": "user:b"}, (422, "invalid_body")),
        ("people", "user:a", {"with": "user:b", "reason": " "}, (422, "invalid_body")),
        ("people", "user:a", {**MERGE, "message_id": ""}, (422, "invalid_body")),
        ("people", "user:a", {**MERGE, "more": 1}, (422, "invalid_body")),
        ("people", "user:a", [], (422, "invalid_body")),
        ("people", "user:a", {**MERGE, "reason": "a\x00"}, (422, "invalid_body")),
        ("accounts", "user:a", {**MERGE, "with": "b"}, (400, "invalid_account")),
        ("accounts", " ", {**MERGE, "with": "b"}, (400, "invalid_account")),
        ("accounts", "a", {**MERGE, "with": "email:b@x.example"}, (422, "invalid_name")),
        ("accounts", "a", {**MERGE, "with": "a "}, (422, "same_subject")),
        ("accounts", "n/a", {**MERGE, "with": "a"}, (422, "junk_name")),
        ("accounts", "a", {**MERGE, "with": "null"}, (422, "junk_name")),
    ],
)
async def test_a_statement_that_means_nothing_is_refused(
    operator: httpx.AsyncClient,
    event_log: ListLog,
    *,
    of: str,
    subject: str,
    body: Any,
    wanted: tuple[int, str],
) -> None:
    answer = await state(operator, subject, "merge", body, of=of)

    assert (answer.status_code, answer.json()["code"]) == wanted
    assert event_log.records == []


@pytest.mark.parametrize("suppressed", ["user:a", "user:b"])
@pytest.mark.parametrize("verb", ["merge", "unmerge"])
async def test_a_suppressed_person_is_merged_with_no_other(
    operator: httpx.AsyncClient,
    event_log: ListLog,
    database: FakeDatabase,
    suppressed: str,
    verb: str,
) -> None:
    digest = person_digest(suppressed, key=database.rules.hash_key)
    database.suppressed.append(
        Suppressed(change=1, workspace_id=DEFAULT_WORKSPACE, digest=digest, is_lifted=False)
    )
    member = "with" if verb == "merge" else "from"

    answer = await state(operator, "user:a", verb, {member: "user:b", "reason": "r"})

    assert (answer.status_code, answer.json()["code"]) == (409, "person_suppressed")
    assert event_log.records == []


@pytest.mark.parametrize("verb", ["merge", "unmerge"])
@pytest.mark.parametrize("of", ["people", "accounts"])
@pytest.mark.parametrize(
    ("kind", "scopes"),
    [
        (KeyKind.WRITE, None),
        (KeyKind.WRITE, frozenset({Scope.IDENTITY_WRITE})),
        (KeyKind.SECRET, frozenset(Scope) - {Scope.IDENTITY_WRITE}),
    ],
)
async def test_only_a_secret_key_with_the_scope_may_state_who_is_who(
    client: httpx.AsyncClient,
    database: FakeDatabase,
    event_log: ListLog,
    *,
    of: str,
    verb: str,
    kind: KeyKind,
    scopes: frozenset[Scope] | None,
) -> None:
    client.headers["Authorization"] = f"Bearer {database.put(kind, scopes).token}"

    answer = await state(client, "user:a", verb, MERGE, of=of)

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert event_log.records == []
