"""What HubSpot says of who is who: merges, associations and the account of a company."""

from typing import Any

import pytest

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_item
from shared.sources.source import SourceKind, SourceSettings
from tests.unit.ingest.protocols.webhooks.providers.payloads import changed, hubspot
from tests.unit.ingest.protocols.webhooks.senders import parsed

CONTACT = {"external_id": "hubspot:contact:201", "channel": "crm"}
COMPANY = {"account_external_id": "hubspot:company:201", "channel": "crm"}
DEAL = {"external_id": "hubspot:deal:201", "channel": "crm"}


def associated(kind: str, ends: tuple[int, int], **more: Any) -> dict[str, Any]:
    thing = kind.partition("_")[0].lower()
    item = hubspot(
        f"{thing}.associationChange",
        associationType=kind,
        fromObjectId=ends[0],
        toObjectId=ends[1],
        associationRemoved=False,
        isPrimaryAssociation=False,
        **more,
    )
    del item["objectId"]
    return item


def test_a_merge_names_each_record_that_the_survivor_absorbed() -> None:
    item = hubspot("contact.merge", primaryObjectId=201, mergedObjectIds=[7, 8], newObjectId=None)

    assert parsed(SourceKind.HUBSPOT, item) == [
        {
            **CONTACT,
            "event": "Contact Merged",
            "type": "alias",
            "previous_names": [f"external:hubspot:contact:{number}"],
        }
        for number in (7, 8)
    ]


def test_a_merge_into_a_new_record_names_the_primary_one_too() -> None:
    item = hubspot(
        "object.merge", objectTypeId="0-3", primaryObjectId=201, mergedObjectIds=[7, 201]
    )
    item["newObjectId"] = 300

    assert [
        (each["external_id"], each["previous_names"]) for each in parsed(SourceKind.HUBSPOT, item)
    ] == [
        ("hubspot:deal:300", ["external:hubspot:deal:201"]),
        ("hubspot:deal:300", ["external:hubspot:deal:7"]),
    ]


def test_merged_companies_are_a_merge_of_their_records() -> None:
    item = hubspot("company.merge", primaryObjectId=201, mergedObjectIds=[7], newObjectId=300)

    assert parsed(SourceKind.HUBSPOT, item) == [
        {
            "account_external_id": "hubspot:company:300",
            "channel": "crm",
            "event": "Company Merged",
            "type": "merge",
            "previous_account_id": f"hubspot:company:{number}",
        }
        for number in (201, 7)
    ]


@pytest.mark.parametrize("thing", ["contact", "company", "deal", "ticket"])
def test_the_deletion_that_comes_with_a_merge_is_about_the_record_alone(thing: str) -> None:
    (deleted,) = parsed(SourceKind.HUBSPOT, hubspot(f"{thing}.deletion"))
    (restored,) = parsed(SourceKind.HUBSPOT, hubspot(f"{thing}.restore"))

    assert (deleted["is_about_record"], "is_about_record" in restored) == (True, False)


@pytest.mark.parametrize("kind", ["CONTACT_TO_COMPANY", "COMPANY_TO_CONTACT"])
def test_an_association_puts_the_contact_into_the_company_whichever_end_reports_it(
    kind: str,
) -> None:
    ends = (201, 77) if kind.startswith("CONTACT") else (77, 201)

    assert parsed(SourceKind.HUBSPOT, associated(kind, ends)) == [
        {
            **CONTACT,
            "account_external_id": "hubspot:company:77",
            "event": "Contact Linked",
            "properties": {"company_id": "77", "contact_id": "201"},
        }
    ]


def test_a_generic_subscription_names_the_ends_by_their_types() -> None:
    item = hubspot(
        "object.associationChange",
        fromObjectTypeId="0-2",
        fromObjectId=77,
        toObjectTypeId="0-3",
        toObjectId=201,
        associationRemoved=False,
    )

    assert parsed(SourceKind.HUBSPOT, item) == [
        {
            **DEAL,
            "account_external_id": "hubspot:company:77",
            "event": "Deal Linked",
            "properties": {"company_id": "77", "deal_id": "201"},
        }
    ]


@pytest.mark.parametrize("is_primary", [True, False])
def test_a_removed_association_takes_the_deal_out_of_the_company(*, is_primary: bool) -> None:
    item = associated("DEAL_TO_COMPANY", (201, 77))
    item |= {"associationRemoved": True, "isPrimaryAssociation": is_primary}

    assert parsed(SourceKind.HUBSPOT, item) == [
        {
            **DEAL,
            "type": "leave",
            "account_external_id": "hubspot:company:77",
            "event": "Deal Unlinked",
            "properties": {"deal_id": "201", "company_id": "77"},
        }
    ]


def test_an_association_that_a_merge_removed_takes_no_survivor_out_of_the_company() -> None:
    item = associated("CONTACT_TO_COMPANY", (201, 77), changeSource="MERGE_OBJECTS")
    item["associationRemoved"] = True

    assert parsed(SourceKind.HUBSPOT, item) == [
        {
            **CONTACT,
            "event": "Contact Unlinked",
            "properties": {"contact_id": "201", "company_id": "77"},
            "is_about_record": True,
        }
    ]


