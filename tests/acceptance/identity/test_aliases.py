"""I1, I2: a person got another id, and the sender says so."""

from tests.acceptance.identity.bodies import Step, native, posthog, segment
from tests.acceptance.identity.case import Case

UUID = "01a20393-ea82-77a0-a8aa-{:012}"


async def test_a_renamed_user_is_one_person_in_its_account(case: Case) -> None:
    old, new, group = case.id("old-5"), case.id("new-5"), case.id("rename-co")

    await case.arrive(
        segment("track", 0, group, userId=old, event="Trial Started"),
        segment("alias", 1, previousId=old, userId=new),
        segment("track", 2, userId=new, event="Subscription Started"),
    )

    names = [{"account_id": group}, {"user_id": old}, {"user_id": new}]
    assert await case.stages(*names) == [(group, "customer")] * 3
    assert await case.events(group) == ["Trial Started", "Person Aliased", "Subscription Started"]


async def test_the_former_id_may_be_an_address(case: Case) -> None:
    address, new, group = case.email("old"), case.id("new"), case.id("co")

    await case.arrive(
        native("Trial Started", 0, email=address.upper(), account_id=group),
        segment("alias", 1, previousId=address, userId=new),
        segment("track", 2, userId=new, event="Subscription Started"),
    )

    names = [{"account_id": group}, {"email": address}, {"user_id": new}]
    assert await case.stages(*names) == [(group, "customer")] * 3


async def test_the_former_id_may_be_a_device(case: Case) -> None:
    device, new, group = case.id("device"), case.id("new"), case.id("co")

    await case.arrive(
        segment("track", 0, group, anonymousId=device, event="Trial Started"),
        segment("alias", 1, previousId=device, userId=new),
        segment("track", 2, userId=new, event="Subscription Started"),
    )

    names = [{"account_id": group}, {"anonymous_id": device}, {"user_id": new}]
    assert await case.stages(*names) == [(group, "customer")] * 3


async def test_the_former_id_may_be_a_providers_record(case: Case) -> None:
    contact, new, group = f"hubspot:contact:{case.number(1)}", case.id("new"), case.id("co")

    await case.arrive(
        native("Trial Started", 0, external_id=contact, account_id=group),
        segment("alias", 1, previousId=contact, userId=new),
        segment("track", 2, userId=new, event="Subscription Started"),
    )

    names = [{"external_id": contact}, {"anonymous_id": contact}, {"user_id": new}]
    assert await case.stages(*names) == [(group, "customer")] * 3


async def test_a_user_who_was_renamed_twice_is_one_person(case: Case) -> None:
    first, second, third = (case.id(name) for name in ("z-first", "a-second", "m-third"))
    group = case.id("co")

    await case.arrive(
        segment("identify", 0, userId=first),
        segment("alias", 1, previousId=first, userId=second),
        segment("alias", 2, previousId=second, userId=third),
        segment("track", 3, userId=first, event="Trial Started"),
        segment("group", 4, userId=third, groupId=group),
    )

    names = [{"user_id": first}, {"user_id": second}, {"user_id": third}]
    assert await case.stages(*names) == [(group, "trial")] * 3


async def test_a_person_without_account_is_under_its_newest_id(case: Case) -> None:
    old, new = case.id("a-old"), case.id("z-new")

    await case.arrive(
        segment("track", 0, userId=old, event="Trial Started"),
        segment("alias", 1, previousId=old, userId=new),
    )

    names = [{"user_id": old}, {"user_id": new}, {"account_id": f"user:{old}"}]
    assert await case.stages(*names) == [(f"user:{new}", "trial")] * 3
    assert await case.events(f"user:{new}") == ["Trial Started", "Person Aliased"]


# -- PostHog -------------------------------------------------------------------------------------


async def test_an_alias_of_a_random_id_is_one_person(case: Case) -> None:
    random, user = UUID.format(case.number(1)), case.id("mika")
    group = case.id("alias-co")

    await case.arrive(
        posthog("Page Viewed", random, 0, group=group),
        posthog("$create_alias", random, 1, alias=user),
        posthog("Trial Started", user, 2),
    )

    names = [{"account_id": group}, {"user_id": user}]
    assert await case.stages(*names) == [(group, "trial")] * 2
    assert await case.events(group) == ["Page Viewed", "Person Aliased", "Trial Started"]


async def test_an_alias_of_a_browsers_id_is_one_person(case: Case) -> None:
    device, user, group = UUID.format(case.number(2)), case.id("mika"), case.id("alias-co")

    await case.arrive(
        posthog("Page Viewed", device, 0, group=group, _device_id=device, _is_identified=False),
        posthog("$create_alias", device, 1, alias=user, _device_id=device),
        posthog("Trial Started", user, 2),
    )

    names = [{"account_id": group}, {"user_id": user}, {"anonymous_id": device}]
    assert await case.stages(*names) == [(group, "trial")] * 3


def _merged_ids(case: Case, gone: str, kept: str) -> list[Step]:
    return [
        posthog("Page Viewed", gone, 0, group=case.id("merge-co")),
        posthog("$merge_dangerously", kept, 1, alias=gone),
        posthog("Trial Started", kept, 2),
    ]


async def test_a_merge_of_two_known_ids_is_one_person(case: Case) -> None:
    kept, gone, group = case.id("kept"), case.id("gone"), case.id("merge-co")

    await case.arrive(*_merged_ids(case, gone, kept))

    names = [{"account_id": group}, {"user_id": kept}, {"user_id": gone}]
    assert await case.stages(*names) == [(group, "trial")] * 3


async def test_a_merge_of_two_ids_that_have_addresses_is_one_person(case: Case) -> None:
    kept, gone, group = case.id("kept"), case.id("gone"), case.id("merge-co")
    addresses = [case.email("kept"), case.email("gone")]

    await case.arrive(
        native("Page Viewed", -2, user_id=kept, email=addresses[0]),
        native("Page Viewed", -1, user_id=gone, email=addresses[1]),
        *_merged_ids(case, gone, kept),
        native("Subscription Started", 3, email=addresses[1]),
    )

    names = [{"user_id": kept}, {"user_id": gone}, *({"email": each} for each in addresses)]
    assert await case.stages(*names) == [(group, "customer")] * 4


async def test_a_merge_with_an_address_as_id_is_one_person(case: Case) -> None:
    kept, gone, group = case.id("kept"), case.email("gone"), case.id("merge-co")

    await case.arrive(*_merged_ids(case, gone.upper(), kept))

    names = [{"account_id": group}, {"user_id": kept}, {"email": gone}]
    assert await case.stages(*names) == [(group, "trial")] * 3
