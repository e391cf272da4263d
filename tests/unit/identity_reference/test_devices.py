"""Hand-computed devices: whose they are in time, and the one exception of a corrected address."""

import pytest

from shared.contracts.envelope import Envelope
from tests.support.identity_reference import MAX_NAMES
from tests.unit.identity_reference.stories import on, outcome, people


def alone(day: float, device: str = "d") -> Envelope:
    return on(day, anonymous_id=device)


def signed_in(day: float, user: str, device: str = "d") -> Envelope:
    return on(day, user_id=user, anonymous_id=device)


def persons(*events: Envelope) -> dict[str, str | None]:
    """Person of each event by message id."""
    return {message: owner.person for message, owner in outcome(*events).owners.items()}


def test_a_device_is_the_last_persons_before_and_at_first_the_first_ones() -> None:
    events = [alone(0), signed_in(1, "amy"), alone(2), signed_in(3, "ben"), alone(4)]

    assert persons(*events) == {
        "m0": "user:amy",
        "m1": "user:amy",
        "m2": "user:amy",
        "m3": "user:ben",
        "m4": "user:ben",
    }
    assert people(*events) == {}


def test_a_device_that_was_never_identified_is_a_person() -> None:
    assert persons(alone(0), on(1, anonymous_id="d", external_id="hubspot:deal:1"), alone(2)) == {
        "m0": "anonymous:d",
        "m1": "external:hubspot:deal:1",
        "m2": "anonymous:d",
    }


def test_the_person_of_a_device_is_the_one_that_its_name_belongs_to() -> None:
    assert (
        persons(
            alone(0),
            on(1, email="a@x.example", anonymous_id="d"),
            on(2, user_id="ann", email="a@x.example"),
        )["m0"]
        == "user:ann"
    )


def test_an_alias_of_a_device_identifies_it_from_that_instant_on() -> None:
    events = [
        signed_in(1, "amy"),
        alone(2),
        on(3, type="alias", user_id="ben", previous_names=["anonymous:d"]),
        alone(4),
    ]

    assert persons(*events)["m2"] == "user:amy"
    assert persons(*events)["m4"] == "user:ben"
    assert people(*events) == {}


def test_an_alias_of_two_devices_says_nothing_about_either() -> None:
    events = [
        alone(0, "d1"),
        on(1, type="alias", anonymous_id="d2", previous_names=["anonymous:d1"]),
    ]

    assert persons(*events, signed_in(2, "mika", "d2")) == {
        "m0": "anonymous:d1", "m1": "user:mika", "m2": "user:mika",
    }  # fmt: skip


def test_a_device_of_too_many_people_is_a_person() -> None:
    at_the_bound = [signed_in(day, f"u{day}") for day in range(MAX_NAMES)]

    assert persons(*at_the_bound, alone(500))["m500"] == f"user:u{MAX_NAMES - 1}"
    assert persons(*at_the_bound, signed_in(300, "one-more"), alone(500))["m500"] == "anonymous:d"


# -- one device beside two addresses -------------------------------------------------------------

TYPED_WRONG = on(1, email="jonsa@x.example", anonymous_id="d")
CORRECTED = on(2, email="jonas@x.example", anonymous_id="d")
JONAS = on(3, email="jonas@x.example", user_id="jonas-1")


def test_one_device_beside_two_addresses_is_one_person_whose_address_was_corrected() -> None:
    assert people(TYPED_WRONG, CORRECTED, JONAS) == {
        "user:jonas-1": {"user:jonas-1", "email:jonas@x.example", "email:jonsa@x.example"}
    }


@pytest.mark.parametrize(
    "against",
    [
        pytest.param([on(4, email="third@x.example", anonymous_id="d")], id="a third identity"),
        pytest.param([on(4, email="jonsa@x.example", user_id="other")], id="two users"),
        pytest.param(
            [on(4, email="jonsa@x.example", external_id="hubspot:contact:1")],
            id="a user and a record",
        ),
        pytest.param(
            [
                on(4, email="jonsa@x.example", anonymous_id="d", account_id="alpha"),
                on(5, email="jonas@x.example", anonymous_id="d", account_id="beta"),
            ],
            id="two accounts",
        ),
        pytest.param(
            [
                on(4, type="unmerge", email="jonas@x.example",
                   previous_names=["email:jonsa@x.example"])
            ],
            id="unmerged",
        ),
    ],
)  # fmt: skip
def test_two_addresses_on_one_device_stay_two_people_where_anything_speaks_against(
    against: list[Envelope],
) -> None:
    joined = people(TYPED_WRONG, CORRECTED, JONAS, *against)

    assert not any(
        {"email:jonsa@x.example", "email:jonas@x.example"} <= group for group in joined.values()
    )


@pytest.mark.parametrize(
    "accounts",
    [
        pytest.param(("alpha", None), id="one has none"),
        pytest.param(("alpha", "alpha"), id="the same"),
        pytest.param(("alpha", "merged"), id="merged"),
    ],
)
def test_accounts_that_agree_do_not_speak_against(accounts: tuple[str | None, ...]) -> None:
    one, other = accounts
    events = [
        TYPED_WRONG,
        CORRECTED,
        on(4, email="jonsa@x.example", account_id=one),
        on(5, email="jonas@x.example", account_id=other),
        on(6, type="merge", account_id="alpha", previous_account_id="merged"),
    ]

    assert list(people(*events).values()) == [{"email:jonas@x.example", "email:jonsa@x.example"}]
