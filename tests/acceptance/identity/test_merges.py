"""I7: a CRM merges contacts, and deletes those that it merged."""

import pytest

from tests.acceptance.identity.bodies import (
    Step,
    hubspot,
    hubspot_link,
    hubspot_merge,
    hubspot_property,
    native,
    pipedrive,
    salesforce,
    salesforce_id,
)
from tests.acceptance.identity.case import Case


class Contacts:
    """Contacts of HubSpot with an address each, the first of them in a company."""

    def __init__(self, case: Case, count: int) -> None:
        self.numbers = [case.number(number) for number in range(1, count + 1)]
        self.addresses = [case.email(f"contact-{number}") for number in range(1, count + 1)]
        self.company = case.number(701)
        self.account = f"hubspot:company:{self.company}"

    def steps(self) -> list[Step]:
        return [
            hubspot_link("CONTACT_TO_COMPANY", (self.numbers[0], self.company), 0),
            *(
                hubspot_property("contact", number, "email", address, 1)
                for number, address in zip(self.numbers, self.addresses, strict=True)
            ),
        ]

    def names(self) -> list[dict[str, str]]:
        records = [f"hubspot:contact:{number}" for number in self.numbers]
        return [
            {"account_id": self.account},
            *({"external_id": record} for record in records),
            *({"anonymous_id": record} for record in records),
            *({"email": address} for address in self.addresses),
        ]


def trial(contacts: Contacts, which: int, day: float) -> Step:
    return native("Trial Started", day, email=contacts.addresses[which])


async def test_two_contacts_with_addresses_are_one_person_and_the_deletion_is_not_its(
    case: Case,
) -> None:
    contacts = Contacts(case, 2)
    first, second = contacts.numbers

    await case.arrive(
        *contacts.steps(),
        hubspot_merge(first, [second], 2),
        hubspot("contact.deletion", 2.001, objectId=second),
        trial(contacts, 1, 3),
    )

    names = contacts.names()
    assert await case.stages(*names) == [(contacts.account, "trial")] * len(names)
    assert "Contact Deleted" not in await case.events(contacts.account)


async def test_contacts_that_were_merged_into_a_new_one_are_one_person(case: Case) -> None:
    contacts = Contacts(case, 3)
    first, second, third = contacts.numbers

    await case.arrive(
        *contacts.steps(),
        hubspot_merge(first, [second], 2, newObjectId=third),
        hubspot("contact.deletion", 2.001, objectId=first),
        hubspot("contact.deletion", 2.001, objectId=second),
        trial(contacts, 2, 3),
    )

    names = contacts.names()
    assert await case.stages(*names) == [(contacts.account, "trial")] * len(names)
    assert "Contact Deleted" not in await case.events(contacts.account)


async def test_a_merge_of_merged_contacts_is_one_person(case: Case) -> None:
    contacts = Contacts(case, 3)
    first, second, third = contacts.numbers

    await case.arrive(
        *contacts.steps(),
        hubspot_merge(second, [first], 2),
        hubspot("contact.deletion", 2.001, objectId=first),
        hubspot_merge(third, [second], 3),
        hubspot("contact.deletion", 3.001, objectId=second),
        trial(contacts, 2, 4),
    )

    names = contacts.names()
    assert await case.stages(*names) == [(contacts.account, "trial")] * len(names)
    assert "Contact Deleted" not in await case.events(contacts.account)


async def test_the_deletion_of_any_other_contact_is_its_persons(case: Case) -> None:
    contacts = Contacts(case, 2)
    first, second = contacts.numbers

    await case.arrive(
        *contacts.steps(),
        hubspot_merge(first, [second], 2),
        hubspot("contact.deletion", 3, objectId=first),
    )

    assert "Contact Deleted" in await case.events(contacts.account)


async def test_a_person_that_pipedrive_merged_is_one_with_the_survivor(case: Case) -> None:
    kept, gone, organization = case.number(1), case.number(2), case.number(4)
    addresses = [case.email("kept"), case.email("gone")]
    account = f"pipedrive:organization:{organization}"

    await case.arrive(
        pipedrive("create", "person", kept, 0, org_id=organization,
                  emails=[{"value": addresses[0], "primary": True}]),
        pipedrive("create", "person", gone, 1, emails=[{"value": addresses[1], "primary": True}]),
        pipedrive("delete", "person", gone, 2, meta={"merged_to_id": kept},
                  previous={"id": gone, "emails": [{"value": addresses[1]}]}),
        native("Trial Started", 3, email=addresses[1]),
    )  # fmt: skip

    names = [
        {"account_id": account},
        *({"external_id": f"pipedrive:person:{number}"} for number in (kept, gone)),
        *({"email": address} for address in addresses),
    ]
    assert await case.stages(*names) == [(account, "trial")] * len(names)
    assert "Contact Deleted" not in await case.events(account)


@pytest.mark.parametrize("kind", ["Contact", "Lead"])
async def test_a_record_that_salesforce_merged_is_one_with_its_master(
    case: Case, kind: str
) -> None:
    prefix = {"Contact": "003", "Lead": "00Q"}[kind]
    kept, gone = (salesforce_id(prefix, case.number(number)) for number in (1, 2))
    organization = salesforce_id("001", case.number(4))
    addresses = [case.email("kept"), case.email("gone")]
    account = f"salesforce:account:{organization}"

    await case.arrive(
        salesforce(kind, kept, 0, Email=addresses[0], AccountId=organization),
        salesforce(kind, gone, 1, Email=addresses[1]),
        salesforce(kind, gone, 2, Email=addresses[1], MasterRecordId=kept, IsDeleted=True),
        native("Trial Started", 3, email=addresses[1]),
    )

    names = [
        {"account_id": account},
        *({"external_id": f"salesforce:{kind.lower()}:{number}"} for number in (kept, gone)),
        *({"email": address} for address in addresses),
    ]
    assert await case.stages(*names) == [(account, "trial")] * len(names)
