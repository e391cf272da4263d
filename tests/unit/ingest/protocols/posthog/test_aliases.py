"""What PostHog's calls say of who is who: aliases, merges, sign-ins on a device."""

from typing import Any

import pytest

from shared.contracts import names
from tests.unit.ingest.protocols.posthog.candidates import UUID, touchpoint

OTHER_UUID = "158798ed-1807-4df2-99c7-a872a8b65316"
SERVER = {"$lib": "posthog-python", "$lib_version": "7.91.1", "$is_server": True}
BROWSER = {"$lib": "web", "$is_identified": False}
SIGNED_IN = {"$lib": "web", "$is_identified": True}


@pytest.mark.parametrize(
    ("event", "distinct_id", "properties", "user_id", "previous_id"),
    [
        ("$create_alias", "anon-1", {"alias": "leah", **SERVER}, "leah", "anon-1"),
        ("$create_alias", "old-5", {"alias": "new-5", **SERVER}, "new-5", "old-5"),
        ("$create_alias", UUID, {"alias": "leah", **BROWSER}, "leah", UUID),
        ("$create_alias", UUID, {"alias": "leah", "$device_id": UUID}, "leah", UUID),
        ("$create_alias", "leah", {"alias": "leah-2", **SIGNED_IN}, "leah", "leah-2"),
        (
            "$create_alias",
            "leah",
            {"alias": "leah-2", "$user_state": "identified"},
            "leah",
            "leah-2",
        ),
        ("$create_alias", "leah", {"alias": UUID, **SERVER}, "leah", UUID),
        ("$create_alias", UUID, {"alias": OTHER_UUID, **SERVER}, OTHER_UUID, UUID),
        ("$create_alias", "A@x.example", {"alias": "leah", **SERVER}, "leah", "A@x.example"),
        ("$create_alias", 5, {"alias": 6, **SERVER}, "6", "5"),
        ("$merge_dangerously", "leah", {"alias": "old-leah"}, "leah", "old-leah"),
        ("$merge_dangerously", "leah", {"alias": UUID, **SIGNED_IN}, "leah", UUID),
    ],
)
def test_an_alias_joins_the_name_so_far_to_the_one_that_stays(
    event: str,
    distinct_id: Any,
    properties: dict[str, Any],
    user_id: str,
    previous_id: str,
) -> None:
    candidate = touchpoint(event, distinct_id=distinct_id, properties=properties)

    assert (candidate.type, candidate.event) == ("alias", "Person Aliased")
    assert (candidate.user_id, candidate.anonymous_id) == (user_id, None)
    assert (candidate.previous_id, candidate.previous_names) == (previous_id, None)


@pytest.mark.parametrize(
    "marks", [BROWSER, {"$user_state": "anonymous"}, {"$device_id": "d-1"}], ids=str
)
def test_a_browsers_own_id_that_becomes_an_alias_is_known_to_be_a_browsers(
    marks: dict[str, Any],
) -> None:
    candidate = touchpoint("$create_alias", distinct_id="d-1", properties={"alias": "u", **marks})

    assert (candidate.user_id, candidate.previous_id) == ("u", None)
    assert candidate.previous_names == ["anonymous:d-1"]


def test_an_alias_reaches_what_servers_and_browsers_sent_under_a_random_id() -> None:
    by_server = touchpoint(distinct_id=UUID, properties={"$groups": {"company": "alias-co"}})
    by_browser = touchpoint(distinct_id=UUID, properties=BROWSER)

    aliased = touchpoint("$create_alias", distinct_id=UUID, properties={"alias": "mika"})

    assert aliased.user_id == "mika"
    assert aliased.previous_id is not None
    assert set(names.names_of_any_kind(aliased.previous_id)) == {
        f"user:{by_server.user_id}",
        f"anonymous:{by_browser.anonymous_id}",
    }


@pytest.mark.parametrize("alias", [None, "", "leah"], ids=repr)
@pytest.mark.parametrize("event", ["$create_alias", "$merge_dangerously"])
def test_an_alias_without_another_id_says_nothing(event: str, alias: str | None) -> None:
    candidate = touchpoint(event, distinct_id="leah", properties={"alias": alias})

    assert (candidate.user_id, candidate.previous_id, candidate.previous_names) == (
        "leah",
        None,
        None,
    )


def test_an_alias_without_another_id_leaves_a_browser_a_browser() -> None:
    candidate = touchpoint("$create_alias", distinct_id=UUID, properties=BROWSER)

    assert (candidate.user_id, candidate.anonymous_id) == (None, UUID)


@pytest.mark.parametrize("properties", [SERVER, SIGNED_IN], ids=["server", "browser"])
def test_a_sign_in_on_a_device_is_no_alias_of_it(properties: dict[str, Any]) -> None:
    candidates = [
        touchpoint(
            "$identify", distinct_id=user, properties={**properties, "$anon_distinct_id": "d-1"}
        )
        for user in ("amy", "ben")
    ]

    assert [
        (each.type, each.user_id, each.anonymous_id, each.previous_id, each.previous_names)
        for each in candidates
    ] == [("identify", user, "d-1", None, None) for user in ("amy", "ben")]


def test_a_distinct_id_of_the_form_of_an_address_is_that_address() -> None:
    candidate = touchpoint(distinct_id="Wanda@Seehof.example")

    assert names.person_names(
        user_id=candidate.user_id, email=candidate.email, anonymous_id=candidate.anonymous_id
    ) == ["email:wanda@seehof.example"]
