"""Two forms of a name, stored and folded; every user of names agrees with them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.queries.stage import name_of
from services.ingest.privacy.suppression import SuppressionList
from shared.contracts import names
from shared.contracts.envelope import Envelope
from shared.sources.hashing import hashed, person_digest, stored_digests

KEY = b"k" * 32
NOW = datetime(2026, 3, 1, tzinfo=UTC)

_PARTS = ["ann", "ANN", "Ann", "@", "X.EXAMPLE", "x.example", " ", "\t", "é", "É", "42", ":", "/"]
values = st.lists(st.sampled_from(_PARTS), min_size=1, max_size=5).map("".join)
prefixes = st.sampled_from(names.RESERVED_PREFIXES)
people = st.builds(lambda prefix, value: prefix + value, prefixes, values.filter(str.strip))


@pytest.mark.parametrize(
    ("name", "normal", "folded"),
    [
        ("user:ann", "user:ann", "user:ann"),
        ("user:ANN", "user:ANN", "user:ANN"),
        ("user:ANN@X.EXAMPLE", "email:ann@x.example", "email:ann@x.example"),
        ("anonymous:A@b", "email:a@b", "email:a@b"),
        ("user:\u200bann@x.example\ufeff", "email:ann@x.example", "email:ann@x.example"),
        ("user:rene\u0301\u00a0e", "user:ren\u00e9 e", "user:ren\u00e9 e"),
        (
            "anonymous:hubspot:contact:8301",
            "external:hubspot:contact:8301",
            "external:hubspot:contact:8301",
        ),
        ("external:list:member:A@b", "external:list:member:A@b", "external:list:member:a@b"),
        ("email: Ann@X.example ", "email:ann@x.example", "email:ann@x.example"),
        ("email:Ann", "email:ann", "email:ann"),
        ("user: ann ", "user:ann", "user:ann"),
    ],
)
def test_an_address_has_no_case_and_an_id_keeps_its_own(
    name: str, normal: str, folded: str
) -> None:
    assert (names.normal(name), names.folded(name)) == (normal, folded)


def test_an_account_keeps_its_id_as_it_was_sent() -> None:
    assert names.normal("ACME@x") == "ACME@x"


@given(people)
def test_both_forms_are_stable_and_agree(name: str) -> None:
    assert names.normal(names.normal(name)) == names.normal(name)
    assert names.folded(names.folded(name)) == names.folded(name)
    assert names.folded(names.normal(name)) == names.folded(name)


@given(people, people)
def test_a_digest_is_equal_exactly_where_the_folded_form_is(one: str, other: str) -> None:
    is_one = names.folded(one) == names.folded(other)

    assert (person_digest(one, key=KEY) == person_digest(other, key=KEY)) == is_one


@given(people)
def test_a_pseudonym_has_the_digest_of_its_name(name: str) -> None:
    prefix, value = names.split(name)
    if prefix == names.EMAIL and not names.is_address(value):
        value = value.lower()  # no address: ingest admits none such
    pseudonym = prefix + hashed(value, KEY)

    assert person_digest(pseudonym, key=KEY) in stored_digests(name, key=KEY)
    assert person_digest(name, key=KEY) in stored_digests(pseudonym, key=KEY)


@given(people, people)
def test_ingest_turns_away_the_folded_name(listed: str, sent: str) -> None:
    suppression = SuppressionList({person_digest(listed, key=KEY)}, KEY)

    if names.folded(listed) == names.folded(sent):
        assert suppression.covers(_event(sent))


@given(prefixes, values.filter(str.strip))
def test_the_api_looks_up_the_name_that_is_stored(prefix: str, value: str) -> None:
    stored = _event(prefix + value).person()

    by_field = name_of(**{_FIELDS[prefix]: value})
    by_name = name_of(account_id=prefix + value)

    assert by_field is not None
    assert by_name is not None
    assert by_field.value == by_name.value == stored


_FIELDS = {
    names.USER: "user_id",
    names.EXTERNAL: "external_id",
    names.EMAIL: "email",
    names.ANONYMOUS: "anonymous_id",
}


def _event(name: str) -> Envelope:
    prefix, value = names.split(name)
    fields: dict[str, Any] = {_FIELDS[prefix]: value}
    return Envelope(
        workspace_id=1, message_id="m", event="A", occurred_at=NOW, received_at=NOW, **fields
    )


def test_the_strongest_name_of_an_event_is_the_first_of_its_names() -> None:
    fields = {"user_id": None, "email": " Ann@X.example", "anonymous_id": "a-1"}

    assert list(names.person_names(**fields)) == ["email:ann@x.example", "anonymous:a-1"]
    assert names.person_ref(**fields) == "email:ann@x.example"
