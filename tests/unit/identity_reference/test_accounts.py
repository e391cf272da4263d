"""Hand-computed memberships, records of accounts, merges of accounts, and owners of events."""

from shared.contracts.envelope import Envelope
from tests.support.identity_reference import Owner
from tests.unit.identity_reference.stories import on, outcome, subjects

DEAL = "external:hubspot:deal:1"


def ann(day: float, account: str | None = None, **fields: str) -> Envelope:
    return on(day, user_id="ann", account_id=account, **fields)


def deal(day: float, account: str | None = None, **fields: str) -> Envelope:
    return on(day, external_id="hubspot:deal:1", account_id=account, **fields)


def merge(day: float, account: str, previous: str, kind: str = "merge") -> Envelope:
    return on(day, type=kind, account_id=account, previous_account_id=previous)


# -- people in accounts --------------------------------------------------------------------------


def test_an_event_is_the_accounts_that_the_person_was_put_into_last_before() -> None:
    events = [ann(0), ann(1, "first"), ann(2), ann(3, "second"), ann(4), ann(5, "third")]

    assert subjects(*events) == {
        "m0": "first",
        "m1": "first",
        "m2": "first",
        "m3": "second",
        "m4": "second",
        "m5": "third",
    }


def test_an_old_row_with_a_former_account_moves_nothing_that_came_since() -> None:
    assert subjects(ann(5, "neuwerk"), ann(6), ann(0, "altwerk"), ann(1)) == {
        "m0": "altwerk",
        "m1": "altwerk",
        "m5": "neuwerk",
        "m6": "neuwerk",
    }


def test_a_person_that_leaves_an_account_is_in_the_one_before_or_by_itself() -> None:
    events = [
        ann(1, "first"), ann(2, "second"), ann(3, "second", type="leave"), ann(4),
        ann(5, "first", type="leave"), ann(6), ann(7, "second"), ann(8),
    ]  # fmt: skip

    resolved = subjects(*events)

    assert (resolved["m3"], resolved["m4"]) == ("second", "first")
    assert (resolved["m5"], resolved["m6"]) == ("first", "user:ann")
    assert (resolved["m7"], resolved["m8"]) == ("second", "second")


def test_before_a_person_was_put_into_an_account_it_is_in_the_first_one() -> None:
    assert subjects(ann(0), ann(1, "first", type="leave"), ann(2), ann(3, "second"))["m0"] == (
        "second"
    )
    assert subjects(ann(0), ann(1, "first", type="leave"), ann(2)) == {
        "m0": "user:ann",
        "m1": "first",
        "m2": "user:ann",
    }


def test_an_account_is_stated_under_any_name_of_the_person_and_by_its_device() -> None:
    resolved = subjects(
        on(0, email="a@x.example"),
        on(1, user_id="ann", email="a@x.example", anonymous_id="d"),
        on(2, anonymous_id="d", account_id="alpha"),
        ann(3),
    )

    assert set(resolved.values()) == {"alpha"}


def test_a_device_follows_the_account_of_whom_it_belongs_to() -> None:
    resolved = subjects(
        on(1, user_id="amy", anonymous_id="d", account_id="alpha"),
        on(2, anonymous_id="d"),
        on(3, user_id="ben", anonymous_id="d", account_id="beta"),
        on(4, anonymous_id="d"),
    )

    assert (resolved["m2"], resolved["m4"]) == ("alpha", "beta")


# -- objects -------------------------------------------------------------------------------------


def test_a_deal_is_whole_the_last_companys() -> None:
    events = [
        deal(0), deal(1, "711"), deal(2, "711", type="leave"), deal(3, "712"), deal(4)
    ]  # fmt: skip

    resolved = subjects(*events)

    assert (resolved["m0"], resolved["m4"]) == ("712", "712")
    assert (resolved["m1"], resolved["m2"], resolved["m3"]) == ("711", "711", "712")
    assert outcome(*events).owners["m4"] == Owner(DEAL, "712")


def test_a_deal_whose_last_company_was_removed_is_the_one_befores_or_by_itself() -> None:
    left_last = [deal(0), deal(1, "711"), deal(2, "712"), deal(3, "712", type="leave")]

    assert subjects(*left_last)["m0"] == "711"
    assert subjects(*left_last, deal(4, "711", type="leave"))["m0"] == DEAL
    assert subjects(*left_last, deal(4, "711", type="leave"), deal(5, "712"))["m0"] == "712"


