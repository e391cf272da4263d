"""An operator says who is who, takes it back, and erases: both histories are as if it had never been said."""

from typing import Any

import httpx

from tests.acceptance.identity.bodies import Step, native
from tests.acceptance.identity.case import Case

STATEMENTS = {"Person Merged", "Person Unmerged", "Account Merged", "Account Unmerged"}


class Two:
    """Two people, each with an address and an account."""

    def __init__(self, case: Case) -> None:
        self.users = [case.id("kim-work"), case.id("kim-home")]
        self.addresses = [case.email("kim"), case.email("kimberly")]
        self.account = case.id("kim-co")

    def steps(self) -> list[Step]:
        first, second = self.users
        return [
            native("Signed In", 0, user_id=first, email=self.addresses[0], account_id=self.account),
            native("Guide Downloaded", 1, user_id=second, email=self.addresses[1]),
            native("Trial Started", 2, email=self.addresses[1]),
        ]

    def names(self) -> list[dict[str, str]]:
        return [
            *({"user_id": user} for user in self.users),
            *({"email": address} for address in self.addresses),
        ]

    def apart(self) -> list[tuple[str, str | None]]:
        first, second = (self.account, "lead"), (f"user:{self.users[1]}", "trial")
        return [first, second, first, second]


async def history(case: Case, *subjects: str) -> list[list[dict[str, Any]]]:
    """Timelines without the operator's statements."""
    return [
        [each for each in await case.timeline(subject) if each["event"] not in STATEMENTS]
        for subject in subjects
    ]


async def test_people_whom_an_operator_merged_are_one_until_it_is_withdrawn(case: Case) -> None:
    two = Two(case)
    first, second = (f"user:{user}" for user in two.users)
    await case.arrive(*two.steps())
    before = await history(case, two.account, second)
    assert await case.stages(*two.names()) == two.apart()

    await case.state("people", first, "merge", second)

    assert await case.stages(*two.names()) == [(two.account, "trial")] * 4
    (merged,) = await history(case, two.account)
    assert [each["event"] for each in merged] == ["Signed In", "Guide Downloaded", "Trial Started"]

    await case.state("people", second, "unmerge", first)

    assert await case.stages(*two.names()) == two.apart()
    assert await history(case, two.account, second) == before


async def test_a_statement_counts_for_what_comes_after_it_as_well(case: Case) -> None:
    two = Two(case)
    first, second = (f"user:{user}" for user in two.users)

    await case.state("people", first, "merge", second)
    await case.arrive(*two.steps())
    assert await case.stages(*two.names()) == [(two.account, "trial")] * 4

    await case.state("people", first, "unmerge", second)
    await case.arrive(native("Demo Requested", 3, user_id=two.users[1], email=two.addresses[1]))
    assert await case.stages(*two.names()) == two.apart()


async def test_an_address_that_an_operator_gave_to_a_user_stays_its(case: Case) -> None:
    two = Two(case)
    first, second = (f"user:{user}" for user in two.users)

    await case.state("people", first, "merge", f"email:{two.addresses[1]}")
    await case.arrive(*two.steps())

    # What stands together later gives no person two users: the second stays one of its own.
    own, shared = (two.account, "trial"), (second, "lead")
    assert await case.stages(*two.names()) == [own, shared, own, own]


async def test_names_that_stood_together_are_apart_once_an_operator_says_so(case: Case) -> None:
    reception, ann = case.email("reception"), case.id("ann")
    account = case.id("hotel")
    await case.arrive(
        native("Signed In", 0, user_id=ann, email=reception, account_id=account),
        native("Trial Started", 1, email=reception),
    )
    assert await case.stages({"email": reception}) == [(account, "trial")]

    await case.state("people", f"user:{ann}", "unmerge", f"email:{reception}")

    assert await case.stages({"user_id": ann}, {"email": reception}) == [
        (account, "lead"),
        (f"email:{reception}", "trial"),
    ]


async def test_accounts_that_an_operator_merged_are_one_until_it_is_withdrawn(case: Case) -> None:
    kept, gone = case.id("kept-ag"), case.id("gone-gmbh")
    ann, ben = case.id("ann"), case.id("ben")
    await case.arrive(
        native("Signed In", 0, user_id=ann, account_id=kept),
        native("Signed In", 1, user_id=ben, account_id=gone),
        native("Trial Started", 2, user_id=ben),
    )
    names = [{"account_id": kept}, {"account_id": gone}, {"user_id": ann}, {"user_id": ben}]
    apart = [(kept, "lead"), (gone, "trial"), (kept, "lead"), (gone, "trial")]
    before = await history(case, kept, gone)
    assert await case.stages(*names) == apart

    await case.state("accounts", kept, "merge", gone)
    assert await case.stages(*names) == [(kept, "trial")] * 4

    await case.state("accounts", kept, "unmerge", gone)
    assert await case.stages(*names) == apart
    assert await history(case, kept, gone) == before


async def test_an_erasure_after_a_merge_takes_the_person_and_no_colleague(case: Case) -> None:
    two, colleague = Two(case), case.id("colleague")
    first, second = (f"user:{user}" for user in two.users)
    await case.arrive(
        *two.steps(), native("Subscription Started", 3, user_id=colleague, account_id=two.account)
    )
    await case.state("people", first, "merge", second)

    await case.erase(f"email:{two.addresses[1]}")
    await case.state("people", first, "unmerge", second, statuses={202, 409})

    for name in two.names():
        assert await case.status(**name) == httpx.codes.NOT_FOUND
    assert await case.stages({"user_id": colleague}) == [(two.account, "customer")]
    assert await case.events(two.account) == ["Subscription Started"]
