import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.stager.records.decode import Poison, Reason, decode
from shared.contracts.envelope import Envelope
from shared.history import decode_stored

GOOD: dict[str, Any] = {
    "workspace_id": 1,
    "message_id": "m1",
    "event": "Demo Requested",
    "occurred_at": "2026-01-05T09:00:00Z",
    "received_at": "2026-01-05T09:00:01Z",
    "user_id": "leah",
}


def record(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def read(value: bytes | None) -> Envelope | Poison:
    return decode(value, max_bytes=10_000)


def test_a_good_record_is_an_envelope() -> None:
    envelope = read(record())

    assert isinstance(envelope, Envelope)
    assert envelope.occurred_at == datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NULL_VALUE),
        (b"", Reason.NOT_JSON),
        (b"x" * 10_001, Reason.OVERSIZE),
        (b"not json", Reason.NOT_JSON),
        (b"[1]", Reason.WRONG_TYPE),
        (b"\xff\xfe", Reason.NOT_JSON),
        (record(v=2), Reason.UNKNOWN_VERSION),
        (record(workspace_id="1"), Reason.WRONG_TYPE),
        (record(workspace_id=0), Reason.OUT_OF_RANGE),
        (record(workspace_id=2**31), Reason.OUT_OF_RANGE),
        (record(message_id=""), Reason.OUT_OF_RANGE),
        (record(message_id="m" * 201), Reason.OUT_OF_RANGE),
        (record(event=""), Reason.OUT_OF_RANGE),
        (record(user_id="u" * 513), Reason.OUT_OF_RANGE),
        (record(account_id="user:leah"), Reason.OUT_OF_RANGE),
        (record(user_id=None), Reason.NO_NAMES),
        (record(user_id="", email="  "), Reason.NO_NAMES),
        (record(occurred_at="2026-01-05T09:00:00"), Reason.WRONG_TYPE),
        (record(occurred_at="0001-01-01T00:00:00+14:00"), Reason.OUT_OF_RANGE),
        (record(occurred_at="yesterday"), Reason.WRONG_TYPE),
        (record(properties={"a": "x\x00"}), Reason.BAD_TEXT),
        (record(properties={"a\x00": [1]}), Reason.BAD_TEXT),
        (record(traits={"a": [{"b": "\x00"}]}), Reason.BAD_TEXT),
        (record(event="E").replace(b'"E"', b'"\\ud800"'), Reason.NOT_JSON),
        (record(event="E").replace(b'"E"', b'"\xff"'), Reason.NOT_UTF8),
        (record(unknown="E").replace(b'"E"', b'"\xff"'), Reason.NOT_UTF8),
        (record(type="erase", user_id=None, account_id="acme"), Reason.NO_NAMES),
        (record(type="merge", account_id="acme"), Reason.NO_NAMES),
        (record(type="merge", previous_account_id="acme"), Reason.NO_NAMES),
        (
            record(type="merge", account_id="acme", previous_account_id="email:x"),
            Reason.OUT_OF_RANGE,
        ),
        (
            record(type="merge", account_id="acme", previous_account_id="a" * 513),
            Reason.OUT_OF_RANGE,
        ),
        (record(type="unmapped"), Reason.UNMAPPED),
        (record(type="unmapped", user_id=None, properties={"a\x00": "\x00"}), Reason.UNMAPPED),
        (record(type="unmapped", message_id="m\x00"), Reason.BAD_TEXT),
        (record(type="unmapped", message_id=""), Reason.OUT_OF_RANGE),
        (record(type="unmapped", received_at="2026-01-05T09:00:00"), Reason.WRONG_TYPE),
        (record()[:-1] + b', "value": 1e400}', Reason.WRONG_TYPE),
        (record()[:-1] + b', "value": NaN}', Reason.NOT_JSON),
        (record()[:-1] + b', "properties": {"a": ' + b"[" * 5000, Reason.TOO_DEEP),
    ],
)
def test_poison_is_named_by_its_reason(value: bytes | None, reason: Reason) -> None:
    poison = read(value)

    assert isinstance(poison, Poison)
    assert poison.reason is reason


def test_an_escaped_backslash_before_u0000_is_plain_text() -> None:
    assert isinstance(read(record(properties={"a": "\\u0000"})), Envelope)


@pytest.mark.parametrize("secret", ["leah@example.com"])
def test_the_detail_names_a_place_and_never_a_value(secret: str) -> None:
    for value in (
        record(type=secret),
        record(properties=[secret]),
        record(sentiment=secret),
        record(properties={secret: "\x00"}),
    ):
        poison = read(value)

        assert isinstance(poison, Poison)
        assert secret not in poison.detail


def test_the_workspace_is_kept_if_the_bytes_hold_one() -> None:
    poisons = [
        read(record(v=9, workspace_id=7)),
        read(record(type="x", workspace_id=7)),
        read(b"?"),
    ]

    assert [p.workspace_id for p in poisons] == [7, 7, 0]


@pytest.mark.parametrize(
    ("value", "message_id"),
    [
        (record(type="unmapped", message_id="hubspot:1"), "hubspot:1"),
        (record(user_id=None), "m1"),
        (record(v=2), "m1"),
        (record(type=7), "m1"),
        (record(v=2, message_id=7), None),
        (record(v=2, message_id="m" * 201), None),
        (record(v=2, message_id=""), None),
        (record(v=2, message_id="m\x00"), None),
        (record(message_id="m\x00"), None),
        (b"?", None),
    ],
)
def test_the_message_id_is_kept_if_the_bytes_hold_one_that_can_be_stored(
    value: bytes, message_id: str | None
) -> None:
    poison = read(value)

    assert isinstance(poison, Poison)
    assert poison.message_id == message_id


def test_an_unmapped_event_is_no_fault_and_has_the_providers_name_as_detail() -> None:
    poison = read(record(type="unmapped", event="ticket.propertyChange"))

    assert isinstance(poison, Poison)
    assert (poison.is_fault, poison.detail) == (False, "ticket.propertyChange")


def test_instants_are_in_utc_whatever_zone_they_came_in() -> None:
    text = record(occurred_at="2026-01-05T11:00:00+02:00")
    envelope = read(text)

    assert isinstance(envelope, Envelope)
    assert envelope.occurred_at.isoformat() == "2026-01-05T09:00:00+00:00"
    assert decode_stored(text.decode()).occurred_at.isoformat() == "2026-01-05T09:00:00+00:00"
