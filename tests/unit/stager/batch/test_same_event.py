"""When a repeated message id is a repeated event, and when another event with the same id."""

from datetime import timedelta
from typing import Any

import pytest

from services.stager.batch.same_event import has_same_content, is_same_sender_and_names
from shared.contracts.envelope import Envelope
from tests.support.touchpoints import NOON, event

LATER = NOON + timedelta(minutes=5)
MADE: dict[str, Any] = {"account_id": "acme", "properties": {"plan": "pro"}, "value": 5.0}


def sent(**fields: Any) -> Envelope:
    return event(at=NOON - timedelta(days=1), **{"received_at": NOON, **MADE, **fields})


@pytest.mark.parametrize(
    "delivery",
    [
        {"received_at": LATER},
        {"source": "another-key"},
        {"context": {"ip": "10.1.1.0", "library": {"name": "x"}}},
        {"occurred_at": LATER, "received_at": LATER},
        {"occurred_at": NOON, "original_timestamp": "2026-03-01T11:00:00Z"},
    ],
)
def test_what_a_retry_changes_is_no_other_content(delivery: dict[str, Any]) -> None:
    assert has_same_content(sent(), sent(**delivery))


@pytest.mark.parametrize(
    "other",
    [
        {"event": "Noise"},
        {"type": "identify"},
        {"account_id": "globex"},
        {"user_id": "u"},
        {"properties": {"plan": "free"}},
        {"value": 6.0},
        {"value": None},
        {"account_traits": {"a": 1}},
        {"occurred_at": NOON - timedelta(days=2)},
        {"thought": "hm"},
    ],
)
def test_anything_that_the_event_says_is_content(other: dict[str, Any]) -> None:
    assert not has_same_content(sent(), sent(**other))
    assert not has_same_content(sent(**other), sent())


def test_of_corrected_times_the_sent_text_counts() -> None:
    early, late = (sent(original_timestamp=f"2026-03-01T1{hour}:00:00Z") for hour in "12")
    shifted = sent(occurred_at=NOON, original_timestamp=early.original_timestamp)

    assert has_same_content(early, shifted)
    assert not has_same_content(early, late)


def test_a_bare_id_is_the_same_event_by_sender_event_and_names() -> None:
    before = sent(source="src_app")

    assert is_same_sender_and_names(before, sent(source="src_app", value=None, received_at=LATER))
    assert not is_same_sender_and_names(before, sent(source="src_web"))
    assert not is_same_sender_and_names(before, sent(source="src_app", event="Noise"))
    assert not is_same_sender_and_names(before, sent(source="src_app", account_id="globex"))


def test_a_row_named_by_its_content_is_the_same_by_whatever_key() -> None:
    before = sent(source="old-key", message_id="import-0f-1")

    assert is_same_sender_and_names(before, sent(source="new-key"))
