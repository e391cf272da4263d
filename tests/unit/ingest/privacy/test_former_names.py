"""Records, former names and reasons of an event under the rules of its source."""

from typing import Any

import pytest

from services.ingest.privacy.suppression import SuppressionList
from shared.contracts.envelope import encode
from shared.sources.hashing import hashed, person_digest
from shared.sources.source import SourceSettings
from tests.support.touchpoints import event
from tests.unit.ingest.privacy.stored import ANN, KEY, stored

ANN_HASHED = hashed("ann@acme.example", KEY)


def test_an_address_is_hashed_in_former_names_records_and_reasons() -> None:
    envelope = stored(
        SourceSettings(hash_fields=("email",)),
        type="alias",
        user_id="u",
        external_id="ann@acme.example",
        account_external_id="list:of:ann@acme.example",
        previous_names=[
            "email:ann@acme.example",
            "user:u-2",
            "external:list:member:ann@acme.example",
        ],
        ignored_ids={"account_id": ANN},
        reason=f"said {ANN}",
    )

    assert envelope.previous_names[:2] == [f"email:{ANN_HASHED}", "user:u-2"]
    assert envelope.external_id == ANN_HASHED
    assert envelope.ignored_ids == {"account_id": ANN_HASHED}
    assert envelope.reason == f"said {ANN_HASHED}"
    assert b"acme" not in encode(envelope).lower()


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("user_id", "user:u-2"),
        ("external_id", "external:hubspot:contact:2"),
        ("anonymous_id", "anonymous:device"),
    ],
)
def test_a_former_name_is_hashed_like_the_field_of_its_kind(field: str, name: str) -> None:
    kept = ["user:u-2", "external:hubspot:contact:2", "anonymous:device"]
    settings = SourceSettings(hash_fields=(field,))

    envelope = stored(settings, type="alias", user_id="u-1", previous_names=kept)

    prefix, value = name.split(":", 1)
    assert envelope.previous_names == [
        f"{prefix}:{hashed(value, KEY)}" if each == name else each for each in kept
    ]


@pytest.mark.parametrize("field", ["user_id", "anonymous_id"])
def test_a_former_id_of_unknown_kind_is_hashed_with_users_or_devices(field: str) -> None:
    settings = SourceSettings(hash_fields=(field,))

    envelope = stored(settings, type="alias", user_id="u-1", previous_id="old-5")

    assert envelope.previous_id == hashed("old-5", KEY)


@pytest.mark.parametrize(
    "fields",
    [
        {"external_id": "hubspot:contact:8301"},
        {"anonymous_id": "hubspot:contact:8301"},
        {"anonymous_id": hashed("hubspot:contact:8301", KEY)},
        {"previous_id": "hubspot:contact:8301"},
        {"previous_names": ["external:hubspot:contact:8301"]},
        {"previous_names": [f"external:{hashed('hubspot:contact:8301', KEY)}"]},
    ],
)
def test_a_suppressed_record_is_known_in_every_field(fields: dict[str, Any]) -> None:
    listed = SuppressionList({person_digest("external:hubspot:contact:8301", key=KEY)}, KEY)

    assert listed.covers(event(**{"user_id": "u", **fields}))
    assert not listed.covers(event(user_id="u", external_id="hubspot:contact:8302"))


def test_an_entry_of_before_addresses_were_a_kind_still_holds() -> None:
    digest = person_digest("email:ann@acme.example", key=KEY)
    listed = SuppressionList({b"u" + digest[1:]}, KEY)

    assert listed.covers(event(user_id="ann@acme.example"))
