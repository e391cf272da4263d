"""Further names of a person in a call: `context.externalIds`, and RudderStack's `merge`."""

from typing import Any

import httpx
import msgspec
import pytest

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.limits import Limits
from services.ingest.protocols.segment.parse import ParsedCalls, parse
from shared.contracts.envelope import MAX_ID_CHARS
from tests.unit.ingest.conftest import ListLog

PHONE = {"id": "+49 30 1234", "type": "phone", "collection": "users", "encoding": "none"}
HOME = {"id": "leah@home.example", "type": "email", "collection": "users", "encoding": "none"}


def candidate(**call: Any) -> ForeignCandidate:
    body = {"type": "identify", "userId": "leah", **call}
    parsed = parse(msgspec.json.encode({"batch": [body]}), None, Limits())
    assert isinstance(parsed, ParsedCalls)
    [item] = parsed.items
    assert isinstance(item, ForeignCandidate), item
    return item


def with_ids(*ids: Any, **call: Any) -> ForeignCandidate:
    return candidate(context={"externalIds": list(ids)}, **call)


@pytest.mark.parametrize(
    ("external_id", "name"),
    [
        (HOME, "email:leah@home.example"),
        ({"id": "leah-2", "type": "user_id"}, "user:leah-2"),
        (PHONE, "external:segment:phone:+49 30 1234"),
        ({"id": 17, "type": "Customer:No"}, "external:segment:customer_no:17"),
        ({"id": "1", "type": "loyalty", "encoding": None}, "external:segment:loyalty:1"),
    ],
)
def test_an_external_id_of_a_user_is_a_name_of_the_person(
    external_id: dict[str, Any], name: str
) -> None:
    sent = with_ids(external_id)

    assert (sent.type, sent.user_id, sent.previous_names) == ("identify", "leah", [name])
    assert sent.context == {"externalIds": [external_id]}


@pytest.mark.parametrize(
    "external_id",
    [
        {**PHONE, "collection": "accounts"},
        {**PHONE, "encoding": "sha256"},
        {**PHONE, "type": "ios.idfa"},
        {**PHONE, "type": "android.push_token"},
        {**PHONE, "type": "ga_client_id"},
        {**PHONE, "type": "group_id"},
        {"id": "d-1", "type": "anonymous_id"},
        {"id": "nobody", "type": "email"},
        {"id": " ", "type": "phone"},
        {"id": "x" * (MAX_ID_CHARS + 1), "type": "phone"},
        {"id": "1", "type": "t" * 51},
        {"id": True, "type": "phone"},
        {"id": {"a": 1}, "type": "phone"},
        {"id": "1", "type": None},
        {"type": "phone"},
        "phone",
        None,
    ],
    ids=str,
)
def test_any_other_external_id_stays_in_the_context_alone(external_id: Any) -> None:
    sent = with_ids(external_id)

    assert sent.previous_names is None
    assert sent.context == {"externalIds": [external_id]}


@pytest.mark.parametrize("listed", [{}, "phone", 7, None, []])
def test_external_ids_of_another_form_are_left_alone(listed: Any) -> None:
    assert candidate(context={"externalIds": listed}).previous_names is None


def test_ten_further_names_count() -> None:
    ids = [{"id": f"a{number}@x.example", "type": "email"} for number in range(30)]

    assert with_ids(*ids).previous_names == [f"email:a{number}@x.example" for number in range(10)]


def test_an_alias_has_no_further_names() -> None:
    sent = with_ids(PHONE, type="alias", previousId="old-5")

    assert (sent.previous_id, sent.previous_names) == ("old-5", None)


@pytest.mark.parametrize(
    ("call", "user", "email", "names"),
    [
        (
            {"mergeProperties": [{"type": "email", "value": "leah@home.example"}]},
            "leah",
            None,
            ["email:leah@home.example"],
        ),
        (
            {
                "mergeProperties": [
                    {"type": "mobile", "value": "+1-202"},
                    {"type": "userId", "value": "leah-2"},
                    {"type": "anonymousId", "value": "d-1"},
                ]
            },
            "leah",
            None,
            ["external:segment:mobile:+1-202", "user:leah-2", "anonymous:d-1"],
        ),
        (
            {
                "userId": None,
                "anonymousId": "d-1",
                "mergeProperties": [
                    {"type": "mobile", "value": "+1-202"},
                    {"type": "email", "value": "leah@home.example"},
                ],
            },
            None,
            "leah@home.example",
            ["external:segment:mobile:+1-202"],
        ),
        ({"mergeProperties": []}, "leah", None, []),
        ({"mergeProperties": "email"}, "leah", None, []),
        ({}, "leah", None, []),
    ],
)
def test_rudderstacks_merge_says_that_its_names_are_one_person(
    call: dict[str, Any], user: str | None, email: str | None, names: list[str]
) -> None:
    sent = candidate(type="merge", **call)

    assert (sent.type, sent.event) == ("alias", "Person Merged")
    assert (sent.user_id, sent.email, sent.previous_names) == (user, email, names)


async def test_merge_has_a_path_of_its_own(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    body = {"userId": "leah", "mergeProperties": [{"type": "email", "value": "Leah@Home.example"}]}

    answer = await client.post("/v1/merge", json=body, headers=bearer)

    assert answer.status_code == 200
    [envelope] = event_log.envelopes
    assert (envelope.type, envelope.previous_names) == ("alias", ["email:leah@home.example"])


async def test_a_junk_id_among_further_names_is_left_out_with_a_remark(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    ids = [{"id": "undefined", "type": "user_id"}, HOME]
    body = {"userId": "leah", "context": {"externalIds": ids}}

    answer = await client.post("/v1/identify", json=body, headers={**bearer, "X-Strict-Mode": "1"})

    assert answer.json()["ignored_ids"] == [
        {"index": 0, "ids": {"previous_names": "user:undefined"}}
    ]
    assert event_log.envelopes[0].previous_names == ["email:leah@home.example"]
