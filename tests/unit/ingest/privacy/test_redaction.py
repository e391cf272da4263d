"""What of an event reaches the log, by the settings of its source."""

from typing import Any

import pytest

from services.ingest.privacy.addresses import truncated
from shared.sources.source import SourceSettings
from tests.unit.ingest.privacy.stored import ANN, stored

# -- addresses of the internet ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.9", "203.0.113.0"),
        (" 203.0.113.9 ", "203.0.113.0"),
        ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - an address to be cut, not to be bound
        ("255.255.255.255", "255.255.255.0"),
        ("256.0.0.1", None),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("2001:DB8:1:2::6", "2001:db8:1::"),
        ("::1", "::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:203.0.113.9", "203.0.113.0"),
        ("203.0.113.9:443", None),
        ("203.0.113.9, 198.51.100.7", None),
        ("unknown", None),
        ("", None),
        ("\u0663.1.1.1", None),
    ],
)
def test_an_address_is_cut_down_to_its_neighbourhood(address: str, kept: str | None) -> None:
    assert truncated(address) == kept


@pytest.mark.parametrize(
    ("ip", "context", "properties"),
    [
        ("keep", {"ip": "203.0.113.9", "os": "x"}, {"$ip": "203.0.113.9", "ip": "2001:db8::1"}),
        ("truncate", {"ip": "203.0.113.0", "os": "x"}, {"$ip": "203.0.113.0", "ip": "2001:db8::"}),
        ("drop", {"os": "x"}, {}),
    ],
)
def test_addresses_are_kept_cut_down_or_dropped_wherever_senders_put_them(
    ip: Any, context: dict[str, str], properties: dict[str, str]
) -> None:
    envelope = stored(
        SourceSettings(ip=ip),
        user_id="u",
        context={"ip": "203.0.113.9", "os": "x"},
        properties={"$ip": "203.0.113.9", "ip": "2001:db8::1"},
    )

    assert (envelope.context, envelope.properties) == (context, properties)


@pytest.mark.parametrize(
    "ip", ["203.0.113.9, 198.51.100.7", 17, ["203.0.113.9"], {"v4": "x"}, True]
)
def test_what_cannot_be_cut_down_is_left_out(ip: object) -> None:
    envelope = stored(SourceSettings(), user_id="u", context={"ip": ip}, properties={"$ip": ip})

    assert (envelope.context, envelope.properties) == ({}, {})


def test_a_property_ip_that_is_no_address_is_the_senders_own() -> None:
    envelope = stored(SourceSettings(), user_id="u", properties={"ip": "patent 17"})

    assert envelope.properties == {"ip": "patent 17"}


# -- what is left out ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("denied", "properties", "left"),
    [
        ("properties.card", {"card": 1, "plan": 2}, {"plan": 2}),
        ("properties.a.b.c", {"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"d": 2}}}),
        ("properties.a.b.c", {"a.b.c": 1, "a.b": {"c": 1}, "a": {"b.c": 1}}, {"a.b": {}, "a": {}}),
        ("properties.a.b", {"a": [{"b": 1, "c": 2}, [{"b": 3}], 4]}, {"a": [{"c": 2}, [{}], 4]}),
        ("properties.a.b", {"a": "text"}, {"a": "text"}),
        ("properties.a.b", {"a": None}, {"a": None}),
        ("properties.Card", {"card": 1}, {"card": 1}),
        ("properties.$set.email", {"$set": {"email": 1}}, {"$set": {}}),
        ("properties", {"card": 1}, {}),
        ("traits.card", {"card": 1}, {"card": 1}),
    ],
)  # fmt: skip
def test_what_is_denied_is_left_out(
    denied: str, properties: dict[str, Any], left: dict[str, Any]
) -> None:
    envelope = stored(SourceSettings(deny_properties=(denied,)), user_id="u", properties=properties)

    assert envelope.properties == left


def test_words_of_people_can_be_left_out() -> None:
    settings = SourceSettings(deny_properties=("thought", "logged_by"))

    envelope = stored(settings, user_id="u", thought="too dear", question="why", logged_by="bob")

    assert (envelope.thought, envelope.question, envelope.logged_by) == (None, "why", None)


@pytest.mark.parametrize(
    ("allowed", "left"),
    [
        ((), ({}, {}, {}, {})),
        (("properties",), ({"plan": {"name": "pro", "price": 3}, "card": 1}, {}, {}, {})),
        (("properties.plan",), ({"plan": {"name": "pro", "price": 3}}, {}, {}, {})),
        (("properties.plan.name", "traits.age"), ({"plan": {"name": "pro"}}, {"age": 40}, {}, {})),
        (("properties.plan.name", "properties.plan"), ({"plan": {"name": "pro", "price": 3}}, {}, {}, {})),
        (("properties.card.number",), ({}, {}, {}, {})),
        (("account_traits.size", "context"), ({}, {}, {"size": 9}, {"os": "x"})),
    ],
)  # fmt: skip
def test_only_what_is_allowed_stays(allowed: tuple[str, ...], left: tuple[Any, ...]) -> None:
    envelope = stored(
        SourceSettings(allow_properties=allowed),
        user_id="u",
        email=ANN,
        properties={"plan": {"name": "pro", "price": 3}, "card": 1},
        traits={"age": 40, "phone": "1"},
        account_traits={"size": 9},
        context={"os": "x"},
    )

    objects = (envelope.properties, envelope.traits, envelope.account_traits, envelope.context)
    assert (objects, envelope.email) == (left, ANN)


def test_a_denied_part_of_an_allowed_one_stays_out() -> None:
    settings = SourceSettings(
        allow_properties=("properties.plan",), deny_properties=("properties.plan.price",)
    )

    envelope = stored(settings, user_id="u", properties={"plan": {"name": "pro", "price": 3}})

    assert envelope.properties == {"plan": {"name": "pro"}}


def test_what_was_sent_is_not_changed() -> None:
    shared: dict[str, Any] = {"page": {"url": "x"}, "ip": "203.0.113.9", "traits": {"email": ANN}}
    settings = SourceSettings(deny_properties=("context.page.url",), hash_fields=("email",))

    stored(settings, user_id="u", email=ANN, context=shared)

    assert shared == {"page": {"url": "x"}, "ip": "203.0.113.9", "traits": {"email": ANN}}
