"""I9, I10, I13: who belongs where, and since when."""

import pytest

from tests.acceptance.identity.bodies import (
    hubspot,
    hubspot_link,
    hubspot_property,
    native,
    posthog,
    salesforce,
    salesforce_id,
    segment,
)
from tests.acceptance.identity.case import Case

# -- I9: a deal ----------------------------------------------------------------------------------


async def test_a_deal_is_whole_the_company_that_it_was_associated_with_last(case: Case) -> None:
    deal, first, second = (case.number(number) for number in (501, 711, 712))

    await case.arrive(
        hubspot("deal.creation", 0, objectId=deal),
        hubspot_link("DEAL_TO_COMPANY", (deal, first), 0.001),
        hubspot_link("DEAL_TO_COMPANY", (deal, first), 0.004, removed=True),
        hubspot_link("DEAL_TO_COMPANY", (deal, second), 0.005),
        hubspot_property("deal", deal, "amount", "12000", 1),
        hubspot_property("deal", deal, "dealstage", "closedwon", 2),
    )

    wrong, right = f"hubspot:company:{first}", f"hubspot:company:{second}"
    assert await case.stages({"external_id": f"hubspot:deal:{deal}"}) == [(right, "lead")]
    assert await case.events(right) == [
        "Deal Created", "Deal Linked", "Deal Updated", "Deal Stage Changed",
    ]  # fmt: skip
    assert await case.events(wrong) == ["Deal Linked", "Deal Unlinked"]
    assert [each["value"] for each in await case.timeline(right)] == [None, None, 12000, None]


async def test_a_deal_whose_association_was_removed_is_by_itself(case: Case) -> None:
    deal, company = case.number(501), case.number(711)

    await case.arrive(
        hubspot("deal.creation", 0, objectId=deal),
        hubspot_link("DEAL_TO_COMPANY", (deal, company), 1),
        hubspot_property("deal", deal, "dealstage", "closedwon", 2),
        hubspot_link("DEAL_TO_COMPANY", (deal, company), 3, removed=True),
    )

    alone = f"external:hubspot:deal:{deal}"
    assert await case.stages({"external_id": f"hubspot:deal:{deal}"}) == [(alone, "lead")]
    assert await case.events(alone) == ["Deal Created", "Deal Stage Changed"]
    assert await case.events(f"hubspot:company:{company}") == ["Deal Linked", "Deal Unlinked"]


async def test_a_ticket_is_whole_the_company_that_it_was_associated_with_last(case: Case) -> None:
    ticket, first, second = (case.number(number) for number in (61, 711, 712))

    await case.arrive(
        hubspot("ticket.creation", 0, objectId=ticket),
        hubspot_link("COMPANY_TO_TICKET", (first, ticket), 1),
        hubspot_link("COMPANY_TO_TICKET", (second, ticket), 2),
        hubspot_property("ticket", ticket, "closed_date", "1741000000000", 3),
    )

    assert await case.events(f"hubspot:company:{first}") == ["Ticket Linked"]
    assert await case.events(f"hubspot:company:{second}") == [
        "Ticket Opened", "Ticket Linked", "Ticket Solved",
    ]  # fmt: skip


async def test_an_opportunity_is_whole_the_account_that_it_was_given_last(case: Case) -> None:
    opportunity = salesforce_id("006", case.number(1))
    first, second = (salesforce_id("001", case.number(number)) for number in (711, 712))

    await case.arrive(
        salesforce("Opportunity", opportunity, 0, StageName="Proposal"),
        salesforce("Opportunity", opportunity, 1, StageName="Proposal", AccountId=first),
        salesforce("Opportunity", opportunity, 2, StageName="Proposal", AccountId=second),
        salesforce("Opportunity", opportunity, 3, StageName="Won", IsWon=True, IsClosed=True,
                   Amount=12000),
    )  # fmt: skip

    wrong, right = f"salesforce:account:{first}", f"salesforce:account:{second}"
    assert await case.stages(
        {"account_id": wrong},
        {"account_id": right},
        {"external_id": f"salesforce:opportunity:{opportunity}"},
    ) == [(wrong, "lead"), (right, "customer"), (right, "customer")]


# -- I9: a person --------------------------------------------------------------------------------


