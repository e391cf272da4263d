"""What each event of Salesforce becomes; expectations are written by hand."""

from typing import Any

import pytest

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.limits import Limits
from services.ingest.protocols.webhooks.parse import (
    FOREIGN_ORGANIZATION,
    NOT_SOAP,
    Delivery,
    DeliveryContext,
    parse,
)
from services.ingest.protocols.webhooks.providers import salesforce
from shared.sources.source import SourceKind, SourceSettings
from tests.unit.ingest.protocols.webhooks.providers.payloads import change, record
from tests.unit.ingest.protocols.webhooks.senders import AT, parsed

ACCOUNT_ID, CONTACT_ID = "001000000000001AAA", "003000000000002AAA"
DEAL_ID, CASE_ID, LEAD_ID = "006000000000003AAA", "500000000000004AAA", "00Q000000000005EAA"


OF_DEAL = {
    "external_id": f"salesforce:opportunity:{DEAL_ID}",
    "account_external_id": f"salesforce:account:{ACCOUNT_ID}",
    "channel": "crm",
}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            record("Opportunity", DEAL_ID, StageName="Proposal", Amount=900, AccountId=ACCOUNT_ID),
            [
                {
                    **OF_DEAL,
                    "event": "Deal Stage Changed",
                    "value": 900.0,
                    "properties": {"deal_id": DEAL_ID, "stage": "Proposal"},
                }
            ],
        ),
        (
            change("Opportunity", DEAL_ID, "UPDATE", StageName="Closed Won", IsWon=True, IsClosed=True),
            [
                {
                    "external_id": f"salesforce:opportunity:{DEAL_ID}",
                    "channel": "crm",
                    "event": event,
                    "properties": {"deal_id": DEAL_ID, "stage": "Closed Won"},
                }
                for event in ("Deal Stage Changed", "Deal Won")
            ],
        ),
        (
            {"version": "0", "detail": change("Contact", CONTACT_ID, "DELETE")},
            [
                {
                    "type": "identify",
                    "event": "Contact Deleted",
                    "channel": "crm",
                    "external_id": f"salesforce:contact:{CONTACT_ID}",
                    "traits": {},
                    "is_about_record": True,
                }
            ],
        ),
        (
            record("Account", ACCOUNT_ID[:15], Ours__c="acme"),
            [
                {
                    "type": "group",
                    "event": "Company Updated",
                    "channel": "crm",
                    "account_external_id": f"salesforce:account:{ACCOUNT_ID}",
                    "account_id": "acme",
                    "account_traits": {
                        "LastModifiedDate": "2026-03-01T11:30:00.000+0000",
                        "Ours__c": "acme",
                    },
                }
            ],
        ),
        (
            record("Contact", CONTACT_ID, MasterRecordId="003000000000009AAA"),
            [
                {
                    "type": "alias",
                    "event": "Contact Merged",
                    "channel": "crm",
                    "external_id": "salesforce:contact:003000000000009AAA",
                    "previous_names": [f"external:salesforce:contact:{CONTACT_ID}"],
                }
            ],
        ),
        (
            record(
                "Lead",
                LEAD_ID,
                Email="ann@acme.example",
                ConvertedContactId=CONTACT_ID,
                ConvertedAccountId=ACCOUNT_ID,
            ),
            [
                {
                    "type": "alias",
                    "event": "Lead Converted",
                    "channel": "crm",
                    "external_id": f"salesforce:contact:{CONTACT_ID}",
                    "previous_names": [f"external:salesforce:lead:{LEAD_ID}"],
                    "account_external_id": f"salesforce:account:{ACCOUNT_ID}",
                    "email": "ann@acme.example",
                }
            ],
        ),
        (
            record("Case", CASE_ID, Status="Closed", ContactId=CONTACT_ID, Reason="Slow pages"),
            [
                {
                    "event": "Ticket Solved",
                    "channel": "support",
                    "external_id": f"salesforce:contact:{CONTACT_ID}",
                    "friction": "Slow pages",
                    "properties": {"ticket_id": CASE_ID, "status": "Closed"},
                }
            ],
        ),
    ],
)  # fmt: skip
def test_what_salesforce_tells(item: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert parsed(SourceKind.SALESFORCE, item, account_id_property="Ours__c") == expected


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("003D000000QOMqg", "003D000000QOMqgIAH"),
        ("001000000000001", "001000000000001AAA"),
        ("001000000000001ZZZ", "001000000000001AAA"),
        ("001", None),
        ("00100000000000é", None),
        (5, None),
    ],
)
def test_an_id_has_one_form(short: object, long: str | None) -> None:
    assert salesforce.record_id(short) == long


