import pytest

from shared.contracts import envelope as wire
from shared.history import decode_stored, touchpoint

_FULL = """{
    "workspace_id": 7, "message_id": "m-1", "event": "Demo Requested",
    "occurred_at": "2026-01-05T11:00:00+02:00", "received_at": "2026-01-05T09:00:01Z",
    "user_id": "leah", "channel": "website", "role": "champion", "value": 12.5,
    "properties": {"plan": "pro"}, "traits": {"title": "CTO"}, "account_traits": {"seats": 40},
    "context": {"ip": "192.0.2.7"}, "sentiment": 4%s
}"""
_BARE = """{
    "workspace_id": 7, "message_id": "m-2", "event": "Page Viewed",
    "occurred_at": "2026-01-05T09:00:00Z", "received_at": "2026-01-05T09:00:01Z"%s
}"""


@pytest.mark.parametrize("text", [_FULL, _BARE])
@pytest.mark.parametrize("more", ["", ', "person": "user:mallory"', ', "person": [1], "order": {}'])
@pytest.mark.parametrize("person", ["user:leah", None])
def test_an_old_event_reads_as_it_did_when_it_was_new(
    text: str, more: str, person: str | None
) -> None:
    new = touchpoint(wire.decode(text.replace("%s", "").encode()), person)

    old = touchpoint(decode_stored(text % more), person)

    assert old == new
    assert old.person == person
    assert old.occurred_at.isoformat() == "2026-01-05T09:00:00+00:00"
