"""What Segment's calls say of who is who."""

from typing import Any

import httpx
import pytest

from shared.keys.token import NewKey
from tests.unit.ingest.conftest import ListLog
from tests.unit.ingest.protocols.segment.test_route import basic

UUID = "01a20393-ea82-77a0-a8aa-3550a7d5018a"


@pytest.fixture
def by_basic(write_key: NewKey) -> dict[str, str]:
    return basic(write_key.token)


@pytest.mark.parametrize("path", ["/v1/alias", "/v1/a"])
@pytest.mark.parametrize(
    "previous", ["old-5", 5, UUID, "ann@acme.example", "hubspot:contact:8301"], ids=str
)
async def test_the_previous_id_of_an_alias_is_a_name_of_any_kind(
    client: httpx.AsyncClient,
    by_basic: dict[str, str],
    event_log: ListLog,
    path: str,
    previous: str | int,
) -> None:
    await client.post(path, json={"userId": "new-5", "previousId": previous}, headers=by_basic)

    [envelope] = event_log.envelopes
    assert (envelope.type, envelope.user_id, envelope.previous_id) == (
        "alias",
        "new-5",
        str(previous),
    )
    assert envelope.previous_names == []


@pytest.mark.parametrize(
    ("who", "person"),
    [({"userId": "mover"}, "user:mover"), ({"anonymousId": "d-1"}, "anonymous:d-1")],
)
async def test_each_group_call_puts_its_person_or_device_into_an_account(
    client: httpx.AsyncClient,
    by_basic: dict[str, str],
    event_log: ListLog,
    who: dict[str, str],
    person: str,
) -> None:
    calls: list[dict[str, Any]] = [
        {"type": "group", **who, "groupId": "first-gmbh", "timestamp": "2026-02-20T10:00:00Z"},
        {"type": "group", **who, "groupId": "second-gmbh", "timestamp": "2026-02-22T10:00:00Z"},
    ]

    await client.post("/v1/batch", json={"batch": calls}, headers=by_basic)

    assert [
        (each.type, each.account_id, each.person(), each.occurred_at.day)
        for each in event_log.envelopes
    ] == [
        ("group", "first-gmbh", person, 20),
        ("group", "second-gmbh", person, 22),
    ]


async def test_an_address_in_the_traits_of_an_account_is_nobodys(
    client: httpx.AsyncClient, by_basic: dict[str, str], event_log: ListLog
) -> None:
    call = {"userId": "u", "groupId": "acme", "traits": {"email": "office@acme.example"}}

    await client.post("/v1/group", json=call, headers=by_basic)

    [envelope] = event_log.envelopes
    assert (envelope.user_id, envelope.email) == ("u", None)