SOAP = b"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00D000000000001EAA</OrganizationId>
   <ActionId>04k000000000001AAA</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://example.my.salesforce.com/services/Soap/c/60.0</EnterpriseUrl>
   <PartnerUrl>https://example.my.salesforce.com/services/Soap/u/60.0</PartnerUrl>
   <Notification>
    <Id>04l000000000001AAA</Id>
    <sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>006000000000003AAA</sf:Id>
     <sf:AccountId>001000000000001AAA</sf:AccountId>
     <sf:Amount>900.0</sf:Amount>
     <sf:IsWon>true</sf:IsWon>
     <sf:Name>Acme &amp; Sons</sf:Name>
     <sf:NextStep xsi:nil="true"/>
     <sf:StageName>Closed Won</sf:StageName>
     <sf:SystemModstamp>2026-03-01T11:30:00.000Z</sf:SystemModstamp>
    </sObject>
   </Notification>
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>"""


def delivered(body: bytes, **settings: Any) -> object:
    way = DeliveryContext(
        kind=SourceKind.SALESFORCE, source_id="s", settings=SourceSettings(**settings)
    )
    return parse(body, way, Limits())


def test_an_outbound_message_is_read() -> None:
    delivery = delivered(SOAP, salesforce_organizations=("00D000000000001",))

    assert isinstance(delivery, Delivery)
    assert delivery.is_soap
    (items,) = delivery.items
    assert all(isinstance(each, ForeignCandidate) for each in items)
    assert [
        (each.event, each.message_id, each.account_external_id, each.value, each.occurred_at)
        for each in items
        if isinstance(each, ForeignCandidate)
    ] == [
        (
            "Deal Stage Changed",
            "salesforce:04l000000000001AAA",
            OF_DEAL["account_external_id"],
            900.0,
            AT,
        ),
        (
            "Deal Won",
            "salesforce:04l000000000001AAA:closed",
            OF_DEAL["account_external_id"],
            900.0,
            AT,
        ),
    ]


def test_a_message_of_another_organization_is_declined() -> None:
    delivery = delivered(SOAP, salesforce_organizations=("00D000000000002EAA",))

    assert delivery == FOREIGN_ORGANIZATION


ENTITY = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>'
LAUGHS = b"<!DOCTYPE x [<!ENTITY a0 'ha'>%b]>" % b"".join(
    b"<!ENTITY a%d '%b'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)
)
OUTSIDE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
NAMED = b"<sf:Name>Acme &amp; Sons</sf:Name>"


@pytest.mark.parametrize(
    "body",
    [
        b"<",
        b"<a/>",
        b"<a>" * 100_000,
        b"<a>" * 50_000 + b"</a>" * 50_000,
        SOAP[:-10],
        SOAP.replace(b"UTF-8", b"UTF-7"),
        SOAP.replace(b"UTF-8", b"nonsense"),
        SOAP.replace(b"2005/09/outbound", b"2005/09/elsewhere"),
        SOAP.replace(b"Acme", b"\x00"),
        SOAP.replace(b"Acme", b"&#xD800;"),
        SOAP.replace(b"Acme", b"\xff"),
        SOAP.replace(b"<soapenv:Envelope", ENTITY + b"<soapenv:Envelope"),
        SOAP.replace(b"<soapenv:Envelope", LAUGHS + b"<soapenv:Envelope").replace(b"Acme", b"&a9;"),
        SOAP.replace(b"<soapenv:Envelope", OUTSIDE + b"<soapenv:Envelope").replace(b"Acme", b"&a;"),
        SOAP.replace(b"<soapenv:Envelope", b"<!DOCTYPE x><soapenv:Envelope"),
        SOAP.replace(
            b"<soapenv:Envelope", b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x"><soapenv:Envelope'
        ),
        SOAP.replace(NAMED, NAMED * 1_001),
        SOAP.replace(NAMED, b"<sf:A>" * 40 + b"</sf:A>" * 40),
    ],
)
def test_hostile_xml_is_refused_before_anything_of_it_is_followed(body: bytes) -> None:
    assert delivered(body) == NOT_SOAP
