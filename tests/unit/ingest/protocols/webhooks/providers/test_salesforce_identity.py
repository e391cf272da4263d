"""What Salesforce says of who is who: merges, the account of a record, corrections."""

from typing import Any

import pytest

from shared.sources.source import SourceKind
from tests.unit.ingest.protocols.webhooks.providers.payloads import change, record
from tests.unit.ingest.protocols.webhooks.senders import parsed

ACCOUNT_ID, CONTACT_ID = "001000000000001AAA", "003000000000002AAA"
DEAL_ID, CASE_ID, LEAD_ID = "006000000000003AAA", "500000000000004AAA", "00Q000000000005EAA"
OTHER_ID = "003000000000009AAA"
ACCOUNT = f"salesforce:account:{ACCOUNT_ID}"
CONTACT = f"salesforce:contact:{CONTACT_ID}"


def names_of(item: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Names in the first event of an item."""
    event = parsed(SourceKind.SALESFORCE, item, **settings)[0]
    names = ("external_id", "account_external_id", "account_id", "email")
    return {name: event[name] for name in names if name in event}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            record("Contact", CONTACT_ID, Email="ann@acme.example", AccountId=ACCOUNT_ID),
            {"external_id": CONTACT, "email": "ann@acme.example", "account_external_id": ACCOUNT},
        ),
        (
            record("Lead", LEAD_ID, Email="ann@acme.example"),
            {"external_id": f"salesforce:lead:{LEAD_ID}", "email": "ann@acme.example"},
        ),
        (
            record("Opportunity", DEAL_ID, AccountId=ACCOUNT_ID, Email="ann@acme.example"),
            {"external_id": f"salesforce:opportunity:{DEAL_ID}", "account_external_id": ACCOUNT},
        ),
        (
            record("Case", CASE_ID, AccountId=ACCOUNT_ID, ContactId=CONTACT_ID),
            {"external_id": f"salesforce:case:{CASE_ID}", "account_external_id": ACCOUNT},
        ),
        (record("Case", CASE_ID, ContactId=CONTACT_ID), {"external_id": CONTACT}),
        (record("Case", CASE_ID), {"external_id": f"salesforce:case:{CASE_ID}"}),
        (
            record("Task", "00T000000000006AAA", WhoId=CONTACT_ID, AccountId=ACCOUNT_ID),
            {"external_id": CONTACT, "account_external_id": ACCOUNT},
        ),
        (
            record("Event", "00U000000000006AAA", WhoId=LEAD_ID),
            {"external_id": f"salesforce:lead:{LEAD_ID}"},
        ),
        (record("Account", ACCOUNT_ID), {"account_external_id": ACCOUNT}),
    ],
)
def test_a_record_names_itself_and_its_account(
    item: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert names_of(item) == expected


@pytest.mark.parametrize("account_id", ["eiche-ag", "birke-ag", "n/a"])
def test_the_account_id_of_an_account_says_which_account_its_record_is(account_id: str) -> None:
    item = record("Account", ACCOUNT_ID, Ours__c=account_id)

    events = parsed(SourceKind.SALESFORCE, item, account_id_property="Ours__c")

    assert [
        (each["event"], each["account_external_id"], each["account_id"]) for each in events
    ] == [("Company Updated", ACCOUNT, account_id)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Ours__c": "acme", "AccountId": ACCOUNT_ID}, {"account_id": "acme"}),
        ({"Ours__c": "n/a", "AccountId": ACCOUNT_ID}, {"account_external_id": ACCOUNT}),
        ({"Ours__c": "n/a"}, {"account_id": "n/a"}),
        ({"Ours__c": " "}, {}),
    ],
)
def test_a_contacts_own_account_id_says_nothing_about_the_record_of_its_account(
    fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    named = names_of(record("Contact", CONTACT_ID, **fields), account_id_property="Ours__c")

    assert named == {"external_id": CONTACT, **expected}


@pytest.mark.parametrize(
    ("kind", "number", "name"),
    [
        ("Contact", CONTACT_ID, "external_id"),
        ("Lead", LEAD_ID, "external_id"),
        ("Opportunity", DEAL_ID, "external_id"),
        ("Case", CASE_ID, "external_id"),
        ("Account", ACCOUNT_ID, "account_external_id"),
    ],
)
def test_a_deletion_is_about_the_record_alone(kind: str, number: str, name: str) -> None:
    (event,) = parsed(SourceKind.SALESFORCE, change(kind, number, "DELETE"))

    assert event[name].endswith(number)
    assert event["is_about_record"] is True


def test_the_deletion_of_a_contacts_case_is_an_event_of_the_contact() -> None:
    (event,) = parsed(
        SourceKind.SALESFORCE, change("Case", CASE_ID, "DELETE", ContactId=CONTACT_ID)
    )

    assert event["external_id"] == CONTACT
    assert "is_about_record" not in event


def test_the_deletion_of_a_merged_record_is_the_merge() -> None:
    item = change("Contact", CONTACT_ID, "DELETE", MasterRecordId=OTHER_ID)

    assert parsed(SourceKind.SALESFORCE, item) == [
        {
            "type": "alias",
            "event": "Contact Merged",
            "channel": "crm",
            "external_id": f"salesforce:contact:{OTHER_ID}",
            "previous_names": [f"external:{CONTACT}"],
        }
    ]


def test_merged_accounts_are_a_merge_of_their_records() -> None:
    item = record("Account", ACCOUNT_ID, MasterRecordId="001000000000008AAA", Ours__c="acme")

    events = parsed(SourceKind.SALESFORCE, item, account_id_property="Ours__c")

    assert events == [
        {
            "type": "merge",
            "event": "Company Merged",
            "channel": "crm",
            "account_external_id": "salesforce:account:001000000000008AAA",
            "previous_account_id": ACCOUNT,
        }
    ]


def test_a_converted_lead_of_our_account_is_the_contact_there() -> None:
    item = record("Lead", LEAD_ID, ConvertedContactId=CONTACT_ID, Ours__c="acme")

    assert parsed(SourceKind.SALESFORCE, item, account_id_property="Ours__c") == [
        {
            "type": "alias",
            "event": "Lead Converted",
            "channel": "crm",
            "external_id": CONTACT,
            "previous_names": [f"external:salesforce:lead:{LEAD_ID}"],
            "account_id": "acme",
        }
    ]


@pytest.mark.parametrize(
    ("item", "account"),
    [
        (record("Account", ACCOUNT_ID, Ours__c=None), ACCOUNT),
        (record("Account", ACCOUNT_ID, Ours__c=" "), ACCOUNT),
        (change("Account", ACCOUNT_ID, "UPDATE", Ours__c=None), ACCOUNT),
        (record("Account", ACCOUNT_ID, Ours__c="acme"), "acme"),
        # Without the field it is not known; a new record has nothing to take back.
        (record("Account", ACCOUNT_ID, Industry="Steel"), None),
        (change("Account", ACCOUNT_ID, "UPDATE", Industry="Steel"), None),
        (change("Account", ACCOUNT_ID, "CREATE", Ours__c=None), None),
        (change("Account", ACCOUNT_ID, "DELETE", Ours__c=None), None),
    ],
)
def test_an_account_whose_id_was_cleared_is_one_of_its_own(
    item: dict[str, Any], account: str | None
) -> None:
    names = names_of(item, account_id_property="Ours__c")

    assert names["account_external_id"] == ACCOUNT
    assert names.get("account_id") == account


def test_a_cleared_id_of_an_opportunity_leaves_its_account_to_say_where_it_is() -> None:
    item = record("Opportunity", DEAL_ID, StageName="Won", AccountId=ACCOUNT_ID, Ours__c=None)

    names = names_of(item, account_id_property="Ours__c")

    assert names == {
        "external_id": f"salesforce:opportunity:{DEAL_ID}",
        "account_external_id": ACCOUNT,
    }
