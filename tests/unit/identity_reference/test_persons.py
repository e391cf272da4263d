"""Hand-computed persons: names that stand together, explicit statements, and their withdrawal."""

from shared.contracts.envelope import Envelope
from tests.support.identity_reference import MAX_NAMES
from tests.unit.identity_reference.stories import on, outcome, people


def alias(day: float, user: str, *previous: str) -> Envelope:
    return on(day, type="alias", user_id=user, previous_names=list(previous))


def unmerge(day: float, user: str, *previous: str) -> Envelope:
    return on(day, type="unmerge", user_id=user, previous_names=list(previous))


# -- together ------------------------------------------------------------------------------------


def test_names_of_one_event_are_one_person_named_by_the_strongest() -> None:
    assert people(
        on(0, external_id="hubspot:contact:1", email="A@x.example"),
        on(1, user_id="ann", email="a@x.example"),
    ) == {"user:ann": {"user:ann", "email:a@x.example", "external:hubspot:contact:1"}}


def test_a_device_and_an_object_join_nothing() -> None:
    assert (
        people(
            on(0, user_id="ann", anonymous_id="d"),
            on(1, user_id="ben", anonymous_id="d"),
            on(2, external_id="hubspot:deal:1", email="a@x.example"),
            on(3, external_id="hubspot:deal:1", email="b@x.example"),
        )
        == {}
    )


def test_an_address_beside_two_users_is_that_of_the_first_in_event_order() -> None:
    late = on(2, user_id="ann", email="a@x.example")
    early = on(1, user_id="ben", email="a@x.example")

    assert people(late, early) == {"user:ben": {"user:ben", "email:a@x.example"}}


def test_a_person_has_one_record_of_a_kind_and_records_of_several_providers() -> None:
    assert people(
        on(0, external_id="hubspot:contact:1", email="a@x.example"),
        on(1, external_id="hubspot:contact:2", email="a@x.example"),
        on(2, external_id="stripe:customer:1", email="a@x.example"),
    ) == {
        "external:hubspot:contact:1": {
            "email:a@x.example",
            "external:hubspot:contact:1",
            "external:stripe:customer:1",
        }
    }


def test_the_limits_count_for_the_persons_and_not_for_the_two_names() -> None:
    joined = people(
        on(0, user_id="ann", email="a@x.example"),
        on(1, user_id="ben", email="b@x.example"),
        on(2, external_id="hubspot:contact:1", email="a@x.example"),
        on(3, external_id="hubspot:contact:1", email="b@x.example"),
    )

    assert joined == {
        "user:ann": {"user:ann", "email:a@x.example", "external:hubspot:contact:1"},
        "user:ben": {"user:ben", "email:b@x.example"},
    }


def test_a_person_of_too_many_names_joins_no_more() -> None:
    events = [on(day, user_id="ann", email=f"{day}@x.example") for day in range(MAX_NAMES + 5)]

    (names,) = people(*events).values()
    assert len(names) == MAX_NAMES
    assert f"email:{MAX_NAMES - 2}@x.example" in names
    assert f"email:{MAX_NAMES - 1}@x.example" not in names


# -- explicit ------------------------------------------------------------------------------------


def test_an_alias_joins_two_users_and_the_new_one_names_them() -> None:
    assert people(alias(1, "new", "user:a-old"), on(2, user_id="a-old", email="a@x.example")) == {
        "user:new": {"user:new", "user:a-old", "email:a@x.example"}
    }


def test_of_two_users_that_absorbed_each_other_the_first_survivor_is_the_name() -> None:
    assert list(people(alias(1, "b", "user:a"), alias(2, "a", "user:b"))) == ["user:b"]


def test_a_former_id_of_unknown_kind_is_a_user_and_a_device() -> None:
    resolved = outcome(on(0, anonymous_id="x"), on(1, type="alias", user_id="ann", previous_id="x"))

    assert resolved.persons == {
        "user:ann": {"user:ann", "user:x"},
        "anonymous:x": {"anonymous:x"},
    }
    assert resolved.owners["m0"].person == "user:ann"


