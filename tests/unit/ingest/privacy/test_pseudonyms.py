"""Names that a source hashes: pseudonyms wherever the name stands."""

import re
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.events.verdicts import RefusalCode, Refused, event_too_large
from services.ingest.privacy.redaction import redact, redaction
from shared.contracts.envelope import Campaign, Envelope, EventType, encode
from shared.sources.hashing import hashed
from shared.sources.source import SourceSettings
from tests.support.touchpoints import event
from tests.unit.ingest.privacy.stored import ANN, KEY, stored

ANN_HASHED = hashed("ann@acme.example", KEY)
_PSEUDONYM = re.compile("hmac1:[0-9a-f]{64}")


def test_a_hashed_address_is_hashed_wherever_it_stands() -> None:
    envelope = stored(
        SourceSettings(hash_fields=("email",)),
        user_id="ann@acme.example",
        email=ANN,
        anonymous_id="ann@acme.example",
        properties={
            "to": [
                "ANN@acme.example",
                {"ann@acme.example": True, "cc": "bob@acme.example, ann@acme.example"},
            ],
            "url": "https://x.example/?mail=ann%40acme.example&a=1",
        },
        traits={"email": ANN, "name": "Ann"},
        context={"traits": {"email": ANN}, "page": {"search": "?e=Ann%40Acme.example"}},
        thought="write to ann@acme.example",
    )

    assert envelope.email == envelope.user_id == envelope.anonymous_id == ANN_HASHED
    bob = hashed("bob@acme.example", KEY)
    assert envelope.properties == {
        "to": [ANN_HASHED, {ANN_HASHED: True, "cc": f"{bob}, {ANN_HASHED}"}],
        "url": f"https://x.example/?mail={ANN_HASHED}&a=1",
    }
    assert envelope.traits == {"email": ANN_HASHED, "name": "Ann"}
    assert envelope.context == {
        "traits": {"email": ANN_HASHED},
        "page": {"search": f"?e={ANN_HASHED}"},
    }
    assert envelope.thought == f"write to {ANN_HASHED}"
    assert b"acme" not in encode(envelope).lower()


@pytest.mark.parametrize(
    "fields",
    [
        {"user_id": ANN},
        {"anonymous_id": ANN},
        {"account_id": ANN},
        {"user_id": "u", "previous_id": ANN, "type": "alias"},
        {"user_id": "u", "traits": {"email": ANN}},
        {"user_id": "u", "context": {"traits": {"email": f" {ANN} "}}},
        {"user_id": "u", "properties": {"email": ANN}},
        {"user_id": "u", "traits": {"contacts": [{"mail": f"mailto:{ANN}"}]}},
        {"user_id": "u", "account_traits": {ANN: True}},
        {"user_id": "u", "context": {"page": {"url": "https://x/?e=Ann%40acme.example#a"}}},
        {"user_id": "u", "question": f"does {ANN} know?"},
        {"user_id": "u", "logged_by": ANN},
        {"user_id": "u", "channel": ANN, "campaign": Campaign(name="spring")},
        {"user_id": "u", "campaign": Campaign(name="spring", content=ANN)},
    ],
)
def test_an_address_that_is_to_be_hashed_is_so_wherever_it_is_the_only_one(
    fields: dict[str, Any],
) -> None:
    envelope = stored(SourceSettings(hash_fields=("email",)), **fields)

    assert b"acme" not in encode(envelope).lower()
    assert ANN_HASHED.encode() in encode(envelope)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("o'brien@acme.example", "{}"),
        ("'ann@acme.example'", "'{}'"),
        ("see https://x/?e=ann%2Bnews%40acme.example&p=1", "see https://x/?e={}&p=1"),
        ("ann+news@acme.example", "{}"),
        ("To: ann@acme.example. From: bob@acme.example!", "To: {}. From: {}!"),
        ("ann@acme@example", "{}"),
        ("a" * 70 + "@acme.example", "{}"),
        ("ann@acme+bob@acme.example", "{}"),
        ("ann@acme+o'neil@acme.example", "{}"),
        ("ann@acme.@bob@acme.example", "{}"),
        ("@" + "a-" * 100, None),
        ("a@" + "." * 100, None),
        ("https://social.example/@ann", None),
        ("npm:@acme/parts, 3 @ 5", None),
    ],
)
def test_an_address_is_distinguished_from_what_stands_around_it(
    text: str, left: str | None
) -> None:
    settings = SourceSettings(hash_fields=("email",))

    envelope = stored(settings, user_id="u", properties={"text": text})

    text_after = envelope.properties["text"]
    assert _PSEUDONYM.sub("{}", text_after) == (text if left is None else left)
    if "brien" in text:
        assert text_after == hashed("o'brien@acme.example", KEY)
    if "news" in text:
        assert hashed("ann+news@acme.example", KEY) in text_after