async def test_a_person_who_moved_is_in_the_second_account_since_then(case: Case) -> None:
    mover, first, second = case.id("mover"), case.id("first-gmbh"), case.id("second-gmbh")

    await case.arrive(
        segment("group", 0, userId=mover, groupId=first),
        segment("track", 1, userId=mover, event="Report Exported"),
        segment("group", 2, userId=mover, groupId=second),
        segment("track", 3, userId=mover, event="Subscription Started"),
    )

    names = [{"account_id": first}, {"account_id": second}, {"user_id": mover}]
    assert await case.stages(*names) == [
        (first, "lead"), (second, "customer"), (second, "customer"),
    ]  # fmt: skip
    assert await case.events(first) == ["Account Identified", "Report Exported"]
    assert await case.events(second) == ["Account Identified", "Subscription Started"]


async def test_a_contact_who_moved_is_in_the_second_company_since_then(case: Case) -> None:
    contact, first, second = (case.number(number) for number in (8301, 711, 712))
    address = case.email("mover")

    await case.arrive(
        hubspot_property("contact", contact, "email", address, 0),
        hubspot_link("CONTACT_TO_COMPANY", (contact, first), 1),
        native("Report Exported", 2, email=address),
        hubspot_link("CONTACT_TO_COMPANY", (contact, first), 3, removed=True),
        hubspot_link("CONTACT_TO_COMPANY", (contact, second), 4),
        native("Trial Started", 5, email=address),
    )

    former, present = f"hubspot:company:{first}", f"hubspot:company:{second}"
    assert await case.stages({"email": address}, {"account_id": former}) == [
        (present, "trial"),
        (former, "lead"),
    ]
    assert await case.events(former) == [
        "Contact Updated", "Contact Linked", "Report Exported", "Contact Unlinked",
    ]  # fmt: skip
    assert await case.events(present) == ["Contact Linked", "Trial Started"]


async def test_a_contact_who_left_one_of_two_companies_is_in_the_other(case: Case) -> None:
    contact, first, second = (case.number(number) for number in (8301, 711, 712))
    address = case.email("mover")

    await case.arrive(
        hubspot_property("contact", contact, "email", address, 0),
        hubspot_link("CONTACT_TO_COMPANY", (contact, first), 1),
        hubspot_link("CONTACT_TO_COMPANY", (contact, second), 2),
        hubspot_link("CONTACT_TO_COMPANY", (contact, second), 3, removed=True),
        native("Trial Started", 4, email=address),
        hubspot_link("CONTACT_TO_COMPANY", (contact, first), 5, removed=True),
        native("Subscription Started", 6, email=address),
    )

    assert await case.stages(
        {"account_id": f"hubspot:company:{first}"}, {"account_id": f"hubspot:company:{second}"}
    ) == [(f"hubspot:company:{first}", "trial"), (f"hubspot:company:{second}", "lead")]
    assert "Subscription Started" in await case.events(f"external:hubspot:contact:{contact}")


async def test_the_account_of_an_event_itself_counts_for_it(case: Case) -> None:
    mover, first, second = case.id("mover"), case.id("first-gmbh"), case.id("second-gmbh")

    await case.arrive(
        posthog("Page Viewed", mover, 0, group=first),
        posthog("Page Viewed", mover, 1, group=second),
        posthog("Trial Started", mover, 2, group=first),
        posthog("Report Exported", mover, 1.5),
    )

    assert await case.stages({"account_id": first}, {"account_id": second}) == [
        (first, "trial"),
        (second, "lead"),
    ]
    assert await case.events(second) == ["Page Viewed", "Report Exported"]


# -- I10: a device -------------------------------------------------------------------------------


async def test_a_device_in_two_hands_is_in_each_for_a_time(case: Case) -> None:
    amy, ben, device = case.id("amy"), case.id("ben"), case.id("laptop")
    first, second = case.id("amy-co"), case.id("ben-co")

    await case.arrive(
        segment("track", 0, anonymousId=device, event="Guide Downloaded"),
        segment("identify", 1, userId=amy, anonymousId=device),
        segment("group", 1.1, userId=amy, anonymousId=device, groupId=first),
        segment("track", 2, anonymousId=device, event="Trial Started"),
        segment("identify", 3, userId=ben, anonymousId=device),
        segment("group", 3.1, userId=ben, anonymousId=device, groupId=second),
        segment("track", 4, anonymousId=device, event="Subscription Started"),
    )

    names = [{"user_id": amy}, {"user_id": ben}, {"anonymous_id": device}]
    assert await case.stages(*names) == [
        (first, "trial"), (second, "customer"), (second, "customer"),
    ]  # fmt: skip
    assert await case.events(first) == [
        "Guide Downloaded", "Person Identified", "Account Identified", "Trial Started",
    ]  # fmt: skip
    assert await case.events(second) == [
        "Person Identified", "Account Identified", "Subscription Started",
    ]  # fmt: skip


