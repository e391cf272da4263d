"""Alerts: findings about an account."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.api.schemas.base import Example, ListOf, PageQuery, ResponseModel
from services.api.schemas.fields import Instant, JourneyKey, Word

AlertState = Literal["open", "acknowledged", "resolved"]


class AlertsQuery(PageQuery):
    """Filters of alerts."""

    state: AlertState | None = Field(default=None, description="Only alerts in this state.")
    kind: Word | None = Field(
        default=None, description="Only alerts of this kind, such as `stall`."
    )
    journey: JourneyKey | None = Field(default=None, description="Only alerts of this journey.")
    owner: Word | None = Field(default=None, description="Only alerts of this owner.")


class Alert(ResponseModel):
    """A finding about an account, open or resolved."""

    id: UUID
    kind: str
    severity: str
    state: AlertState
    account_id: str
    journey: str
    stage: str
    cycle: int
    owner: str | None = Field(description="Owner of the stage, by the map.")
    opened_at: Instant
    acknowledged_at: Instant | None
    acknowledged_by: str | None = Field(description="Id of the key that acknowledged it.")
    resolved_at: Instant | None
    resolved_by: str | None = Field(
        description="Id of the key that resolved it; null if it was resolved automatically."
    )
    resolution: str | None = Field(
        description="`manual`, or the cause of the automatic resolution."
    )
    last_touchpoint: dict[str, Any] | None = Field(
        description="The newest touchpoint when it was opened."
    )
    value_at_risk: float | None
    evidence: dict[str, Any]
    summary: str


class Alerts(ListOf[Alert]):
    """A page of alerts, newest first."""


ALERT_EXAMPLE: Example = {
    "id": "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11",
    "kind": "stall",
    "severity": "warning",
    "state": "open",
    "account_id": "acme",
    "journey": "b2b-jtbd-7",
    "stage": "evaluation",
    "cycle": 1,
    "owner": "sales",
    "opened_at": "2026-03-16T09:30:00Z",
    "acknowledged_at": None,
    "acknowledged_by": None,
    "resolved_at": None,
    "resolved_by": None,
    "resolution": None,
    "last_touchpoint": {
        "message_id": "m-131",
        "event": "Pricing Viewed",
        "occurred_at": "2026-03-04T16:12:07.250000Z",
        "channel": "website",
    },
    "value_at_risk": 12000.0,
    "evidence": {"entered_at": "2026-03-02T09:30:00Z", "stall_after_seconds": 1209600.0},
    "summary": "acme has been in Evaluation for 14 days without a move",
}

ALERTS_EXAMPLE: Example = {"items": [ALERT_EXAMPLE], "next_cursor": None}

ACKNOWLEDGED_ALERT_EXAMPLE: Example = {
    **ALERT_EXAMPLE,
    "state": "acknowledged",
    "acknowledged_at": "2026-03-16T10:05:00Z",
    "acknowledged_by": "4be0643f1d98",
}

RESOLVED_ALERT_EXAMPLE: Example = {
    **ACKNOWLEDGED_ALERT_EXAMPLE,
    "state": "resolved",
    "resolved_at": "2026-03-17T14:20:00Z",
    "resolved_by": "4be0643f1d98",
    "resolution": "manual",
}
