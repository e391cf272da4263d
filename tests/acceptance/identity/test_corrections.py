"""I3, I4, I14: an address or an account id of a record is corrected."""

from tests.acceptance.identity.bodies import (
    Step,
    hubspot,
    hubspot_link,
    hubspot_property,
    native,
    pipedrive,
    salesforce,
    salesforce_id,
    segment,
    stripe,
)
from tests.acceptance.identity.case import Case
from tests.acceptance.identity.senders import ACCOUNT_PROPERTY

HOUR = 1 / 24
QUARTER = HOUR / 4

# -- I3: an address ------------------------------------------------------------------------------


def jonas(case: Case) -> tuple[str, str, str]:
    """The user, the address as it was mistyped and as it is."""
    return case.id("jonas-1"), case.email("jonsa"), case.email("jonas")


def trial_of_jonas(case: Case) -> Step:
    user, _, right = jonas(case)
    return native("Trial Started", 2, user_id=user, email=right)


async def test_a_contact_whose_address_was_corrected_is_one_person_with_both(case: Case) -> None:
    user, wrong, right = jonas(case)
    contact, company = case.number(8301), case.number(701)
    account = f"hubspot:company:{company}"

    await case.arrive(
        hubspot_property("contact", contact, "email", wrong, 0),
        hubspot_link("CONTACT_TO_COMPANY", (contact, company), 0.01),
        hubspot_property("contact", contact, "email", right, HOUR),
        trial_of_jonas(case),
    )

    names = [
        {"account_id": account},
        {"user_id": user},
        {"email": wrong},
        {"email": right},
        {"external_id": f"hubspot:contact:{contact}"},
        {"anonymous_id": f"hubspot:contact:{contact}"},
    ]
    assert await case.stages(*names) == [(account, "trial")] * len(names)


async def test_one_device_beside_two_addresses_is_one_person_with_both(case: Case) -> None:
    user, wrong, right = jonas(case)
    device, account = case.id("device"), case.id("jonas-co")

    await case.arrive(
        native("Form Sent", 0, anonymous_id=device, email=wrong, account_id=account),
        native("Form Sent", HOUR, anonymous_id=device, email=right),
        trial_of_jonas(case),
    )

    names = [
        {"account_id": account},
        {"user_id": user},
        {"email": wrong},
        {"email": right},
        {"anonymous_id": device},
    ]
    assert await case.stages(*names) == [(account, "trial")] * len(names)


async def test_two_addresses_of_two_accounts_on_one_device_stay_two_people(case: Case) -> None:
    user, wrong, right = jonas(case)
    device, one, other = case.id("device"), case.id("one-co"), case.id("other-co")

    await case.arrive(
        native("Form Sent", 0, anonymous_id=device, email=wrong, account_id=one),
        native("Form Sent", HOUR, anonymous_id=device, email=right, account_id=other),
        trial_of_jonas(case),
    )

    names = [{"email": wrong}, {"email": right}, {"user_id": user}]
    assert await case.stages(*names) == [(one, "lead"), (other, "trial"), (other, "trial")]


async def test_a_contact_of_salesforce_is_one_person_with_both_addresses(case: Case) -> None:
    user, wrong, right = jonas(case)
    contact = salesforce_id("003", case.number(1))
    company = salesforce_id("001", case.number(2))
    account = f"salesforce:account:{company}"

    await case.arrive(
        salesforce("Contact", contact, 0, Email=wrong, AccountId=company),
        salesforce("Contact", contact, HOUR, Email=right, AccountId=company),
        trial_of_jonas(case),
    )

    names = [
        {"account_id": account},
        {"user_id": user},
        {"email": wrong},
        {"email": right},
        {"external_id": f"salesforce:contact:{contact}"},
    ]
    assert await case.stages(*names) == [(account, "trial")] * len(names)


