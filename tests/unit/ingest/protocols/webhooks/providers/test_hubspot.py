"""What each event of HubSpot becomes; expectations are written by hand."""

from typing import Any

import pytest

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_item
from shared.sources.source import SourceKind, SourceSettings
from tests.unit.ingest.protocols.webhooks.senders import MILLISECONDS, parsed


def hubspot(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "eventId": 100,
        "subscriptionId": 12,
        "portalId": 33,
        "appId": 44,
        "occurredAt": MILLISECONDS,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "objectId": 201,
        **more,
    }


def changed(thing: str, name: str, value: str, **more: Any) -> dict[str, Any]:
    return hubspot(f"{thing}.propertyChange", propertyName=name, propertyValue=value, **more)


CONTACT = {"anonymous_id": "hubspot:contact:201", "channel": "crm"}
COMPANY = {"account_id": "hubspot:company:201", "channel": "crm"}
DEAL = {"anonymous_id": "hubspot:deal:201", "channel": "crm"}
TICKET = {"anonymous_id": "hubspot:ticket:201", "channel": "support"}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            hubspot("contact.creation"),
            [{**CONTACT, "event": "Contact Created", "properties": {"contact_id": "201"}}],
        ),
        (
            hubspot("object.creation", objectTypeId="0-2"),
            [{**COMPANY, "event": "Company Created", "properties": {"company_id": "201"}}],
        ),
        (
            hubspot("deal.deletion"),
            [{**DEAL, "event": "Deal Deleted", "properties": {"deal_id": "201"}}],
        ),
        (
            hubspot("contact.restore"),
            [{**CONTACT, "event": "Contact Restored", "properties": {"contact_id": "201"}}],
        ),
        (
            hubspot("ticket.creation"),
            [{**TICKET, "event": "Ticket Opened", "properties": {"ticket_id": "201"}}],
        ),
        (
            hubspot("contact.privacyDeletion"),
            [{**CONTACT, "event": "Erasure Requested", "type": "erase"}],
        ),
        (
            changed("contact", "lifecyclestage", "opportunity"),
            [
                {
                    **CONTACT,
                    "event": "Lifecycle Stage Changed",
                    "properties": {"stage": "opportunity", "object": "contact"},
                }
            ],
        ),
        (
            changed("company", "lifecyclestage", "customer"),
            [
                {
                    **COMPANY,
                    "event": "Lifecycle Stage Changed",
                    "properties": {"stage": "customer", "object": "company"},
                }
            ],
        ),
        (
            changed("deal", "dealstage", "contractsent"),
            [
                {
                    **DEAL,
                    "event": "Deal Stage Changed",
                    "properties": {"stage": "contractsent", "deal_id": "201"},
                }
            ],
        ),
        (
            changed("deal", "amount", "1200.50"),
            [
                {
                    **DEAL,
                    "event": "Deal Updated",
                    "properties": {"amount": "1200.50", "deal_id": "201"},
                    "value": 1200.5,
                }
            ],
        ),
        (
            changed("contact", "email", "ann@acme.example"),
            [
                {
                    **CONTACT,
                    "type": "identify",
                    "event": "Contact Updated",
                    "email": "ann@acme.example",
                    "traits": {"email": "ann@acme.example"},
                }
            ],
        ),
        (
            changed("contact", "email", ""),
            [
                {
                    **CONTACT,
                    "type": "identify",
                    "event": "Contact Updated",
                    "traits": {"email": ""},
                }
            ],
        ),
        (
            changed("company", "industry", "steel"),
            [
                {
                    **COMPANY,
                    "type": "group",
                    "event": "Company Updated",
                    "account_traits": {"industry": "steel"},
                }
            ],
        ),
        (
            changed("ticket", "hs_ticket_category", "BILLING_ISSUE"),
            [
                {
                    **TICKET,
                    "event": "Ticket Updated",
                    "properties": {"hs_ticket_category": "BILLING_ISSUE", "ticket_id": "201"},
                    "friction": "BILLING_ISSUE",
                }
            ],
        ),
        (
            changed("ticket", "closed_date", "1772364600000"),
            [{**TICKET, "event": "Ticket Solved", "properties": {"ticket_id": "201"}}],
        ),
        (
            hubspot(
                "contact.merge", primaryObjectId=201, mergedObjectIds=[7, 8], newObjectId=None
            ),
            [
                {**CONTACT, "event": "Contact Merged", "type": "alias", "previous_id": f"hubspot:contact:{n}"}
                for n in (7, 8)
            ],
        ),
        (
            hubspot("company.merge", primaryObjectId=201, mergedObjectIds=[7], newObjectId=300),
            [
                {
                    "account_id": "hubspot:company:300",
                    "channel": "crm",
                    "event": "Company Merged",
                    "type": "merge",
                    "previous_account_id": f"hubspot:company:{n}",
                }
                for n in (201, 7)
            ],
        ),
        (
            hubspot(
                "contact.associationChange",
                associationType="COMPANY_TO_CONTACT",
                fromObjectId=77,
                toObjectId=201,
                associationRemoved=False,
            ),
            [
                {
                    **CONTACT,
                    "account_id": "hubspot:company:77",
                    "event": "Contact Linked",
                    "properties": {"company_id": "77", "contact_id": "201"},
                }
            ],
        ),
        (
            hubspot(
                "deal.associationChange",
                associationType="DEAL_TO_COMPANY",
                fromObjectId=201,
                toObjectId=77,
                associationRemoved=True,
            ),
            [
                {
                    **DEAL,
                    "event": "Deal Unlinked",
                    "properties": {"deal_id": "201", "company_id": "77"},
                }
            ],
        ),
    ],
)  # fmt: skip
def test_what_hubspot_tells(item: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert parsed(SourceKind.HUBSPOT, item) == expected


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"subscriptionType": 5},
        hubspot("line_item.creation"),
        hubspot("company.privacyDeletion"),
        hubspot("contact.creation", objectId=None),
        hubspot("contact.propertyChange", propertyName=None),
        hubspot("contact.merge", mergedObjectIds="7"),
        hubspot("contact.associationChange", associationType="COMPANY_TO_COMPANY"),
        hubspot("contact.associationChange"),
        hubspot("object.creation", objectTypeId="2-1234"),
    ],
)
def test_what_hubspot_does_not_say_in_a_known_way_is_kept(item: dict[str, Any]) -> None:
    (event,) = parsed(SourceKind.HUBSPOT, item)

    assert (event["type"], event["properties"]) == ("unmapped", item)


def test_hubspots_property_with_our_account_makes_the_company_that_account() -> None:
    item = changed("company", "stageline_account", "acme")

    assert parsed(SourceKind.HUBSPOT, item, account_id_property="stageline_account")[1] == {
        "type": "merge",
        "event": "Company Merged",
        "channel": "crm",
        "account_id": "acme",
        "previous_account_id": "hubspot:company:201",
    }


def test_hubspots_retry_is_one_event_and_another_property_is_another() -> None:
    def name(**more: Any) -> str | None:
        way = DeliveryContext(kind=SourceKind.HUBSPOT, source_id="s", settings=SourceSettings())
        candidate = parse_item({**changed("contact", "email", "ann@acme.example"), **more}, way)[0]
        assert isinstance(candidate, ForeignCandidate)
        return candidate.message_id

    assert name() == name(attemptNumber=3)
    assert len({name(), name(propertyName="phone"), name(occurredAt=MILLISECONDS + 1)}) == 3
    assert "ann" not in (name() or "")
