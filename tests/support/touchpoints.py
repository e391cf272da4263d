"""Touchpoints as the event log carries them and as the engine folds them."""

from datetime import UTC, datetime
from typing import Any

from shared.contracts.envelope import Envelope
from shared.ids import DEFAULT_WORKSPACE
from shared.journey.model import Touchpoint

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def event(event: str = "Demo Requested", at: datetime = NOON, **fields: Any) -> Envelope:
    """An event of the default workspace, received when it happened, unless `fields` say otherwise."""
    defaults = {
        "workspace_id": DEFAULT_WORKSPACE,
        "message_id": "m-1",
        "occurred_at": at,
        "received_at": at,
    }
    return Envelope(event=event, **{**defaults, **fields})


def touchpoint(event: str, at: datetime = NOON, **fields: Any) -> Touchpoint:
    """What the engine reads of an envelope."""
    return Touchpoint(event=event, occurred_at=at, **{"message_id": "m-1", **fields})
