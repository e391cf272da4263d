"""I5, I6: an id that names nobody joins nothing, and its event lives on by its other names."""

from collections.abc import Callable

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


JUNK = ("undefined", "NULL", " n/a ", "{{ user.id }}", "[object Object]")


async def test_a_junk_user_id_joins_no_accounts(case: Case) -> None:
    def story(junk: str, place: int) -> list[Step]:
        a, b, alpha, beta = _names(case, place)
        return [
            segment("identify", 0, alpha, userId=junk, anonymousId=a),
            segment("group", 0.1, userId=junk, anonymousId=a, groupId=alpha),
            segment("identify", 1, beta, userId=junk, anonymousId=b),
            segment("group", 1.1, userId=junk, anonymousId=b, groupId=beta),
            segment("track", 2, userId=junk, anonymousId=b, event="Subscription Started"),
        ]

    await case.arrive(*(step for place, junk in enumerate(JUNK) for step in story(junk, place)))

    for place, junk in enumerate(JUNK):
        a, b, alpha, beta = _names(case, place)
        assert (
            await case.stages({"anonymous_id": a}, {"account_id": alpha}) == [(alpha, "lead")] * 2
        )
        assert (
            await case.stages({"anonymous_id": b}, {"account_id": beta}) == [(beta, "customer")] * 2
        )
        assert await case.status(user_id=junk) == httpx.codes.NOT_FOUND


def _names(case: Case, place: int) -> tuple[str, str, str, str]:
    a, b, alpha, beta = (case.id(f"{word}-{place}") for word in ("a", "b", "alpha", "beta"))
    return a, b, alpha, beta


async def test_a_junk_account_is_none(case: Case) -> None:
    users = {way: (case.id(f"{way}-ann"), case.id(f"{way}-ben")) for way in WAYS}

    await case.arrive(*(WAYS[way](user) for way, two in users.items() for user in two))

    for two in users.values():
        assert await case.stages(*({"user_id": user} for user in two)) == [
            (f"user:{user}", "trial") for user in two
        ]
    assert await case.status(account_id="null") == httpx.codes.NOT_FOUND


WAYS: dict[str, Callable[[str], Step]] = {
    "native": lambda user: native("Trial Started", 0, user_id=user, account_id="null"),
    "segment": lambda user: segment("track", 0, "null", userId=user, event="Trial Started"),
    "posthog": lambda user: posthog("Trial Started", user, 0, group="null"),
}


async def test_a_junk_address_joins_no_people(case: Case) -> None:
    users = [case.id("ann"), case.id("ben")]

    await case.arrive(
        *(
            posthog("$identify", user, 0, group=f"{user}-co", _set={"email": "undefined"})
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
    case: Case, companies: Callable[[Case], tuple[list[Step], list[str]]]
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


async def test_what_a_device_without_id_does_is_no_accounts(case: Case) -> None:
    people = {junk: (case.id(f"ann-{place}"), case.id(f"ben-{place}"))
              for place, junk in enumerate(NO_DEVICES)}  # fmt: skip

    await case.arrive(
        *(
            segment("group", day, userId=user, anonymousId=junk, groupId=f"{user}-co")
            for junk, two in people.items()
            for day, user in enumerate(two)
        )
    )
    for junk in NO_DEVICES:
        await case.refused(segment("track", 2, anonymousId=junk, event="Subscription Started"))
        await case.refused(native("Subscription Started", 2, anonymous_id=junk))

    for junk, two in people.items():
        assert await case.stages(*({"user_id": user} for user in two)) == [
            (f"{user}-co", "lead") for user in two
        ]
        assert await case.status(anonymous_id=junk) == httpx.codes.NOT_FOUND


NO_DEVICES = (NIL, NIL.replace("-", ""), "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF")


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
