"""Names through HTTP: one normal form, and ids that name nobody are left out with a remark."""

import httpx
import pytest

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.events.identifiers import NameForms
from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.intake import Ingest
from shared.contracts.envelope import MAX_ID_CHARS
from shared.contracts.names import JunkNames
from shared.ids import DEFAULT_WORKSPACE
from shared.sources.hashing import person_digest
from shared.sources.source import Suppressed, WorkspaceRules
from tests.unit.ingest.conftest import FakeDatabase, ListLog

PATH = "/v1/touchpoints"


@pytest.mark.parametrize(
    ("field", "sent", "stored"),
    [
        ("event", "Demo\u00a0Requested", "Demo Requested"),
        ("event", "Vide\u0301o de\u0301mo\ufeff", "Vid\u00e9o d\u00e9mo"),
        ("user_id", "Wanda@Seehof.example", "wanda@seehof.example"),
        ("user_id", "Wanda-1", "Wanda-1"),
        ("anonymous_id", "\u200bWanda@Seehof.example", "wanda@seehof.example"),
        ("email", " Wanda@Seehof.example\u200b", "wanda@seehof.example"),
        ("account_id", "Mu\u0308ller\u00a0KG ", "M\u00fcller KG"),
        ("external_id", "hubspot:contact:8301\u2060", "hubspot:contact:8301"),
        ("account_external_id", "\ufeffhubspot:company:701", "hubspot:company:701"),
    ],
)
async def test_a_name_is_stored_in_its_normal_form(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    *,
    field: str,
    sent: str,
    stored: str,
) -> None:
    body = {"event": "A", "message_id": "m", "user_id": "u", field: sent}

    # The second is answered from the cache.
    for _ in range(2):
        answer = await client.post(PATH, json=body, headers=bearer)
        assert answer.json() == {"accepted": 1, "rejected": []}

    assert [getattr(each, field) for each in event_log.envelopes] == [stored, stored]


@pytest.mark.parametrize("junk", ["undefined", "NULL", "[object Object]", "{{user.id}}", "0000"])
@pytest.mark.parametrize(
    "field",
    ["user_id", "anonymous_id", "email", "account_id", "external_id", "account_external_id"],
)
async def test_a_junk_id_is_left_out_with_a_remark(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    ingest: Ingest,
    *,
    field: str,
    junk: str,
) -> None:
    other = "user_id" if field != "user_id" else "anonymous_id"

    answer = await client.post(
        PATH, json={"event": "A", other: "real", field: junk}, headers=bearer
    )

    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "rejected": [],
        "ignored_ids": [{"index": 0, "ids": {field: junk}}],
    }
    [envelope] = event_log.envelopes
    assert (getattr(envelope, field), getattr(envelope, other)) == (None, "real")
    assert envelope.ignored_ids == {field: junk}
    counted = ingest.metrics.registry.get_sample_value(
        "stageline_ingest_ignored_ids_total", {"field": field}
    )
    assert counted == 1


async def test_an_event_without_another_name_is_refused(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    body = {"event": "A", "user_id": "undefined", "account_id": "n/a"}

    answer = await client.post(PATH, json=body, headers=bearer)

    assert answer.status_code == 422
    [rejected] = answer.json()["rejected"]
    assert rejected["code"] == "junk_names"
    assert "undefined" in rejected["detail"]
    assert event_log.records == []


async def test_strict_mode_reports_junk_ids(
    client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    call = {"type": "track", "event": "A", "userId": "undefined", "anonymousId": "device-1"}

    answer = await client.post("/v1/track", json=call, headers=bearer | {"X-Strict-Mode": "1"})

    assert answer.status_code == 200
    assert answer.json()["ignored_ids"] == [{"index": 0, "ids": {"user_id": "undefined"}}]


async def test_a_workspace_adds_and_removes_words(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    database: FakeDatabase,
    ingest: Ingest,
) -> None:
    body = {"event": "A", "user_id": "Guest", "anonymous_id": "device", "account_id": "Test-Shop"}
    await client.post(PATH, json=body, headers=bearer)
    junk = JunkNames(added=frozenset({"test-shop"}), removed=frozenset({"guest"}))
    database.rules = WorkspaceRules(hash_key=b"of the tests", junk=junk)
    await ingest.sources.refresh()

    await client.post(PATH, json=body, headers=bearer)

    before, after = event_log.envelopes
    assert (before.user_id, before.account_id) == (None, "Test-Shop")
    assert (before.ignored_ids, before.trusted_ids) == ({"user_id": "Guest"}, [])
    assert (after.user_id, after.account_id) == ("Guest", None)
    assert (after.ignored_ids, after.trusted_ids) == ({"account_id": "Test-Shop"}, ["user_id"])


@pytest.mark.parametrize(
    ("listed", "sent"),
    [
        ("external:hubspot:contact:8301", {"external_id": "hubspot:contact:8301"}),
        ("external:hubspot:contact:8301", {"anonymous_id": "hubspot:contact:8301"}),
        ("anonymous:hubspot:contact:8301", {"external_id": "hubspot:contact:8301\u200b"}),
        ("email:wanda@seehof.example", {"user_id": "\ufeffWanda@Seehof.example"}),
        ("user:ren\u00e9", {"user_id": "rene\u0301"}),
    ],
)
async def test_suppression_sees_the_stored_form(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    database: FakeDatabase,
    *,
    listed: str,
    sent: dict[str, str],
) -> None:
    digest = person_digest(listed, key=database.rules.hash_key)
    database.suppressed.append(
        Suppressed(change=1, workspace_id=DEFAULT_WORKSPACE, digest=digest, is_lifted=False)
    )

    answer = await client.post(PATH, json={"event": "A", **sent}, headers=bearer)

    assert answer.status_code == 202
    assert event_log.records == []


def statement(**fields: object) -> ForeignCandidate:
    return ForeignCandidate(event="A", type="alias", user_id="u", **fields)  # type: ignore[arg-type]


def test_junk_among_former_names_is_left_out() -> None:
    candidate = statement(
        previous_id="null",
        previous_names=["user:undefined", "external:stripe:customer:null", "email:Ann@x.example"],
    )

    ids = NameForms().identifiers(candidate)

    assert not isinstance(ids, Refused)
    assert ids.previous_names == ["email:ann@x.example"]
    assert ids.ignored == {
        "previous_id": "null",
        "previous_names": "user:undefined, external:stripe:customer:null",
    }


def test_an_id_that_becomes_too_long_in_its_normal_form_is_refused() -> None:
    # One character that is two in its composed form.
    verdict = NameForms().identifiers(ForeignCandidate(event="A", user_id="\u0958" * MAX_ID_CHARS))

    assert isinstance(verdict, Refused)
    assert verdict.code is RefusalCode.INVALID_USER_ID


def test_a_cache_of_names_is_bounded() -> None:
    forms = NameForms()

    for number in range(25_000):
        forms.users[f"user-{number}"]

    assert len(forms.users) <= 10_000
