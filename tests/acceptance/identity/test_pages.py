"""What the public key of a web page may say of who is who: whose a device is, and nothing of known people."""

from collections.abc import Callable

import pytest

from tests.acceptance.identity.bodies import Step, by_page, native, posthog, segment
from tests.acceptance.identity.case import Case

Joins = Callable[[str, str], Step]
"""An alias of a customer by someone else: the former name, the new one."""

JOINS: dict[str, Joins] = {
    "segment": lambda gone, kept: segment("alias", 2, previousId=gone, userId=kept),
    "posthog's alias": lambda gone, kept: posthog("$create_alias", gone, 2, alias=kept),
    "posthog's merge": lambda gone, kept: posthog("$merge_dangerously", kept, 2, alias=gone),
}


@pytest.mark.parametrize("join", JOINS.values(), ids=JOINS)
async def test_a_page_does_not_make_a_customer_another_ones(case: Case, join: Joins) -> None:
    customer, stranger = case.id("customer"), case.id("stranger")
    theirs, other = case.id("theirs"), case.id("other")

    await case.arrive(
        native("Trial Started", 0, user_id=customer, account_id=theirs),
        native("Page Viewed", 1, user_id=stranger, account_id=other),
        by_page(join(customer, stranger)),
        by_page(join(stranger, customer)),
        native("Subscription Started", 3, user_id=customer),
    )

    names = [{"user_id": customer}, {"user_id": stranger}]
    assert await case.stages(*names) == [(theirs, "customer"), (other, "lead")]


@pytest.mark.parametrize("kind", ["address", "record"])
async def test_a_page_does_not_take_an_address_or_a_record(case: Case, kind: str) -> None:
    address, contact = case.email("customer"), f"hubspot:contact:{case.number(1)}"
    stranger, theirs = case.id("stranger"), case.id("theirs")
    former = {"address": address, "record": contact}[kind]

    await case.arrive(
        native("Trial Started", 0, email=address, external_id=contact, account_id=theirs),
        by_page(segment("alias", 1, previousId=former, userId=stranger)),
        by_page(segment("track", 2, userId=stranger, event="Subscription Started")),
    )

    names = [{"email": address}, {"external_id": contact}, {"user_id": stranger}]
    trial = (theirs, "trial")
    assert await case.stages(*names) == [trial, trial, (f"user:{stranger}", "customer")]


async def test_a_page_does_not_move_a_company_of_the_crm(case: Case) -> None:
    record, theirs, rival = (
        f"hubspot:company:{case.number(701)}",
        case.id("theirs"),
        case.id("rival"),
    )

    await case.arrive(
        native("Company Updated", 0, account_external_id=record, account_id=theirs),
        by_page(
            native("Page Viewed", 1, user_id="u", account_external_id=record, account_id=rival)
        ),
        native("Deal Won", 2, account_external_id=record),
    )

    names = [{"account_id": theirs}, {"account_id": rival}]
    assert await case.stages(*names) == [(theirs, "customer"), (rival, "lead")]


async def test_a_page_says_whose_a_device_is_as_its_sdks_do(case: Case) -> None:
    first, second = case.id("d-1"), case.id("d-2")
    leah, mika, group = case.id("leah"), case.id("mika"), case.id("co")

    await case.arrive(
        by_page(segment("track", 0, group, anonymousId=first, event="Trial Started")),
        by_page(segment("alias", 1, previousId=first, userId=leah, anonymousId=first)),
        by_page(segment("track", 2, userId=leah, event="Subscription Started")),
        by_page(
            posthog("Trial Started", second, 0, group=f"{group}-2", _is_identified=False)
        ),
        by_page(posthog("$identify", mika, 1, _anon_distinct_id=second)),
        by_page(posthog("Subscription Started", mika, 2)),
    )  # fmt: skip

    names = [{"user_id": leah}, {"anonymous_id": first}, {"user_id": mika}]
    paying = (group, "customer")
    assert await case.stages(*names) == [paying, paying, (f"{group}-2", "customer")]


async def test_the_same_alias_by_a_server_joins_them(case: Case) -> None:
    old, new, group = case.id("old"), case.id("new"), case.id("co")

    await case.arrive(
        native("Trial Started", 0, user_id=old, account_id=group),
        by_page(segment("alias", 1, previousId=old, userId=new)),
        segment("alias", 2, previousId=old, userId=new),
        native("Subscription Started", 3, user_id=new),
    )

    assert await case.stages({"user_id": old}, {"user_id": new}) == [(group, "customer")] * 2
