"""I5, I6: an id that names nobody joins nothing, and its event lives on by its other names."""

import httpx
import pytest

from tests.acceptance.identity.bodies import (
    Step,
    hubspot,
    hubspot_property,
    native,
    pipedrive,
    posthog,
    salesforce,
    salesforce_id,
    segment,
)
from tests.acceptance.identity.case import Case
from tests.acceptance.identity.senders import ACCOUNT_PROPERTY

NIL = "00000000-0000-0000-0000-000000000000"

# -- I5: ids -------------------------------------------------------------------------------------


@pytest.mark.parametrize("junk", ["undefined", "NULL", " n/a ", "{{ user.id }}", "[object Object]"])
async def test_a_junk_user_id_joins_no_accounts(case: Case, junk: str) -> None:
    a, b, alpha, beta = (case.id(name) for name in ("a", "b", "alpha", "beta"))

    await case.arrive(
        segment("identify", 0, alpha, userId=junk, anonymousId=a),
        segment("group", 0.1, userId=junk, anonymousId=a, groupId=alpha),
        segment("identify", 1, beta, userId=junk, anonymousId=b),
        segment("group", 1.1, userId=junk, anonymousId=b, groupId=beta),
        segment("track", 2, userId=junk, anonymousId=b, event="Subscription Started"),
    )

    names = [{"account_id": alpha}, {"anonymous_id": a}, {"account_id": beta}, {"anonymous_id": b}]
    assert await case.stages(*names) == [
        (alpha, "lead"), (alpha, "lead"), (beta, "customer"), (beta, "customer"),
    ]  # fmt: skip
    assert await case.status(user_id=junk) == httpx.codes.NOT_FOUND


@pytest.mark.parametrize("way", ["native", "segment", "posthog"])
async def test_a_junk_account_is_none(case: Case, way: str) -> None:
    users = [case.id("ann"), case.id("ben")]
    steps = {
        "native": lambda user: native("Trial Started", 0, user_id=user, account_id="null"),
        "segment": lambda user: segment("track", 0, "null", userId=user, event="Trial Started"),
        "posthog": lambda user: posthog("Trial Started", user, 0, group="null"),
    }

    await case.arrive(*(steps[way](user) for user in users))

    assert await case.stages(*({"user_id": user} for user in users)) == [
        (f"user:{user}", "trial") for user in users
    ]
    assert await case.status(account_id="null") == httpx.codes.NOT_FOUND


async def test_a_junk_address_joins_no_people(case: Case) -> None:
    users = [case.id("ann"), case.id("ben")]

    await case.arrive(
        *(
            posthog("$identify", user, 0, group=f"{user}-co", **{"_set": {"email": "undefined"}})
            for user in users
        ),
        posthog("Trial Started", users[1], 1),
    )

    assert await case.stages(*({"user_id": user} for user in users)) == [
        (f"{users[0]}-co", "lead"),
        (f"{users[1]}-co", "trial"),
    ]


def _companies_of_hubspot(case: Case) -> tuple[list[Step], list[str]]:
    numbers = [case.number(1), case.number(2)]
    created = [hubspot("company.creation", 0, objectId=number) for number in numbers]
    named = [hubspot_property("company", number, ACCOUNT_PROPERTY, "n/a", 1) for number in numbers]
    return [*created, *named], [f"hubspot:company:{number}" for number in numbers]


def _companies_of_pipedrive(case: Case) -> tuple[list[Step], list[str]]:
    numbers = [case.number(1), case.number(2)]
    created = [
        pipedrive("create", "organization", number, 0, our_account="unknown") for number in numbers
    ]
    return created, [f"pipedrive:organization:{number}" for number in numbers]


def _companies_of_salesforce(case: Case) -> tuple[list[Step], list[str]]:
    numbers = [salesforce_id("001", case.number(number)) for number in (1, 2)]
    created = [salesforce("Account", number, 0, our_account="None") for number in numbers]
    return created, [f"salesforce:account:{number}" for number in numbers]


