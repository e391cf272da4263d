"""Alerts: open findings about an account."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.api.schemas.common import Instant, JourneyKey, PageQuery, Told, Word

AlertState = Literal["open", "acknowledged", "resolved"]


class AlertsQuery(PageQuery):
    """Which alerts."""

    state: AlertState | None = Field(default=None, description="Only alerts in this state.")
    kind: Word | None = Field(
        default=None, description="Only alerts of this kind, such as `stall`."
    )
    journey: JourneyKey | None = Field(default=None, description="Only alerts of this journey.")
    owner: Word | None = Field(
        default=None, description="Only alerts that this owner has to see to."
    )


class Alert(Told):
    """An open or closed finding about an account."""

    id: UUID
    kind: str
    severity: str
    state: AlertState
    account_id: str
    journey: str
    stage: str
    cycle: int
    owner: str | None = Field(description="Who should act, by the map.")
    opened_at: Instant
    acknowledged_at: Instant | None
    acknowledged_by: str | None = Field(description="Id of the key that acknowledged it.")
    resolved_at: Instant | None
    resolved_by: str | None = Field(description="Id of the key; null where it resolved itself.")
    resolution: str | None = Field(description="`manual`, or what resolved it.")
    last_touchpoint: dict[str, Any] | None = Field(description="The newest touchpoint at the time.")
    value_at_risk: float | None
    evidence: dict[str, Any]
    summary: str


class Alerts(Told):
    """A page of alerts, newest first."""

    items: list[Alert]
    next_cursor: str | None