def test_a_deal_and_a_contact_stay_two_whether_associated_or_not() -> None:
    added = associated("DEAL_TO_CONTACT", (201, 8))
    events = [
        *parsed(SourceKind.HUBSPOT, added),
        *parsed(SourceKind.HUBSPOT, {**added, "associationRemoved": True}),
    ]

    properties = {"deal_id": "201", "contact_id": "8"}
    assert events == [
        {**DEAL, "event": "Deal Linked", "properties": properties},
        {**DEAL, "event": "Deal Unlinked", "properties": properties},
    ]


@pytest.mark.parametrize(
    ("thing", "name", "value", "company"),
    [
        ("contact", "associatedcompanyid", "77", "hubspot:company:77"),
        ("deal", "hs_primary_associated_company", "77", "hubspot:company:77"),
        ("contact", "associatedcompanyid", "", None),
        ("contact", "associatedcompanyid", "0", None),
        ("ticket", "associatedcompanyid", "77", None),
    ],
)
def test_the_property_with_the_primary_company_puts_the_record_into_it(
    thing: str, name: str, value: str, company: str | None
) -> None:
    (event,) = parsed(SourceKind.HUBSPOT, changed(thing, name, value))

    assert event.get("account_external_id") == company


@pytest.mark.parametrize("value", ["eiche-ag", "birke-ag", "n/a"])
def test_the_account_id_of_a_company_says_which_account_its_record_is(value: str) -> None:
    item = changed("company", "our_account", value)

    assert parsed(SourceKind.HUBSPOT, item, account_id_property="our_account") == [
        {
            **COMPANY,
            "type": "group",
            "event": "Company Updated",
            "account_id": value,
            "account_traits": {"our_account": value},
        }
    ]


@pytest.mark.parametrize("value", ["", "  ", None])
def test_a_company_whose_account_id_was_cleared_is_an_account_of_its_own(value: str | None) -> None:
    item = changed("company", "our_account", value)

    (event,) = parsed(SourceKind.HUBSPOT, item, account_id_property="our_account")

    assert event["account_id"] == event["account_external_id"] == "hubspot:company:201"


@pytest.mark.parametrize(
    ("thing", "name", "value"),
    [("company", "industry", ""), ("contact", "our_account", ""), ("deal", "our_account", None)],
)
def test_nothing_else_that_is_cleared_says_which_account_it_is(
    thing: str, name: str, value: str | None
) -> None:
    item = changed(thing, name, value)

    (event,) = parsed(SourceKind.HUBSPOT, item, account_id_property="our_account")

    assert "account_id" not in event


@pytest.mark.parametrize("item", [{"propertyValue": {"a": 1}}, {"propertyValue": False}, {}])
def test_a_value_of_another_type_clears_nothing(item: dict[str, Any]) -> None:
    sent = {**changed("company", "our_account", ""), **item}
    if not item:
        del sent["propertyValue"]

    (event,) = parsed(SourceKind.HUBSPOT, sent, account_id_property="our_account")

    assert "account_id" not in event


@pytest.mark.parametrize(("thing", "who"), [("contact", CONTACT), ("deal", DEAL)])
def test_the_account_id_of_a_contact_or_deal_puts_it_into_that_account(
    thing: str, who: dict[str, str]
) -> None:
    item = changed(thing, "our_account", "acme")

    (event,) = parsed(SourceKind.HUBSPOT, item, account_id_property="our_account")

    assert (event["external_id"], event["account_id"]) == (who["external_id"], "acme")
    assert "account_external_id" not in event


def test_message_ids_of_what_was_delivered_before_stay_as_they_were() -> None:
    way = DeliveryContext(
        kind=SourceKind.HUBSPOT,
        source_id="s",
        settings=SourceSettings(account_id_property="our_account"),
    )
    items = (
        hubspot("contact.merge", primaryObjectId=201, mergedObjectIds=[7, 8]),
        changed("company", "our_account", "acme"),
    )

    names = [
        [each.message_id for each in parse_item(item, way) if isinstance(each, ForeignCandidate)]
        for item in items
    ]

    assert names == [
        ["hubspot:33:100:201:ee79a7e5b06ffe65:7", "hubspot:33:100:201:ee79a7e5b06ffe65:8"],
        ["hubspot:33:100:201:41a3720c8007258f"],
    ]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("ann@home.example", ["email:ann@home.example"]),
        ("a@x.example; b@x.example;;a@x.example", ["email:a@x.example", "email:b@x.example"]),
        ("none of them", None),
        ("", None),
        (None, None),
        (
            ";".join(f"a{n}@x.example" for n in range(30)),
            [f"email:a{n}@x.example" for n in range(10)],
        ),
    ],
)
def test_the_additional_addresses_of_a_contact_are_names_of_it(
    value: str | None, names: list[str] | None
) -> None:
    [updated] = parsed(SourceKind.HUBSPOT, changed("contact", "hs_additional_emails", value))

    assert (updated["type"], updated["external_id"]) == ("identify", "hubspot:contact:201")
    assert updated.get("previous_names") == names


def test_the_same_property_of_a_company_is_no_name() -> None:
    [updated] = parsed(
        SourceKind.HUBSPOT, changed("company", "hs_additional_emails", "a@x.example")
    )

    assert "previous_names" not in updated