async def test_a_person_of_pipedrive_is_one_with_both_addresses(case: Case) -> None:
    user, wrong, right = jonas(case)
    person, company = case.number(1), case.number(2)
    account = f"pipedrive:organization:{company}"

    await case.arrive(
        pipedrive("create", "person", person, 0, org_id=company, emails=[{"value": wrong}]),
        pipedrive("change", "person", person, HOUR, org_id=company, emails=[{"value": right}]),
        trial_of_jonas(case),
    )

    names = [{"user_id": user}, {"email": wrong}, {"email": right}]
    assert await case.stages(*names) == [(account, "trial")] * len(names)


async def test_a_user_whose_address_was_changed_is_one_person_with_both(case: Case) -> None:
    user, wrong, right = jonas(case)
    account = case.id("jonas-co")

    await case.arrive(
        segment("identify", 0, userId=user, traits={"email": wrong}),
        segment("group", 0.01, userId=user, groupId=account),
        segment("identify", HOUR, userId=user, traits={"email": right}),
        native("Trial Started", 2, email=right),
    )

    names = [{"user_id": user}, {"email": wrong}, {"email": right}]
    assert await case.stages(*names) == [(account, "trial")] * len(names)


# -- I4: a customer ------------------------------------------------------------------------------


async def test_all_of_a_customer_is_the_account_of_its_first_address(case: Case) -> None:
    ida, billing, customer = case.email("ida"), case.email("rechnung"), case.id("cus_4")
    account = case.id("lindenwerk")

    await case.arrive(
        segment("group", 0, userId=ida, groupId=account),
        stripe("invoice.paid", 1, id=case.id("in_1"), customer=customer, customer_email=ida,
               amount_paid=1900, currency="eur"),
        stripe("customer.updated", 2, id=customer, email=billing),
        stripe("invoice.paid", 3, id=case.id("in_2"), customer=customer, customer_email=billing,
               amount_paid=1900, currency="eur", billing_reason="subscription_cycle"),
        stripe("customer.subscription.created", 4, id=case.id("sub_1"), customer=customer, status="active"),
    )  # fmt: skip

    names = [
        {"account_id": account},
        {"email": ida},
        {"email": billing},
        {"external_id": f"stripe:customer:{customer}"},
        {"anonymous_id": f"stripe:customer:{customer}"},
    ]
    assert await case.stages(*names) == [(account, "customer")] * len(names)
    assert await case.events(account) == [
        "Account Identified", "Invoice Paid", "Customer Updated", "Invoice Paid",
        "Subscription Renewed", "Subscription Started",
    ]  # fmt: skip


async def test_the_address_of_the_checkout_may_differ_from_the_customers(case: Case) -> None:
    ida, buyer, customer = case.email("ida"), case.email("einkauf"), case.id("cus_5")
    account = case.id("lindenwerk")

    await case.arrive(
        segment("group", 0, userId=case.id("ida"), groupId=account, traits={}),
        native("Signed Up", 0.1, user_id=case.id("ida"), email=ida),
        stripe("checkout.session.completed", 1, id=case.id("cs_1"), customer=customer, amount_total=1900,
               currency="eur", customer_details={"email": buyer}),
        stripe("customer.created", 1, id=customer, email=ida),
        stripe("customer.subscription.created", 1, id=case.id("sub_2"), customer=customer, status="active"),
    )  # fmt: skip

    names = [{"email": ida}, {"email": buyer}, {"external_id": f"stripe:customer:{customer}"}]
    assert await case.stages(*names) == [(account, "customer")] * len(names)


async def test_a_customer_whose_address_is_in_no_account_yet_follows_it_there(case: Case) -> None:
    ida, customer, account = case.email("ida"), case.id("cus_6"), case.id("lindenwerk")

    await case.arrive(
        stripe(
            "customer.subscription.created",
            0,
            id=case.id("sub_3"),
            customer=customer,
            status="active",
        ),
        stripe("customer.updated", 1, id=customer, email=ida),
        native("Signed Up", 2, user_id=case.id("ida"), email=ida, account_id=account),
    )

    names = [{"account_id": account}, {"external_id": f"stripe:customer:{customer}"}]
    assert await case.stages(*names) == [(account, "customer")] * 2


