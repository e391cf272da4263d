"""A dry run decides as a running ingest does about a sender without a source."""

import json

from services.ingest.dry_run import DryRun
from services.ingest.events.verdicts import BodyRefused, RefusalCode
from tests.unit.ingest.conftest import NOW

EVENT = {"event": "Demo Requested", "account_id": "acme"}


def test_refused_events_are_named_by_their_position() -> None:
    items = DryRun().touchpoints(json.dumps([EVENT, {"event": "Demo Requested"}, 17]).encode())

    assert not isinstance(items, BodyRefused)
    decisions = DryRun().decide(items, received_at=NOW)
    assert [(index, refusal.code) for index, refusal in decisions.refused] == [
        (1, RefusalCode.MISSING_IDENTITY),
        (2, RefusalCode.NOT_AN_OBJECT),
    ]
    assert decisions.accepted == 1


def test_addresses_are_truncated_as_before_the_log() -> None:
    items = DryRun().touchpoints(json.dumps({**EVENT, "context": {"ip": "203.0.113.9"}}).encode())

    assert not isinstance(items, BodyRefused)
    (envelope,) = DryRun().decide(items, received_at=NOW).envelopes
    assert envelope.context == {"ip": "203.0.113.0"}


def test_a_body_that_is_no_json_is_refused_as_a_whole() -> None:
    assert isinstance(DryRun().touchpoints(b"{"), BodyRefused)