@pytest.mark.parametrize(
    "companies", [_companies_of_hubspot, _companies_of_pipedrive, _companies_of_salesforce]
)
async def test_companies_with_a_junk_account_id_stay_apart(
    case: Case, companies: type[object]
) -> None:
    steps, accounts = companies(case)

    await case.arrive(*steps, native("Trial Started", 2, account_id=accounts[1]))

    assert await case.stages(*({"account_id": each} for each in accounts)) == [
        (accounts[0], "lead"),
        (accounts[1], "trial"),
    ]


async def test_the_erasure_of_one_of_two_with_a_junk_id_reaches_one(case: Case) -> None:
    addresses = [case.email("ann"), case.email("ben")]

    await case.arrive(
        *(
            native("Trial Started", 0, user_id="[object Object]", email=address)
            for address in addresses
        )
    )
    await case.erase(f"email:{addresses[0]}")

    assert await case.status(email=addresses[0]) == httpx.codes.NOT_FOUND
    assert await case.stages({"email": addresses[1]}) == [(f"email:{addresses[1]}", "trial")]


async def test_the_erasure_of_a_junk_id_reaches_no_person(case: Case) -> None:
    address = case.email("ann")

    await case.arrive(native("Trial Started", 0, user_id="undefined", email=address))
    await case.erase("user:undefined")

    assert await case.stages({"email": address}) == [(f"email:{address}", "trial")]


# -- I6: devices ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "junk", [NIL, NIL.replace("-", ""), "ffffffff-ffff-ffff-ffff-ffffffffffff"]
)
async def test_what_a_device_without_id_does_is_no_accounts(case: Case, junk: str) -> None:
    ann, ben = case.id("ann"), case.id("ben")

    await case.arrive(
        segment("identify", 0, f"{ann}-co", userId=ann, anonymousId=junk),
        segment("group", 0.1, userId=ann, anonymousId=junk, groupId=f"{ann}-co"),
        segment("identify", 1, userId=ben, anonymousId=junk),
        segment("group", 1.1, userId=ben, anonymousId=junk, groupId=f"{ben}-co"),
    )
    await case.refused(segment("track", 2, anonymousId=junk, event="Subscription Started"))
    await case.refused(native("Subscription Started", 2, anonymous_id=junk))

    assert await case.stages({"user_id": ann}, {"user_id": ben}) == [
        (f"{ann}-co", "lead"),
        (f"{ben}-co", "lead"),
    ]
    assert await case.status(anonymous_id=junk) == httpx.codes.NOT_FOUND


async def test_a_device_of_several_people_is_the_last_ones_and_joins_them_not(case: Case) -> None:
    ann, ben, device = case.id("ann"), case.id("ben"), case.id("server")

    await case.arrive(
        native("Signed In", 0, user_id=ann, anonymous_id=device, account_id=f"{ann}-co"),
        native("Signed In", 1, user_id=ben, anonymous_id=device, account_id=f"{ben}-co"),
        native("Subscription Started", 2, anonymous_id=device),
    )

    assert await case.stages({"user_id": ann}, {"user_id": ben}) == [
        (f"{ann}-co", "lead"),
        (f"{ben}-co", "customer"),
    ]
    assert await case.identifiers(f"{ann}-co") == [f"user:{ann}"]


async def test_a_device_joins_no_records_either(case: Case) -> None:
    contacts = [f"hubspot:contact:{case.number(number)}" for number in (1, 2)]
    device, accounts = case.id("server"), [case.id("one"), case.id("two")]

    await case.arrive(
        *(
            native("Mail Opened", day, external_id=contact, anonymous_id=device, account_id=account)
            for day, (contact, account) in enumerate(zip(contacts, accounts, strict=True))
        ),
        native("Subscription Started", -1, anonymous_id=device),
    )

    assert await case.stages(*({"external_id": contact} for contact in contacts)) == [
        (accounts[0], "customer"),
        (accounts[1], "lead"),
    ]
