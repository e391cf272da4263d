"""CRMs by their webhooks: corrected addresses, merges, deals that move, corrected account ids."""

import pytest

from tests.unit.ingest.protocols.who_is_who.crm import CRMS, Crm, HubSpot, Pipedrive, Salesforce
from tests.unit.ingest.protocols.who_is_who.stories import Story

every_crm = pytest.mark.parametrize("crm", CRMS, ids=lambda crm: type(crm).__name__)


def record(crm: Crm, number: int) -> str:
    """Name of a company's record."""
    return crm.company_name + _padded(crm, "001", number)


def contact(crm: Crm, number: int) -> str:
    """Stored name of a contact."""
    return crm.contact_name + _padded(crm, "003", number)


def _padded(crm: Crm, prefix: str, number: int) -> str:
    return f"{prefix}{number:012}AAA" if isinstance(crm, Salesforce) else str(number)


@every_crm
def test_a_corrected_address_leaves_one_person_in_the_company(crm: Crm) -> None:
    story = Story()
    crm.address(story, 1, 8301, "jonsa@x.example", 701)
    crm.address(story, 60, 8301, "jonas@x.example", 701)
    story.native(120, "Trial Started", user_id="jonas-1", email="jonas@x.example")

    assert story.people() == [
        {"user:jonas-1", contact(crm, 8301), "email:jonsa@x.example", "email:jonas@x.example"}
    ]
    assert story.subjects("Trial Started") == [record(crm, 701)]


@every_crm
def test_merged_contacts_with_addresses_are_one_and_the_deletion_is_not_the_survivors(
    crm: Crm,
) -> None:
    story = Story()
    crm.address(story, 1, 1, "a@x.example", 701)
    crm.address(story, 2, 2, "b@x.example", 702)
    crm.merge(story, 3, 2, 1)
    story.native(4, "Trial Started", user_id="ann", email="a@x.example")
    story.native(5, "Order Completed", email="b@x.example")

    (names,) = story.people()
    assert names == {
        "user:ann",
        contact(crm, 1),
        contact(crm, 2),
        "email:a@x.example",
        "email:b@x.example",
    }
    assert story.subjects("Contact Deleted") == (
        [] if isinstance(crm, Pipedrive) else [contact(crm, 1)]
    )
    assert story.subjects("Order Completed") == [record(crm, 702)]


@every_crm
@pytest.mark.parametrize(
    "merges", [((2, 1), (3, 2)), ((3, 2), (2, 1))], ids=["as they were", "reversed"]
)
def test_merges_of_merges_make_one_person_in_either_order(
    crm: Crm, merges: tuple[tuple[int, int], ...]
) -> None:
    story = Story()
    for number in (1, 2, 3):
        crm.address(story, number, number, f"{number}@x.example", 701)
    for minute, (survivor, merged) in enumerate(merges, 10):
        crm.merge(story, minute, survivor, merged)

    (names,) = story.people()
    assert names == {contact(crm, number) for number in (1, 2, 3)} | {
        f"email:{number}@x.example" for number in (1, 2, 3)
    }


@every_crm
def test_a_deal_is_whole_the_company_that_it_has_last(crm: Crm) -> None:
    story = Story()
    crm.deal(story, 1, 501, 711, None)
    crm.deal(story, 5, 501, 712, 711)
    crm.won(story, 60, 501, 712)
    won = "Deal Stage Changed" if isinstance(crm, HubSpot) else "Deal Won"

    assert story.subjects(won) == [record(crm, 712)]


@pytest.mark.parametrize("crm", [HubSpot(), Pipedrive()], ids=lambda crm: type(crm).__name__)
def test_what_a_person_does_after_leaving_a_company_is_not_the_companys(
    crm: HubSpot | Pipedrive,
) -> None:
    story = Story()
    crm.address(story, 1, 1, "a@x.example", 701)
    story.native(2, "Trial Started", email="a@x.example")
    crm.leave(story, 3, 1, 701)
    story.native(4, "Order Completed", email="a@x.example")

    assert story.subjects("Trial Started") == [record(crm, 701)]
    assert story.subjects("Order Completed") == [contact(crm, 1)]


@every_crm
def test_a_corrected_account_id_moves_the_company_and_merges_nothing(crm: Crm) -> None:
    story = Story()
    story.native(0, "Order Completed", account_id="eiche-ag")
    crm.account_id(story, 1, 701, "eiche-ag")
    crm.deal(story, 2, 501, 701, None)
    crm.won(story, 3, 501, 701)
    crm.account_id(story, 16, 701, "birke-ag")
    won = "Deal Stage Changed" if isinstance(crm, HubSpot) else "Deal Won"

    assert story.subjects(won) == ["birke-ag"]
    assert story.subjects("Company Updated") == ["birke-ag", "birke-ag"]
    assert story.subjects("Order Completed") == ["eiche-ag"]


@every_crm
def test_an_account_id_that_names_no_account_merges_no_companies(crm: Crm) -> None:
    story = Story()
    for company in (701, 702):
        crm.account_id(story, company, company, "n/a")

    assert story.subjects("Company Updated") == [record(crm, 701), record(crm, 702)]