def test_an_unusual_address_that_is_somebodys_name_is_found_whole_where_it_stands_again() -> None:
    unusual = "a" * 70 + "#1@acme.example"

    envelope = stored(
        SourceSettings(hash_fields=("email",)),
        email=unusual,
        properties={
            "text": f"{unusual} and {ANN}",
            "url": "?e=" + "a" * 70 + "%231%40acme.example",
        },
    )

    name = hashed(unusual, KEY)
    assert envelope.properties == {"text": f"{name} and {ANN_HASHED}", "url": f"?e={name}"}


def test_whose_id_is_hashed_is_found_again_and_others_are_left_alone() -> None:
    envelope = stored(
        SourceSettings(hash_fields=("user_id",)), user_id=ANN, thought=f"{ANN}, bob@acme.example"
    )

    assert envelope.thought == f"{ANN_HASHED}, bob@acme.example"


def test_an_address_hashed_as_a_trait_is_hashed_as_a_name_as_well() -> None:
    settings = SourceSettings(hash_fields=("traits.mail",))

    envelope = stored(settings, email=ANN, traits={"mail": "ann@acme.example"})

    assert (envelope.email, envelope.traits) == (ANN_HASHED, {"mail": ANN_HASHED})


def test_ids_are_hashed_where_they_stand_and_nowhere_else() -> None:
    settings = SourceSettings(hash_fields=("user_id", "anonymous_id", "account_id"))

    envelope = stored(
        settings,
        type="alias",
        account_id="1",
        previous_account_id="2",
        user_id="1",
        anonymous_id="a",
        previous_id="b",
        properties={"quantity": "1"},
    )

    assert (
        envelope.account_id,
        envelope.previous_account_id,
        envelope.user_id,
        envelope.anonymous_id,
        envelope.previous_id,
    ) == tuple(hashed(each, KEY) for each in ("1", "2", "1", "a", "b"))
    assert envelope.properties == {"quantity": "1"}


def test_all_that_a_path_leads_to_is_hashed_whatever_it_is() -> None:
    settings = SourceSettings(hash_fields=("traits.phones", "properties.a.b.c"))

    envelope = stored(
        settings,
        user_id="u",
        traits={"phones": ["17", {"home": 18, "ok": True, "none": None}], "age": 40},
        properties={"a": {"b": {"c": "x"}}, "a.b.c": 1.5},
    )

    assert envelope.traits == {
        "phones": [
            hashed("17", KEY),
            {"home": hashed("18", KEY), "ok": True, "none": None},
        ],
        "age": 40,
    }
    assert envelope.properties == {"a": {"b": {"c": hashed("x", KEY)}}, "a.b.c": hashed("1.5", KEY)}


def test_what_is_hashed_already_stays_what_it_is() -> None:
    settings = SourceSettings(hash_fields=("email", "user_id"))

    envelope = stored(settings, user_id=hashed("u", KEY), email=ANN_HASHED)

    assert (envelope.user_id, envelope.email) == (hashed("u", KEY), ANN_HASHED)


def test_what_no_mapping_knows_yet_holds_no_address_either() -> None:
    type_: EventType = "unmapped"
    envelope = stored(
        SourceSettings(hash_fields=("email",)),
        type=type_,
        source="src",
        properties={
            "payload": {"person": [{"mail": ANN}], "note": "from <bob@acme.example>, soon"}
        },
    )

    bob = hashed("bob@acme.example", KEY)
    assert envelope.properties == {
        "payload": {"person": [{"mail": ANN_HASHED}], "note": f"from <{bob}>, soon"}
    }


