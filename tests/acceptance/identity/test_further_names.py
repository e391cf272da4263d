"""Several names of one person in what a provider or an SDK sends: each of them leads to the person."""

from tests.acceptance.identity.bodies import (
    hubspot_link,
    hubspot_property,
    native,
    pipedrive,
    segment,
)
from tests.acceptance.identity.case import Case


async def test_an_additional_address_of_a_contact_leads_to_its_company(case: Case) -> None:
    contact, company = case.number(8301), case.number(701)
    first, home, old = (case.email(word) for word in ("jonas", "home", "old"))

    await case.arrive(
        hubspot_link("CONTACT_TO_COMPANY", (contact, company), 0),
        hubspot_property("contact", contact, "email", first, 0),
        hubspot_property("contact", contact, "hs_additional_emails", f"{home};{old}", 1),
        native("Trial Started", 2, email=home),
        native("Subscription Started", 3, email=old),
    )

    account = f"hubspot:company:{company}"
    names = [{"email": first}, {"email": home}, {"email": old}]
    assert await case.stages(*names) == [(account, "customer")] * 3


async def test_two_contacts_with_one_additional_address_stay_two(case: Case) -> None:
    first, second = case.number(1), case.number(2)
    shared = case.email("office")

    await case.arrive(
        hubspot_link("CONTACT_TO_COMPANY", (first, case.number(701)), 0),
        hubspot_link("CONTACT_TO_COMPANY", (second, case.number(702)), 0),
        hubspot_property("contact", first, "hs_additional_emails", shared, 1),
        hubspot_property("contact", second, "hs_additional_emails", shared, 2),
        native("Trial Started", 3, email=shared),
    )

    accounts = [{"account_id": f"hubspot:company:{case.number(each)}"} for each in (701, 702)]
    assert [stage for _, stage in await case.stages(*accounts)] == ["trial", "lead"]


async def test_every_address_of_a_person_of_pipedrive_leads_to_the_organization(case: Case) -> None:
    person, organization = case.number(5), case.number(4)
    primary, other = case.email("primary"), case.email("other")
    listed = [{"value": other, "primary": False}, {"value": primary, "primary": True}]

    await case.arrive(
        pipedrive("create", "person", person, 0, org_id=organization, emails=listed),
        native("Trial Started", 1, email=other),
        native("Subscription Started", 2, email=primary),
    )

    account = f"pipedrive:organization:{organization}"
    names = [{"email": primary}, {"email": other}]
    assert await case.stages(*names) == [(account, "customer")] * 2


async def test_external_ids_of_a_call_are_names_of_its_user(case: Case) -> None:
    user, group, home = case.id("leah"), case.id("co"), case.email("home")
    ids = [
        {"id": home, "type": "email", "collection": "users", "encoding": "none"},
        {"id": case.id("0171"), "type": "phone", "collection": "users", "encoding": "none"},
        {"id": case.id("d-9"), "type": "ios.idfa", "collection": "users", "encoding": "none"},
    ]

    await case.arrive(
        segment("identify", 0, userId=user, context={"groupId": group, "externalIds": ids}),
        native("Trial Started", 1, external_id=f"segment:phone:{case.id('0171')}"),
        native("Subscription Started", 2, email=home),
    )

    assert await case.stages({"user_id": user}, {"email": home}) == [(group, "customer")] * 2
    assert await case.status(anonymous_id=case.id("d-9")) == 404


async def test_external_ids_do_not_make_two_users_one(case: Case) -> None:
    amy, ben = case.id("amy"), case.id("ben")
    ids = [{"id": ben, "type": "user_id", "collection": "users", "encoding": "none"}]

    await case.arrive(
        segment("track", 0, userId=amy, event="Trial Started", context={"externalIds": ids}),
        segment("track", 1, userId=ben, event="Subscription Started"),
    )

    assert await case.stages({"user_id": amy}, {"user_id": ben}) == [
        (f"user:{amy}", "trial"),
        (f"user:{ben}", "customer"),
    ]


async def test_rudderstacks_merge_makes_its_names_one_person(case: Case) -> None:
    user, old, group = case.id("leah"), case.id("old"), case.id("co")
    home = case.email("home")
    merged = [{"type": "email", "value": home}, {"type": "userId", "value": old}]

    await case.arrive(
        native("Trial Started", 0, user_id=old, account_id=group),
        segment("merge", 1, userId=user, mergeProperties=merged),
        native("Subscription Started", 2, email=home),
    )

    names = [{"user_id": user}, {"user_id": old}, {"email": home}]
    assert await case.stages(*names) == [(group, "customer")] * 3
