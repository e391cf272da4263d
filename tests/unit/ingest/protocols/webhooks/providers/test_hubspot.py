"""What each event of HubSpot becomes; expectations are written by hand."""

from typing import Any

import pytest

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_item
from shared.sources.source import SourceKind, SourceSettings
from tests.unit.ingest.protocols.webhooks.providers.payloads import changed, hubspot
from tests.unit.ingest.protocols.webhooks.senders import MILLISECONDS, parsed

CONTACT = {"external_id": "hubspot:contact:201", "channel": "crm"}
COMPANY = {"account_external_id": "hubspot:company:201", "channel": "crm"}
DEAL = {"external_id": "hubspot:deal:201", "channel": "crm"}
TICKET = {"external_id": "hubspot:ticket:201", "channel": "support"}


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
            [
                {
                    **DEAL,
                    "event": "Deal Deleted",
                    "properties": {"deal_id": "201"},
                    "is_about_record": True,
                }
            ],
        ),
        (
            hubspot("company.deletion"),
            [
                {
                    **COMPANY,
                    "event": "Company Deleted",
                    "properties": {"company_id": "201"},
                    "is_about_record": True,
                }
            ],
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


def test_hubspots_retry_is_one_event_and_another_property_is_another() -> None:
    def name(**more: Any) -> str | None:
        way = DeliveryContext(kind=SourceKind.HUBSPOT, source_id="s", settings=SourceSettings())
        candidate = parse_item({**changed("contact", "email", "ann@acme.example"), **more}, way)[0]
        assert isinstance(candidate, ForeignCandidate)
        return candidate.message_id

    assert name() == name(attemptNumber=3)
    assert len({name(), name(propertyName="phone"), name(occurredAt=MILLISECONDS + 1)}) == 3
    assert "ann" not in (name() or "")