def test_explicit_statements_come_before_what_stood_together_earlier() -> None:
    assert people(
        on(0, user_id="ann", email="a@x.example"), alias(1, "ben", "email:a@x.example")
    ) == {"user:ben": {"user:ben", "email:a@x.example"}}


def test_two_deals_can_be_one_and_never_one_with_a_person() -> None:
    assert people(
        on(0, type="alias", external_id="hubspot:deal:1",
           previous_names=["external:hubspot:deal:2", "user:ann"]),
        alias(1, "ann", "external:hubspot:deal:1"),
    ) == {
        "external:hubspot:deal:1": {"external:hubspot:deal:1", "external:hubspot:deal:2"}
    }  # fmt: skip


# -- withdrawn -----------------------------------------------------------------------------------


def test_an_unmerge_takes_back_an_alias_whichever_came_first() -> None:
    before = [on(0, user_id="ann", email="a@x.example"), on(1, user_id="old")]
    said = [alias(2, "ann", "user:old"), unmerge(3, "ann", "user:old")]

    assert (
        people(*before, *said) == people(*before) == {"user:ann": {"user:ann", "email:a@x.example"}}
    )


def test_an_unmerge_takes_back_the_whole_way_between_two_names() -> None:
    assert (
        people(
            alias(0, "b", "user:a"), alias(1, "c", "user:b"), alias(2, "d", "user:c"),
            unmerge(3, "c", "user:a"),
        )
        == {"user:d": {"user:d", "user:c"}}
    )  # fmt: skip


def test_of_two_equal_ways_that_of_the_smaller_names_goes_first() -> None:
    # From a to b by x and then y1 or y2: once a and x are apart, nothing connects the rest.
    assert people(
        alias(0, "a", "user:x"), alias(1, "x", "user:y1", "user:y2"), alias(2, "b", "user:y2"),
        alias(3, "b", "user:y1"), unmerge(4, "a", "user:b"),
    ) == {"user:b": {"user:b", "user:y2", "user:x"}}  # fmt: skip


def test_a_way_between_two_names_leads_through_names_that_stood_together() -> None:
    events = [
        on(0, user_id="ann", email="a@x.example"),
        on(1, external_id="hubspot:contact:1", email="b@x.example"),
        on(2, type="alias", email="a@x.example", previous_names=["email:b@x.example"]),
    ]

    assert len(people(*events)) == 1
    assert people(*events, unmerge(3, "ann", "external:hubspot:contact:1")) == {
        "user:ann": {"user:ann", "email:a@x.example"},
        "external:hubspot:contact:1": {"external:hubspot:contact:1", "email:b@x.example"},
    }


def test_names_that_were_unmerged_do_not_meet_through_others_either() -> None:
    assert people(
        unmerge(0, "ann", "email:b@x.example"),
        on(1, user_id="ann", email="a@x.example"),
        on(2, external_id="hubspot:contact:1", email="a@x.example"),
        on(3, external_id="hubspot:contact:1", email="b@x.example"),
        on(4, user_id="ann", email="b@x.example"),
    ) == {"user:ann": {"user:ann", "email:a@x.example", "external:hubspot:contact:1"}}


def test_an_explicit_statement_does_not_bring_unmerged_names_together() -> None:
    resolved = people(unmerge(0, "a", "user:c"), alias(1, "b", "user:c"), alias(2, "b", "user:a"))

    assert resolved == {"user:b": {"user:b", "user:c"}}


def test_an_alias_of_the_very_pair_counts_again_and_one_of_others_does_not() -> None:
    unmerged = [alias(0, "ann", "user:old"), unmerge(1, "ann", "user:old")]

    assert people(*unmerged, alias(2, "old", "user:ann")) == {"user:old": {"user:ann", "user:old"}}
    assert people(*unmerged, alias(2, "x", "user:ann"), alias(3, "x", "user:old")) == {
        "user:x": {"user:x", "user:ann"}
    }


def test_a_statement_that_was_not_carried_out_names_nothing() -> None:
    resolved = people(unmerge(0, "a", "user:c"), alias(1, "z", "user:c"), alias(2, "a", "user:z"))

    assert resolved == {"user:z": {"user:z", "user:c"}}
