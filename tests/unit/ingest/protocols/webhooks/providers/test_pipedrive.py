"""What each event of Pipedrive becomes; expectations are written by hand."""

from typing import Any

import pytest

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_item
from shared.sources.source import SourceKind, SourceSettings
from tests.unit.ingest.protocols.webhooks.providers.payloads import pipedrive
from tests.unit.ingest.protocols.webhooks.senders import AT, MILLISECONDS, parsed

DEAL_9 = {
    "stage_id": 3,
    "status": "open",
    "value": 900,
    "currency": "EUR",
    "title": "Big",
    "org_id": 4,
    "person_id": 5,
}
WHO_9 = {
    "external_id": "pipedrive:deal:9",
    "account_external_id": "pipedrive:organization:4",
    "channel": "crm",
}
FACTS_9 = {"deal_id": "9", "stage": "3", "status": "open", "currency": "EUR", "title": "Big"}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            pipedrive("change", "deal", DEAL_9, {"stage_id": 2}),
            [
                {
                    **WHO_9,
                    "event": "Deal Stage Changed",
                    "value": 900.0,
                    "properties": {**FACTS_9, "previous": "2"},
                }
            ],
        ),
        (
            pipedrive(
                "change",
                "deal",
                {**DEAL_9, "status": "lost", "lost_reason": "price"},
                {"stage_id": 2, "status": "open"},
            ),
            [
                {
                    **WHO_9,
                    "event": "Deal Stage Changed",
                    "value": 900.0,
                    "properties": {**FACTS_9, "status": "lost", "previous": "2"},
                },
                {
                    **WHO_9,
                    "event": "Deal Lost",
                    "value": 900.0,
                    "friction": "price",
                    "properties": {**FACTS_9, "status": "lost"},
                },
            ],
        ),
        (
            pipedrive("create", "deal", {"title": "Lone", "stage_id": 1}),
            [
                {
                    "external_id": "pipedrive:deal:9",
                    "channel": "crm",
                    "event": "Deal Created",
                    "properties": {"deal_id": "9", "stage": "1", "title": "Lone"},
                }
            ],
        ),
        (
            pipedrive("delete", "deal", None, DEAL_9),
            [
                {
                    **WHO_9,
                    "event": "Deal Deleted",
                    "value": 900.0,
                    "properties": FACTS_9,
                    "is_about_record": True,
                }
            ],
        ),
        (
            pipedrive(
                "create",
                "person",
                {
                    "name": "Ann",
                    "org_id": 4,
                    "emails": [
                        {"value": "old@acme.example", "primary": False},
                        {"value": "ann@acme.example", "primary": True},
                    ],
                },
            ),
            [
                {
                    "type": "identify",
                    "event": "Contact Created",
                    "channel": "crm",
                    "external_id": "pipedrive:person:9",
                    "account_external_id": "pipedrive:organization:4",
                    "email": "ann@acme.example",
                    "previous_names": ["email:old@acme.example"],
                    "traits": {"name": "Ann"},
                }
            ],
        ),
        (
            pipedrive("delete", "organization", None, {"name": "Acme"}),
            [
                {
                    "type": "group",
                    "event": "Company Deleted",
                    "channel": "crm",
                    "account_external_id": "pipedrive:organization:9",
                    "account_traits": {"name": "Acme"},
                    "is_about_record": True,
                }
            ],
        ),
        (
            pipedrive("change", "activity", {"type": "call", "done": True, "org_id": 4}, {"done": False}),
            [
                {
                    "event": "Call Logged",
                    "channel": "phone",
                    "external_id": "pipedrive:activity:9",
                    "account_external_id": "pipedrive:organization:4",
                    "properties": {"activity_id": "9", "type": "call"},
                }
            ],
        ),
        (
            pipedrive("create", "note", {"content": "Wants more", "person_id": 5}),
            [
                {
                    "event": "Note Logged",
                    "channel": "crm",
                    "external_id": "pipedrive:person:5",
                    "thought": "Wants more",
                }
            ],
        ),
    ],
)  # fmt: skip
def test_what_pipedrive_tells(item: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert parsed(SourceKind.PIPEDRIVE, item) == expected


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        (
            "person",
            {
                "type": "alias",
                "event": "Contact Merged",
                "external_id": "pipedrive:person:12",
                "previous_names": ["external:pipedrive:person:9"],
            },
        ),
        (
            "organization",
            {
                "type": "merge",
                "event": "Company Merged",
                "account_external_id": "pipedrive:organization:12",
                "previous_account_id": "pipedrive:organization:9",
            },
        ),
        (
            "deal",
            {
                "type": "alias",
                "event": "Deal Merged",
                "external_id": "pipedrive:deal:12",
                "previous_names": ["external:pipedrive:deal:9"],
            },
        ),
    ],
)
def test_what_pipedrive_deletes_in_a_merge_goes_into_the_other(
    entity: str, expected: dict[str, Any]
) -> None:
    item = pipedrive("delete", entity, None, {"name": "Acme"})
    item["meta"]["merged_to_id"] = "12"

    assert parsed(SourceKind.PIPEDRIVE, item) == [{**expected, "channel": "crm"}]


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        (SourceKind.PIPEDRIVE, pipedrive("create", "person", {})),
        (
            SourceKind.HUBSPOT,
            {
                "eventId": 1,
                "objectId": 2,
                "occurredAt": MILLISECONDS,
                "subscriptionType": "deal.creation",
            },
        ),
        (
            SourceKind.STRIPE,
            {
                "id": "evt_1",
                "type": "customer.created",
                "created": MILLISECONDS // 1000,
                "data": {"object": {"object": "customer", "id": "cus_1"}},
            },
        ),
    ],
)
def test_it_happened_when_the_provider_says(kind: SourceKind, item: dict[str, Any]) -> None:
    way = DeliveryContext(kind=kind, source_id="s", settings=SourceSettings())

    (candidate,) = parse_item(item, way)

    assert isinstance(candidate, ForeignCandidate)
    assert candidate.occurred_at == AT