# -- records of accounts -------------------------------------------------------------------------


def test_all_events_of_a_record_are_the_account_that_was_stated_last() -> None:
    company = {"account_external_id": "hubspot:company:1"}
    events = [
        on(0, **company),
        on(1, account_id="eiche", **company),
        on(2, user_id="ann", **company),
        on(3, account_id="birke", **company),
        ann(4),
        on(5, account_id="eiche"),
    ]

    assert subjects(*events[:1]) == {"m0": "hubspot:company:1"}
    assert subjects(*events) == {
        "m0": "birke", "m1": "birke", "m2": "birke", "m3": "birke", "m4": "birke", "m5": "eiche",
    }  # fmt: skip
    assert outcome(*events).accounts["hubspot:company:1"] == "birke"


# -- merges of accounts --------------------------------------------------------------------------


def test_merged_accounts_are_the_one_that_absorbed_the_others() -> None:
    events = [on(0, account_id="a"), merge(1, "b", "a"), merge(2, "c", "b"), ann(3, "a"), ann(4)]

    assert set(subjects(*events).values()) == {"c"}
    assert outcome(*events).accounts == {"a": "c", "b": "c", "c": "c"}


def test_of_accounts_that_absorbed_each_other_the_first_survivor_stays() -> None:
    assert outcome(merge(0, "b", "a"), merge(1, "a", "b")).accounts == {"a": "b", "b": "b"}


def test_an_unmerge_gives_the_accounts_back_and_a_later_merge_counts_again() -> None:
    unmerged = [merge(0, "b", "a"), merge(1, "c", "b"), merge(2, "c", "a", "unmerge")]

    assert outcome(*unmerged).accounts == {"a": "a", "b": "b", "c": "c"}
    assert outcome(*unmerged, merge(3, "c", "a")).accounts == {"a": "c", "b": "b", "c": "c"}


def test_accounts_that_were_unmerged_do_not_meet_through_a_third() -> None:
    events = [merge(0, "b", "a", "unmerge"), merge(1, "c", "a"), merge(2, "c", "b")]

    assert outcome(*events).accounts == {"a": "c", "c": "c", "b": "b"}


def test_a_merge_of_companies_is_one_of_their_accounts() -> None:
    events = [
        on(0, account_external_id="hubspot:company:1", account_id="eiche"),
        on(1, account_external_id="hubspot:company:2"),
        on(2, type="merge", account_external_id="hubspot:company:1",
           previous_account_id="hubspot:company:2"),
    ]  # fmt: skip

    assert subjects(*events) == {"m0": "eiche", "m1": "eiche", "m2": "eiche"}


# -- records that were deleted -------------------------------------------------------------------

ABSORBED = on(
    1, type="alias", external_id="hubspot:contact:1",
    previous_names=["external:hubspot:contact:2"], account_id="alpha",
)  # fmt: skip
DELETED = on(2, external_id="hubspot:contact:2", is_about_record=True)
SURVIVOR = on(3, external_id="hubspot:contact:1")


def test_the_deletion_of_a_merged_record_is_none_of_the_survivors() -> None:
    owners = outcome(ABSORBED, DELETED, SURVIVOR).owners

    assert owners["m2"] == Owner("external:hubspot:contact:2", "external:hubspot:contact:2")
    assert owners["m3"] == Owner("external:hubspot:contact:1", "alpha")


def test_a_deletion_of_any_other_record_is_its_persons() -> None:
    assert outcome(
        on(0, external_id="hubspot:contact:2", email="a@x.example", account_id="alpha"), DELETED
    ).owners["m2"] == Owner("external:hubspot:contact:2", "alpha")
    unmerged = on(
        4, type="unmerge", external_id="hubspot:contact:1",
        previous_names=["external:hubspot:contact:2"],
    )  # fmt: skip
    with_account = on(0, external_id="hubspot:contact:2", account_id="beta")
    assert outcome(ABSORBED, DELETED, unmerged, with_account).owners["m2"].subject == "beta"