async def test_a_browser_of_posthog_in_two_hands_is_in_each_for_a_time(case: Case) -> None:
    amy, ben, device = case.id("amy"), case.id("ben"), case.id("browser")
    first, second = case.id("amy-co"), case.id("ben-co")

    await case.arrive(
        posthog("$identify", amy, 1, group=first, _anon_distinct_id=device),
        posthog("Trial Started", device, 2, _is_identified=False),
        posthog("$identify", ben, 3, group=second, _anon_distinct_id=device),
        posthog("Subscription Started", device, 4, _is_identified=False),
    )

    assert await case.stages({"user_id": amy}, {"user_id": ben}) == [
        (first, "trial"),
        (second, "customer"),
    ]


async def test_a_device_that_comes_back_is_the_first_persons_again(case: Case) -> None:
    device = case.id("tablet")
    addresses = [case.email("amy"), case.email("ben"), case.email("cleo")]
    accounts = [case.id("amy-co"), case.id("ben-co"), case.id("cleo-co")]
    hands = [*zip(addresses, accounts, strict=True), (addresses[0], accounts[0])]

    await case.arrive(
        *(
            native("Signed In", day, anonymous_id=device, email=address, account_id=account)
            for day, (address, account) in enumerate(hands)
        ),
        *(native("Page Viewed", day + 0.5, anonymous_id=device) for day in range(3)),
        native("Trial Started", 3.5, anonymous_id=device),
    )

    assert await case.stages(*({"email": address} for address in addresses)) == [
        (accounts[0], "trial"),
        (accounts[1], "lead"),
        (accounts[2], "lead"),
    ]
    assert await case.events(accounts[1]) == ["Signed In", "Page Viewed"]


async def test_the_erasure_of_one_user_of_a_device_leaves_the_other(case: Case) -> None:
    amy, ben, device = case.id("amy"), case.id("ben"), case.id("laptop")
    first, second = case.id("amy-co"), case.id("ben-co")

    await case.arrive(
        native("Signed In", 1, user_id=amy, anonymous_id=device, account_id=first),
        native("Trial Started", 2, anonymous_id=device),
        native("Signed In", 3, user_id=ben, anonymous_id=device, account_id=second),
        native("Subscription Started", 4, anonymous_id=device),
    )
    await case.erase(f"user:{amy}")

    assert await case.status(user_id=amy) == 404
    assert await case.stages({"user_id": ben}) == [(second, "customer")]
    assert await case.events(second) == ["Signed In", "Subscription Started"]


# -- I13: an old row -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["native", "segment", "posthog", "hubspot"])
async def test_an_old_row_with_a_former_employer_moves_nothing_that_came_since(
    case: Case, way: str
) -> None:
    pia, neuwerk, altwerk = case.email("pia"), case.id("neuwerk"), case.id("altwerk")
    contact, company = case.number(1), case.number(2)
    long_ago = -2_000
    rows = {
        "native": [native("Call Logged", long_ago, email=pia, account_id=altwerk)],
        "segment": [segment("track", long_ago, altwerk, userId=pia, event="Call Logged")],
        "posthog": [posthog("Call Logged", pia, long_ago, group=altwerk)],
        "hubspot": [
            hubspot_property("contact", contact, "email", pia, long_ago - 1),
            hubspot_link("CONTACT_TO_COMPANY", (contact, company), long_ago),
        ],
    }

    await case.arrive(
        segment("group", 0, userId=pia, groupId=neuwerk),
        segment("track", 1, userId=pia, event="Trial Started"),
        segment("track", 2, userId=pia, event="Subscription Started"),
        *rows[way],
    )

    former = f"hubspot:company:{company}" if way == "hubspot" else altwerk
    names = [{"account_id": neuwerk}, {"email": pia}, {"account_id": former}]
    assert await case.stages(*names) == [
        (neuwerk, "customer"), (neuwerk, "customer"), (former, "lead"),
    ]  # fmt: skip
    assert await case.events(neuwerk) == [
        "Account Identified", "Trial Started", "Subscription Started",
    ]  # fmt: skip