# -- I14: an account id --------------------------------------------------------------------------


async def test_a_company_whose_account_id_was_corrected_is_whole_the_right_accounts(
    case: Case,
) -> None:
    eiche, birke = case.id("eiche-ag"), case.id("birke-ag")
    company, deal, contact = (case.number(number) for number in (711, 501, 8301))

    await case.arrive(
        native("Trial Started", -1, account_id=eiche, user_id=case.id("eva")),
        hubspot("company.creation", 0, objectId=company),
        hubspot_property("company", company, ACCOUNT_PROPERTY, eiche, 0.001),
        hubspot_link("DEAL_TO_COMPANY", (deal, company), 0.002),
        hubspot_link("CONTACT_TO_COMPANY", (contact, company), 0.003),
        hubspot_property("deal", deal, "amount", "9000", 0.004),
        hubspot_property("company", company, ACCOUNT_PROPERTY, birke, QUARTER),
        hubspot_property("deal", deal, "dealstage", "closedwon", 1),
    )

    names = [
        {"account_id": f"hubspot:company:{company}"},
        {"external_id": f"hubspot:deal:{deal}"},
        {"external_id": f"hubspot:contact:{contact}"},
    ]
    assert {account for account, _ in await case.stages(*names)} == {birke}
    assert await case.events(eiche) == ["Trial Started"]
    assert {"Deal Linked", "Deal Updated", "Deal Stage Changed", "Contact Linked"} <= set(
        await case.events(birke)
    )
    assert await case.stages({"user_id": case.id("eva")}) == [(eiche, "trial")]


async def test_an_account_of_salesforce_follows_its_corrected_id(case: Case) -> None:
    eiche, birke = case.id("eiche-ag"), case.id("birke-ag")
    company = salesforce_id("001", case.number(1))
    opportunity = salesforce_id("006", case.number(2))

    await case.arrive(
        native("Trial Started", -1, account_id=eiche, user_id=case.id("eva")),
        salesforce("Account", company, 0, Industry="Steel", our_account=eiche),
        salesforce("Opportunity", opportunity, 0.001, AccountId=company, StageName="Proposal"),
        salesforce("Account", company, QUARTER, Industry="Steel", our_account=birke),
        salesforce("Opportunity", opportunity, 1, AccountId=company, StageName="Won",
                   IsWon=True, IsClosed=True, Amount=9000),
    )  # fmt: skip

    names = [
        {"account_id": birke},
        {"account_id": f"salesforce:account:{company}"},
        {"external_id": f"salesforce:opportunity:{opportunity}"},
    ]
    assert await case.stages(*names) == [(birke, "customer")] * 3
    assert await case.stages({"account_id": eiche}) == [(eiche, "trial")]
    assert await case.events(eiche) == ["Trial Started"]


async def test_an_organization_of_pipedrive_follows_its_corrected_id(case: Case) -> None:
    eiche, birke = case.id("eiche-ag"), case.id("birke-ag")
    organization, deal = case.number(1), case.number(2)

    await case.arrive(
        native("Trial Started", -1, account_id=eiche, user_id=case.id("eva")),
        pipedrive("create", "organization", organization, 0, our_account=eiche),
        pipedrive("create", "deal", deal, 0.001, org_id=organization, stage_id=1, status="open"),
        pipedrive("change", "organization", organization, QUARTER, our_account=birke),
        pipedrive("change", "deal", deal, 1, org_id=organization, stage_id=2, status="won",
                  value=9000, previous={"status": "open"}),
    )  # fmt: skip

    assert (
        await case.stages(
            {"account_id": birke}, {"account_id": f"pipedrive:organization:{organization}"}
        )
        == [(birke, "customer")] * 2
    )
    assert await case.stages({"account_id": eiche}) == [(eiche, "trial")]
    assert await case.events(eiche) == ["Trial Started"]