@pytest.mark.parametrize(
    ("ip", "left"),
    [
        ("keep", {"last_seen_ip": "203.0.113.9", "clientIp": "2001:db8:1:2::3"}),
        ("truncate", {"last_seen_ip": "203.0.113.0", "clientIp": "2001:db8:1::"}),
        ("drop", {}),
    ],
)
@pytest.mark.parametrize("hash_fields", [(), ("email",)])
def test_what_no_mapping_knows_yet_holds_no_whole_address_of_the_internet(
    ip: Literal["keep", "truncate", "drop"], left: dict[str, str], hash_fields: tuple[str, ...]
) -> None:
    others = {"version": "1.2.3.4", "zip": "203.0.113.9", "ip_count": 3, "ips": []}

    envelope = stored(
        SourceSettings(ip=ip, hash_fields=hash_fields),
        type="unmapped",
        source="src",
        properties={
            "item": [{"last_seen_ip": "203.0.113.9", "clientIp": "2001:db8:1:2::3", **others}]
        },
    )

    assert envelope.properties == {"item": [{**left, **others}]}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(ANN),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "a.b", "email", "ip", "$ip", "", ANN]), inner, max_size=3
        )
    ),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(st.sampled_from(["a", "a.b", "email", "ip", "$ip"]), _JSON, max_size=3)


@given(_OBJECTS, _OBJECTS, _OBJECTS)
def test_whatever_is_sent_no_hashed_address_and_nothing_denied_is_left(
    properties: dict[str, Any], traits: dict[str, Any], context: dict[str, Any]
) -> None:
    settings = SourceSettings(
        deny_properties=("traits.a.b", "context.ip"), hash_fields=("email", "properties.a")
    )

    envelope = stored(settings, email=ANN, properties=properties, traits=traits, context=context)

    assert "acme.example" not in str(_values(envelope)).lower()
    assert "a.b" not in envelope.traits
    assert "ip" not in envelope.context
    assert redact(envelope, redaction(settings, KEY), max_bytes=1_000_000) == envelope


def _values(envelope: Envelope) -> list[object]:
    return [envelope.email, envelope.properties, envelope.traits, envelope.context]


def test_with_many_hashed_addresses_every_address_of_the_event_is_hashed() -> None:
    named = [f"ann-{n}@acme.example" for n in range(51)]

    envelope = stored(
        SourceSettings(hash_fields=("traits.emails",)),
        user_id="u",
        traits={"emails": named},
        properties={"text": f"{ANN} and {named[50]}"},
    )

    assert envelope.properties["text"] == f"{ANN_HASHED} and {hashed(named[50], KEY)}"


def test_an_event_of_many_unusual_addresses_is_refused() -> None:
    unusual = [f"ann#{n}@acme.example" for n in range(51)]
    rules = redaction(SourceSettings(hash_fields=("traits.emails",)), KEY)

    refused = redact(event(user_id="u", traits={"emails": unusual}), rules, max_bytes=1_000_000)
    passed = redact(event(user_id="u", traits={"emails": unusual[:50]}), rules, max_bytes=1_000_000)

    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.INVALID_EMAIL
    assert b"@acme" not in encode(stored_of(passed))


def test_a_large_event_is_refused_before_its_addresses_are_searched() -> None:
    settings = SourceSettings(hash_fields=("email",), deny_properties=("properties.page",))
    rules = redaction(settings, KEY)
    small, large = {"a": ANN}, {"a": f"{ANN} " * 100}

    kept = redact(event(user_id="u", properties={**small, "page": large}), rules, max_bytes=1_000)
    refused = redact(event(user_id="u", properties=large), rules, max_bytes=1_000)

    assert stored_of(kept).properties == {"a": ANN_HASHED}
    assert refused == event_too_large(1_000)


def stored_of(verdict: Envelope | Refused) -> Envelope:
    assert isinstance(verdict, Envelope)
    return verdict


@pytest.mark.parametrize("fields", [("account_id",), ("account_external_id",), ("email",)])
def test_a_record_that_is_an_account_of_its_own_stays_that_when_ids_are_hashed(
    fields: tuple[str, ...],
) -> None:
    record = "hubspot:company:701"

    settings = SourceSettings(hash_fields=fields)

    envelope = stored(settings, account_id=record, account_external_id=record)

    assert envelope.account_id == envelope.account_external_id
