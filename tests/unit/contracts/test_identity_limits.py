"""How many names of a kind a person may have."""

import pytest

from shared.contracts.identity_limits import IdentityLimits, kinds_of

USERS = ["user:a", "user:b", "user:c"]
CONTACTS = ["external:hubspot:contact:1", "external:hubspot:contact:2"]
LEAD = "external:salesforce:lead:1"
ADDRESSES = ["email:a@x.example", "email:b@x.example", "email:c@x.example"]


@pytest.mark.parametrize(
    ("limits", "one", "other", "is_forbidden"),
    [
        pytest.param({}, USERS[:1], USERS[1:2], True, id="two user ids"),
        pytest.param({}, USERS[:1], ADDRESSES, False, id="a user id and addresses"),
        pytest.param({}, ADDRESSES[:1], ADDRESSES[1:], False, id="any number of addresses"),
        pytest.param({}, CONTACTS[:1], CONTACTS[1:], True, id="two records of a kind"),
        pytest.param({}, CONTACTS[:1], [LEAD], False, id="records of two kinds"),
        pytest.param({}, USERS[:2], ADDRESSES[:1], False, id="too many by a merge, and an address"),
        pytest.param({}, USERS[:2], USERS[2:], True, id="too many by a merge, and one more"),
        pytest.param({}, ["anonymous:a"], ["anonymous:b"], False, id="devices"),
        pytest.param({"user_ids": 2}, USERS[:1], USERS[1:2], False, id="two user ids of two"),
        pytest.param({"user_ids": 2}, USERS[:2], USERS[2:], True, id="three user ids of two"),
        pytest.param({"records": 2}, CONTACTS[:1], CONTACTS[1:], False, id="two records of two"),
        pytest.param({"addresses": 2}, ADDRESSES[:2], ADDRESSES[2:], True, id="three addresses"),
    ],
)
def test_two_persons_may_become_one_within_the_limits_of_each_kind(
    limits: dict[str, int],
    one: list[str],
    other: list[str],
    is_forbidden: bool,  # noqa: FBT001 - of the table
) -> None:
    kinds, other_kinds = kinds_of(one), kinds_of(other)

    assert IdentityLimits(**limits).forbid(kinds, other_kinds) == is_forbidden
    assert IdentityLimits(**limits).forbid(other_kinds, kinds) == is_forbidden
