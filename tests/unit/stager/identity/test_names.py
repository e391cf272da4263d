"""What an event says about who is who: aliases that are withheld, further names, records of their own."""

from typing import Any

import pytest

from services.stager.identity.names import event_names
from services.stager.identity.statements import StatementKind, statements_of
from tests.support.touchpoints import event


def stated(**fields: Any) -> set[tuple[StatementKind, str, str]]:
    statements = statements_of(event_names(event(**fields)))
    return {(each.kind, each.name[1], each.other[1]) for each in statements}


@pytest.mark.parametrize(
    ("previous", "statements"),
    [
        ("old-5", {(StatementKind.DEVICE, "user:new-5", "anonymous:old-5")}),
        ("old@x.example", set()),
        ("hubspot:contact:8301", set()),
        ("undefined", set()),
    ],
)
def test_a_withheld_alias_counts_for_a_device_alone(
    previous: str, statements: set[tuple[StatementKind, str, str]]
) -> None:
    alias = {"type": "alias", "user_id": "new-5", "previous_id": previous}

    assert stated(**alias, withheld=["previous_id"]) == statements
    by_name = {"type": "alias", "user_id": "new-5", "previous_names": [f"user:{previous}"]}
    assert stated(**by_name, withheld=["previous_names"]) == set()


def test_an_alias_of_an_account_alone_states_nothing_of_people() -> None:
    fields = {"type": "alias", "account_id": "acme", "previous_id": "old-5"}

    assert stated(**fields) == set()


def test_further_names_stand_together_with_those_of_the_fields() -> None:
    further = ["email:Home@X.example", "anonymous:d-1"]

    names = event_names(event(type="identify", user_id="leah", previous_names=further))

    assert [name for _, name in names.people] == ["user:leah", "email:home@x.example"]
    assert names.device is None
    assert not names.is_statement
    assert stated(type="identify", user_id="leah", previous_names=further) == {
        (StatementKind.TOGETHER, "user:leah", "email:home@x.example")
    }


def test_an_event_without_a_name_of_its_own_has_no_further_ones() -> None:
    names = event_names(event(account_id="acme", previous_names=["email:a@x.example"]))

    assert (names.people, names.device) == ((), None)


@pytest.mark.parametrize("account", ["acme", "hubspot:company:701"])
def test_an_account_id_beside_a_record_says_which_account_it_is(account: str) -> None:
    fields = {"account_external_id": "hubspot:company:701", "account_id": account}

    assert stated(**fields) == {(StatementKind.RECORD, "hubspot:company:701", account)}
