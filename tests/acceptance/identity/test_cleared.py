"""The account id of a CRM's record is emptied: what the former value said is taken back."""

from tests.acceptance.identity.bodies import (
    hubspot_link,
    hubspot_property,
    native,
    pipedrive,
    salesforce,
    salesforce_id,
)
from tests.acceptance.identity.case import Case
from tests.acceptance.identity.senders import ACCOUNT_PROPERTY


async def test_a_company_of_hubspot_is_an_account_of_its_own_again(case: Case) -> None:
    eiche, company, deal = case.id("eiche-ag"), case.number(711), case.number(501)

    await case.arrive(
        native("Trial Started", -1, account_id=eiche, user_id=case.id("eva")),
        hubspot_property("company", company, ACCOUNT_PROPERTY, eiche, 0),
        hubspot_link("DEAL_TO_COMPANY", (deal, company), 1),
        hubspot_property("company", company, ACCOUNT_PROPERTY, "", 2),
        native("Deal Won", 3, external_id=f"hubspot:deal:{deal}"),
    )

    own = f"hubspot:company:{company}"
    names = [{"account_id": eiche}, {"account_id": own}, {"user_id": case.id("eva")}]
    assert await case.stages(*names) == [(eiche, "trial"), (own, "customer"), (eiche, "trial")]
    assert await case.events(eiche) == ["Trial Started"]


async def test_an_account_id_that_is_set_again_counts_again(case: Case) -> None:
    eiche, birke, company = case.id("eiche-ag"), case.id("birke-ag"), case.number(711)

    await case.arrive(
        hubspot_property("company", company, ACCOUNT_PROPERTY, eiche, 0),
        hubspot_property("company", company, ACCOUNT_PROPERTY, "", 1),
        hubspot_property("company", company, ACCOUNT_PROPERTY, birke, 2),
        hubspot_property("company", company, "lifecyclestage", "customer", 3),
    )

    own = {"account_id": f"hubspot:company:{company}"}
    assert await case.stages(own, {"account_id": birke}) == [(birke, "lead")] * 2


async def test_another_record_of_the_account_stays_its(case: Case) -> None:
    eiche, first, second = case.id("eiche-ag"), case.number(1), case.number(2)

    await case.arrive(
        hubspot_property("company", first, ACCOUNT_PROPERTY, eiche, 0),
        hubspot_property("company", second, ACCOUNT_PROPERTY, eiche, 0.1),
        hubspot_property("company", first, ACCOUNT_PROPERTY, "", 1),
        native("Trial Started", 2, account_external_id=f"hubspot:company:{first}"),
        native("Deal Won", 2, account_external_id=f"hubspot:company:{second}"),
    )

    own = f"hubspot:company:{first}"
    names = [{"account_id": own}, {"account_id": f"hubspot:company:{second}"}]
    assert await case.stages(*names) == [(own, "trial"), (eiche, "customer")]


async def test_an_account_of_salesforce_is_one_of_its_own_again(case: Case) -> None:
    eiche = case.id("eiche-ag")
    company = salesforce_id("001", case.number(1))
    opportunity = salesforce_id("006", case.number(2))

    await case.arrive(
        native("Trial Started", -1, account_id=eiche, user_id=case.id("eva")),
        salesforce("Account", company, 0, our_account=eiche),
        salesforce("Opportunity", opportunity, 1, AccountId=company, StageName="Won", IsWon=True),
        salesforce("Account", company, 2, our_account=None),
    )

    own = f"salesforce:account:{company}"
    assert await case.stages({"account_id": eiche}, {"account_id": own}) == [
        (eiche, "trial"),
        (own, "customer"),
    ]


async def test_an_organization_of_pipedrive_is_an_account_of_its_own_again(case: Case) -> None:
    eiche, number = case.id("eiche-ag"), case.number(4)
    named = {"custom_fields": {ACCOUNT_PROPERTY: {"type": "varchar", "value": eiche}}}
    empty = {"custom_fields": {ACCOUNT_PROPERTY: None}}

    await case.arrive(
        native("Trial Started", -1, account_id=eiche, user_id=case.id("eva")),
        pipedrive("create", "organization", number, 0, name="Eiche", **named),
        pipedrive("change", "organization", number, 1, name="Eiche", **empty, previous=named),
        native("Deal Won", 2, account_external_id=f"pipedrive:organization:{number}"),
    )

    own = f"pipedrive:organization:{number}"
    assert await case.stages({"account_id": eiche}, {"account_id": own}) == [
        (eiche, "trial"),
        (own, "customer"),
    ]


async def test_a_record_says_natively_that_it_is_an_account_of_its_own(case: Case) -> None:
    eiche, record = case.id("eiche-ag"), f"hubspot:company:{case.number(7)}"

    await case.arrive(
        native("Company Updated", 0, account_external_id=record, account_id=eiche),
        native("Company Updated", 1, account_external_id=record, account_id=record),
        native("Deal Won", 2, account_external_id=record),
    )

    assert await case.stages({"account_id": record}) == [(record, "customer")]
