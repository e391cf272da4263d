"""Nothing that a provider delivered is lost: what cannot be applied as it is waits for a mapping."""

from typing import Any

import httpx
import pytest

from services.ingest.events.candidate import ForeignCandidate, ForeignItem
from services.ingest.protocols.webhooks.parse import (
    DeliveryContext,
    parse_dead_letter,
    parse_item,
)
from shared.sources.mapping import compile_mapping
from shared.sources.source import SourceKind, SourceSettings
from tests.unit.ingest.conftest import FakeDatabase, ListLog
from tests.unit.ingest.protocols.webhooks.deliveries import CREATED, made, post

ANN = {"event": "X", "email": {"value": "ann@acme.example"}}
LONG_COMMENT = {
    "id": "evt_1",
    "type": "customer.subscription.deleted",
    "data": {
        "object": {
            "object": "subscription",
            "customer": "cus_1",
            "cancellation_details": {"comment": "too slow " * 1_000},
        }
    },
}
RESERVED_NAME = {
    "attributes": {"type": "Account"},
    "Id": "001000000000001AAA",
    "Ours": "user:1",
}


@pytest.mark.parametrize(
    ("kind", "item", "rule"),
    [
        # What we would have said of it is refused: by its form, its meaning, its size.
        (SourceKind.STRIPE, LONG_COMMENT, None),
        (SourceKind.GENERIC, {"n": 11}, {**ANN, "survey": {"value": "nps"}, "score": "n"}),
        (SourceKind.GENERIC, {"n": "x" * 40_000}, {**ANN, "properties": "@"}),
        # One of two things that it becomes is.
        (SourceKind.SALESFORCE, RESERVED_NAME, None),
        # No mapping reads it, and it is larger than an event may be.
        (SourceKind.GENERIC, {"kind": "new", "text": "x" * 400_000}, None),
    ],
)
async def test_what_would_be_refused_is_kept_whole_to_be_mapped(
    *, client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog,
    kind: SourceKind, item: dict[str, Any], rule: dict[str, Any] | None,
) -> None:  # fmt: skip
    more = {"mapping": {"rules": [rule]}} if rule else {}
    of = made(database, kind, account_id_property="Ours", **more)

    answer = await post(client, of, item)

    assert answer.json() == {"accepted": 1, "unmapped": 1, "rejected": []}
    (kept,) = event_log.envelopes
    assert (kept.type, kept.properties) == ("unmapped", item)


async def test_a_large_delivery_is_accepted_for_its_sender_would_not_divide_it(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    of = made(database, SourceKind.GENERIC, mapping={"rules": [{"event": "X", "email": "from"}]})
    items = [{"from": f"{number}@acme.example", "text": "x" * 20_000} for number in range(100)]

    answer = await post(client, of, items)

    assert answer.json() == {"accepted": 100, "unmapped": 0, "rejected": []}
    assert len(event_log.records) == 100


async def test_a_body_without_the_items_of_the_mapping_is_kept_whole(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    mapping = {"items": "data.events", "rules": [{"event": "X", "email": "from"}]}
    of = made(database, SourceKind.GENERIC, mapping=mapping)
    other = {"Data": {"events": [{"from": "ann@acme.example"}]}}

    answer = await post(client, of, other)

    assert answer.json() == {"accepted": 1, "unmapped": 1, "rejected": []}
    assert [kept.properties for kept in event_log.envelopes] == [other]


def test_a_body_that_waited_whole_is_read_by_its_items_once_they_are_known() -> None:
    rules = [{"event": "X", "email": "from", "message_id": "id"}]
    mapping = compile_mapping({"items": "events", "rules": rules})
    way = DeliveryContext(
        kind=SourceKind.GENERIC, source_id="src-1", settings=SourceSettings(), mapping=mapping
    )
    body = {"events": [{"id": number, "from": "ann@acme.example"} for number in (1, 2)]}

    whole = [*map(message_id, parse_dead_letter(body, way, name="generic:whole"))]
    one = [*map(message_id, parse_dead_letter(body["events"][0], way, name="generic:1"))]

    assert (whole, one) == (["generic:src-1:1", "generic:src-1:2"], ["generic:src-1:1"])


def message_id(item: ForeignItem) -> str | None:
    assert isinstance(item, ForeignCandidate)
    return item.message_id


@pytest.mark.parametrize("zero", [-62135596800000, 0], ids=["the year 1", "1970"])
def test_a_zero_date_of_a_provider_does_not_cost_an_erasure(zero: int) -> None:
    gone = {**CREATED, "subscriptionType": "contact.privacyDeletion", "occurredAt": zero}

    (item,) = parse_item(
        gone, DeliveryContext(kind=SourceKind.HUBSPOT, source_id="src-1", settings=SourceSettings())
    )

    assert isinstance(item, ForeignCandidate)
    assert (item.type, item.occurred_at) == ("erase", None)
