"""I8, I11: one name in different spellings is one name."""

import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.acceptance.identity.bodies import (
    hubspot_property,
    native,
    posthog,
    segment,
    stripe,
)
from tests.acceptance.identity.case import Case

ZERO_WIDTH, BYTE_ORDER, NO_BREAK = "\u200b", "\ufeff", "\u00a0"


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


# -- I8: addresses -------------------------------------------------------------------------------


async def test_an_address_is_one_person_whatever_field_has_it(case: Case) -> None:
    address, account = case.email("wanda"), case.id("seehof")

    await case.arrive(
        posthog("Page Viewed", address.title(), 0),
        segment("group", 1, userId=address, groupId=account),
        native("Trial Started", 2, email=address),
    )

    names = [{"user_id": address.upper()}, {"email": address}, {"anonymous_id": address}]
    assert await case.stages(*names) == [(account, "trial")] * 3
    assert await case.events(account) == ["Page Viewed", "Account Identified", "Trial Started"]
    assert await case.identifiers(account) == [f"email:{address}"]


async def test_an_address_as_an_anonymous_or_former_id_is_that_address(case: Case) -> None:
    address, account, user = case.email("wanda"), case.id("seehof"), case.id("wanda")

    await case.arrive(
        segment("track", 0, anonymousId=address.upper(), event="Trial Started"),
        segment("alias", 1, previousId=f" {address.title()} ", userId=user),
        segment("group", 2, userId=user, groupId=account),
    )

    names = [{"user_id": user}, {"email": address}]
    assert await case.stages(*names) == [(account, "trial")] * 2


async def test_an_address_of_a_provider_is_that_of_the_sdk(case: Case) -> None:
    address, account = case.email("wanda"), case.id("seehof")
    contact, customer = case.number(1), case.id("cus_8")

    await case.arrive(
        hubspot_property("contact", contact, "email", address.upper(), 0),
        segment("group", 1, userId=address, groupId=account),
        stripe("customer.updated", 2, id=customer, email=address.title()),
        stripe(
            "customer.subscription.created", 3, id=case.id("s"), customer=customer, status="active"
        ),
    )

    names = [{"email": address}, {"external_id": f"hubspot:contact:{contact}"}]
    assert await case.stages(*names) == [(account, "customer")] * 2


async def test_user_ids_that_differ_by_case_are_two_people(case: Case) -> None:
    one, other = case.id("Ab"), case.id("aB")

    await case.arrive(
        native("Trial Started", 0, user_id=one), native("Page Viewed", 0, user_id=other)
    )

    assert await case.stages({"user_id": one}, {"user_id": other}) == [
        (f"user:{one}", "trial"),
        (f"user:{other}", "lead"),
    ]


# -- I11: invisible characters and accents -------------------------------------------------------


@pytest.mark.parametrize(
    "spelt",
    [
        pytest.param(lambda text: f"{text[:2]}{ZERO_WIDTH}{text[2:]}", id="zero-width space"),
        pytest.param(lambda text: f"{BYTE_ORDER}{text}", id="byte order mark"),
        pytest.param(lambda text: f"{NO_BREAK}{text}{NO_BREAK}", id="no-break space"),
        pytest.param(decomposed, id="decomposed accents"),
    ],
)
async def test_ids_and_addresses_have_one_normal_form(
    case: Case, spelt: Callable[[str], str]
) -> None:
    user, address = case.id("zoé"), case.email("zoé")
    device, account = case.id("gerät"), case.id("société")

    await case.arrive(
        native("Page Viewed", 0, anonymous_id=device, user_id=user, email=address),
        native("Page Viewed", 1, user_id=spelt(user), account_id=spelt(account)),
        native("Trial Started", 2, email=spelt(address)),
        native("Subscription Started", 3, anonymous_id=spelt(device)),
    )

    names = [{"account_id": account}, {"user_id": user}, {"email": address}]
    spellings = [{name: spelt(value) for name, value in each.items()} for each in names]
    assert await case.stages(*names, *spellings) == [(account, "customer")] * 6
    assert await case.identifiers(quote(account)) == sorted(
        [f"anonymous:{device}", f"email:{address}", f"user:{user}"]
    )


EVENTS = (f"Demo{NO_BREAK}Requested", f"{BYTE_ORDER}Demo Re{ZERO_WIDTH}quested ",
          decomposed("Vidéo démo"))  # fmt: skip


async def test_event_names_have_one_normal_form(case: Case) -> None:
    users = [[case.id(f"{way}-{place}") for place in range(3)] for way in ("n", "s", "p")]
    natives, segments, posthogs = users

    await case.arrive(
        *(native(each, 0, user_id=user) for each, user in zip(EVENTS, natives, strict=True)),
        *(segment("track", 0, userId=user, event=each)
          for each, user in zip(EVENTS, segments, strict=True)),
        *(posthog(each, user, 0) for each, user in zip(EVENTS, posthogs, strict=True)),
    )  # fmt: skip

    for three in users:
        assert await case.stages(*({"user_id": user} for user in three)) == [
            (f"user:{user}", "trial") for user in three
        ]
        events = [await case.events(f"user:{user}") for user in three]
        assert events == [["Demo Requested"], ["Demo Requested"], ["Vidéo démo"]]


async def test_names_that_differ_by_case_or_blanks_alone_are_near_misses(case: Case) -> None:
    misses = ("demo requested", "Demo  Requested", "DemoRequested")
    user = case.id("ann")

    await case.arrive(*(native(miss, 0, user_id=user) for miss in misses))

    assert await case.stages({"user_id": user}) == [(f"user:{user}", "lead")]
    assert [await case.meant(miss) for miss in misses] == ["Demo Requested"] * 3
