"""A secret in the address of a webhook does not suffice to erase a person."""

from urllib.parse import quote

import httpx
import pytest

from services.ingest.intake import Ingest
from shared.sources.source import SourceKind
from tests.unit.ingest.conftest import FakeDatabase, ListLog
from tests.unit.ingest.protocols.webhooks.deliveries import made, with_public_address
from tests.unit.ingest.protocols.webhooks.senders import SHARED_SECRET, path

MAPPING = {
    "rules": [
        {"when": "act == 'forget'", "event": "Erasure Requested", "type": "erase", "email": "who"},
        {"event": "Ticket Opened", "email": "who"},
    ]
}
BODY = [{"act": "forget", "who": "ann@acme.example"}, {"act": "open", "who": "bo@acme.example"}]
IN_ADDRESS = f"?secret={quote(SHARED_SECRET)}"
IN_HEADER = {"X-Stageline-Secret": SHARED_SECRET}


@pytest.fixture
def ingest(ingest: Ingest) -> Ingest:
    return with_public_address(ingest)


@pytest.mark.parametrize("kind", [SourceKind.GENERIC, SourceKind.SALESFORCE])
async def test_an_erasure_is_refused_and_not_kept_while_the_rest_is_stored(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, kind: SourceKind
) -> None:
    of = made(database, kind, mapping=MAPPING)

    answer = await client.post(path(of) + IN_ADDRESS, json=BODY)

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1
    assert answer.json()["unmapped"] == 0
    assert [(each["index"], each["code"]) for each in answer.json()["rejected"]] == [
        (0, "erasure_by_address")
    ]
    assert [(each.type, each.email) for each in event_log.envelopes] == [
        ("track", "bo@acme.example")
    ]


async def test_the_same_secret_in_a_header_erases_whatever_the_address_says(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    of = made(database, SourceKind.GENERIC, mapping=MAPPING)

    answer = await client.post(path(of) + IN_ADDRESS, headers=IN_HEADER, json=BODY)

    assert answer.json()["rejected"] == []
    assert [each.type for each in event_log.envelopes] == ["erase", "track"]


async def test_a_wrong_secret_in_a_header_does_not_make_the_address_count_for_more(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    of = made(database, SourceKind.GENERIC, mapping=MAPPING)

    answer = await client.post(
        path(of) + IN_ADDRESS, headers={"X-Stageline-Secret": "wrong"}, json=BODY[:1]
    )

    assert [each["code"] for each in answer.json()["rejected"]] == ["erasure_by_address"]
    assert event_log.envelopes == []
