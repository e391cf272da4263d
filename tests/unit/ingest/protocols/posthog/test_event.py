"""What an event of a PostHog SDK means; the events are what the SDKs were seen to send."""

from typing import Any

import pytest

from tests.unit.ingest.protocols.posthog.candidates import UUID, touchpoint

OTHER_UUID = "158798ed-1807-4df2-99c7-a872a8b65316"
SERVER = {"$lib": "posthog-python", "$lib_version": "7.91.1", "$is_server": True}


@pytest.mark.parametrize(
    ("distinct_id", "properties", "is_user"),
    [
        ("leah", {}, True),
        (7, {}, True),
        ("leah", {"$is_identified": True, "$device_id": UUID}, True),
        (UUID, {"$is_identified": False, "$device_id": UUID}, False),
        ("leah", {"$is_identified": False}, False),
        (UUID, {"$user_state": "anonymous"}, False),
        ("leah", {"$user_state": "identified", "$device_id": "leah"}, True),
        (UUID, {"$device_id": UUID}, False),
        (OTHER_UUID, {"$device_id": UUID}, False),
        ("leah", {"$device_id": UUID, "$user_id": "leah"}, True),
        (UUID, {**SERVER, "$process_person_profile": False}, False),
        ("leah", {**SERVER, "$process_person_profile": False}, True),
        (UUID, SERVER, True),
    ],
    ids=str,
)
def test_a_distinct_id_is_a_users_unless_the_sender_shows_that_it_is_a_browsers(
    distinct_id: Any, properties: dict[str, Any], *, is_user: bool
) -> None:
    candidate = touchpoint(distinct_id=distinct_id, properties=properties)

    named = (candidate.user_id, candidate.anonymous_id)
    assert named == ((str(distinct_id), None) if is_user else (None, str(distinct_id)))


def test_identify_names_the_user_the_browser_and_what_is_known_of_them() -> None:
    beside: dict[str, Any] = {
        "$set": {"email": " leah@acme.example ", "title": "CFO"},
        "$set_once": {"first_seen": "x", "title": "CEO", "$initial_host": "y", "gclid": None},
    }

    candidate = touchpoint(
        "$identify",
        distinct_id="leah",
        properties={
            "$anon_distinct_id": UUID,
            "$device_id": UUID,
            "$is_identified": True,
            "$groups": {"company": "acme"},
        },
        **beside,
    )

    assert (candidate.type, candidate.event) == ("identify", "Person Identified")
    assert (candidate.user_id, candidate.anonymous_id, candidate.account_id) == (
        "leah",
        UUID,
        "acme",
    )
    assert candidate.email == "leah@acme.example"
    assert candidate.traits == {"first_seen": "x", "title": "CFO", "email": " leah@acme.example "}
    assert candidate.properties == {}


def test_a_browser_that_was_the_user_already_is_not_linked_to_itself() -> None:
    candidate = touchpoint(
        "$identify", distinct_id="leah", properties={"$anon_distinct_id": "leah"}
    )

    assert (candidate.user_id, candidate.anonymous_id) == ("leah", None)


@pytest.mark.parametrize("where", ["beside the properties", "among the properties"])
@pytest.mark.parametrize(
    ("event", "becomes"),
    [("$set", "Person Identified"), ("Order Completed", "Order Completed")],
)
def test_set_is_about_the_person_on_any_event(where: str, event: str, becomes: str) -> None:
    traits: dict[str, Any] = {"$set": {"plan": "pro"}, "$unset": ["trial"]}
    inside = traits if where == "among the properties" else {"$unset": ["trial"]}
    beside: dict[str, Any] = {} if where == "among the properties" else {"$set": {"plan": "pro"}}

    candidate = touchpoint(event, distinct_id="leah", properties=inside, **beside)

    assert (candidate.event, candidate.traits) == (becomes, {"plan": "pro", "trial": None})
    assert candidate.properties == {}


@pytest.mark.parametrize(
    ("groups", "account_id"),
    [
        ({"company": "acme"}, "acme"),
        ({"project": "p1", "organization": "acme", "account": "a"}, "acme"),
        ({"project": "p1", "team": "t1"}, "p1"),
        ({"company": 42}, "42"),
        ({"company": " ", "team": "t1"}, "t1"),
        ({"company": None}, None),
        ({"company": "null", "team": "t1"}, "t1"),
        ({"company": "undefined"}, "undefined"),
        ({}, None),
        ("acme", None),
    ],
    ids=str,
)
def test_the_account_is_the_company_else_the_first_group(
    groups: Any, account_id: str | None
) -> None:
    candidate = touchpoint(distinct_id="leah", properties={"$groups": groups})

    assert candidate.account_id == account_id
    assert (candidate.context or {}).get("groups", {}) == {
        kind: str(key).strip()
        for kind, key in (groups.items() if isinstance(groups, dict) else ())
        if str(key or "").strip()
    }


def test_group_identify_tells_facts_about_the_account() -> None:
    candidate = touchpoint(
        "$groupidentify",
        distinct_id="leah",
        properties={
            "$group_type": "company",
            "$group_key": "acme",
            "$group_set": {"industry": "saas"},
            **SERVER,
        },
    )

    assert (candidate.type, candidate.event) == ("group", "Account Identified")
    assert (candidate.account_id, candidate.user_id) == ("acme", "leah")
    assert (candidate.account_traits, candidate.properties) == ({"industry": "saas"}, {})


@pytest.mark.parametrize("made_up", ["$company_acme", OTHER_UUID])
def test_what_a_server_puts_in_the_place_of_a_person_is_no_person(made_up: str) -> None:
    properties = {"$group_type": "company", "$group_key": "acme", **SERVER}

    candidate = touchpoint("$groupidentify", distinct_id=made_up, properties=properties)

    assert (candidate.account_id, candidate.user_id, candidate.anonymous_id) == ("acme", None, None)


def test_a_browser_that_names_its_group_is_a_person() -> None:
    properties = {
        "$group_type": "company",
        "$group_key": "acme",
        "$device_id": UUID,
        "$is_identified": False,
    }

    candidate = touchpoint("$groupidentify", distinct_id=UUID, properties=properties)

    assert (candidate.account_id, candidate.user_id, candidate.anonymous_id) == ("acme", None, UUID)


def test_facts_about_another_group_are_not_the_accounts() -> None:
    about = {"$group_type": "project", "$group_key": "p1", "$group_set": {"stars": 3}}

    candidate = touchpoint(
        "$groupidentify",
        distinct_id="leah",
        properties={**about, "$groups": {"company": "acme"}},
    )

    assert (candidate.type, candidate.event) == ("track", "Group Identified")
    assert (candidate.account_id, candidate.account_traits) == ("acme", None)
    assert candidate.properties == about
    assert candidate.context == {"groups": {"company": "acme", "project": "p1"}}
