"""Pseudonyms: equal for equal people, different for different ones."""

import hmac
from hashlib import sha256

import pytest

from shared.sources.hashing import hashed, is_hashed, person_digest, stored_digests

KEY, OTHER_KEY = b"of one workspace", b"of another"


def mac(text: str) -> bytes:
    return hmac.new(KEY, text.encode(), sha256).digest()


def test_a_pseudonym_is_the_keyed_hash_of_the_value() -> None:
    assert hashed("ann@acme.example", KEY) == "hmac1:" + mac("ann@acme.example").hex()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ann@acme.example", "Ann@ACME.example", True),
        ("ann@acme.example", "  ann@acme.example ", True),
        ("ann@acme.example", "bob@acme.example", False),
        ("u-17", " u-17", True),
        ("aB3", "Ab3", False),
    ],
)
def test_the_case_of_addresses_means_nothing_and_that_of_ids_does(
    one: str, other: str, *, same: bool
) -> None:
    assert (hashed(one, KEY) == hashed(other, KEY)) is same


def test_another_workspace_gives_another_pseudonym() -> None:
    assert hashed("u-17", KEY) != hashed("u-17", OTHER_KEY)


def test_a_pseudonym_is_not_hashed_again() -> None:
    once = hashed("u-17", KEY)

    assert hashed(once, KEY) == once


@pytest.mark.parametrize(
    "text",
    [
        "hmac1:ann@acme.example",
        "hmac1:",
        "hmac1:" + "a" * 63,
        "hmac1:" + "a" * 65,
        "hmac1:" + "A" * 64,
        "hmac1:" + "a" * 64 + "\n",
        "a" * 64,
    ],
)
def test_text_that_only_resembles_a_pseudonym_is_hashed(text: str) -> None:
    assert not is_hashed(text)
    assert (
        hashed(text, KEY)
        == "hmac1:" + mac(text.strip().lower() if "@" in text else text.strip()).hex()
    )


@pytest.mark.parametrize(
    ("openly", "hidden"),
    [
        ("email:Ann@acme.example", "email:" + hashed("ann@acme.example", KEY)),
        ("user:u-17", "user:" + hashed("u-17", KEY)),
        ("external:hubspot:contact:201", "external:" + hashed("hubspot:contact:201", KEY)),
        ("user:Ann@acme.example", "user:" + hashed("ann@acme.example", KEY)),
        ("anonymous:hubspot:contact:201", "anonymous:" + hashed("hubspot:contact:201", KEY)),
    ],
)
def test_a_name_and_its_pseudonym_have_one_digest(openly: str, hidden: str) -> None:
    assert person_digest(hidden, key=KEY) in stored_digests(openly, key=KEY)
    assert person_digest(openly, key=KEY) in stored_digests(hidden, key=KEY)


def test_names_of_different_kinds_never_meet() -> None:
    names = ["user:42", "anonymous:42", "email:42"]

    assert len({person_digest(name, key=KEY) for name in names}) == 3


def test_a_digest_is_worth_nothing_in_another_workspace() -> None:
    assert person_digest("user:42", key=KEY) != person_digest("user:42", key=OTHER_KEY)


@pytest.mark.parametrize("name", ["42", "", "account:42", "User:42"])
def test_what_is_no_name_of_a_person_has_no_digest(name: str) -> None:
    with pytest.raises(ValueError, match="begins with"):
        person_digest(name, key=KEY)
