"""`/v1/alerts`: list, acknowledge, resolve."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query

from services.api.cursors import AlertPosition
from services.api.dependencies import DECODED, Caller, Database, Now
from services.api.errors import Code, RequestRefused
from services.api.http.routing import ScopedRouter
from services.api.pagination import paginate, position
from services.api.queries import alerts as stored
from services.api.schemas import alerts as schemas
from shared.keys.principal import Scope

router = ScopedRouter(prefix="/v1/alerts", tags=["alerts"])

_LISTING = "alerts"

AlertId = Annotated[str, Path(min_length=1, description="The alert's id, a UUID."), DECODED]


@router.get(
    "",
    operation_id="listAlerts",
    scope=Scope.STAGES_READ,
    refusals=[Code.INVALID_CURSOR],
    summary="Alerts, newest first",
    response_description="A page of alerts.",
    example=schemas.ALERTS_EXAMPLE,
)
async def list_alerts(
    query: Annotated[schemas.AlertsQuery, Query()], database: Database
) -> schemas.Alerts:
    """An alert must pass all filters. Continue with `next_cursor` until it is null."""
    after = position(query, AlertPosition, _LISTING)
    filters = stored.Filters(
        state=query.state, kind=query.kind, journey=query.journey, owner=query.owner
    )
    async with database.transaction() as connection:
        rows = await stored.page(
            connection, database.workspace_id, filters, after=after, limit=query.limit + 1
        )
    page = paginate(rows, query, _LISTING, lambda row: AlertPosition(row.opened_at, row.alert_id))
    return schemas.Alerts(items=[_alert(row) for row in page.rows], next_cursor=page.next_cursor)


@router.post(
    "/{alert_id:encoded}:acknowledge",
    operation_id="acknowledgeAlert",
    scope=Scope.ALERTS_WRITE,
    refusals=[Code.ALERT_UNKNOWN, Code.ALERT_RESOLVED],
    summary="Acknowledge an alert",
    response_description="The alert as it is now.",
    example=schemas.ACKNOWLEDGED_ALERT_EXAMPLE,
)
async def acknowledge_alert(
    alert_id: AlertId, caller: Caller, database: Database, now: Now
) -> schemas.Alert:
    """Records which key acknowledged the alert, and when.

    Repeating changes nothing: the first key and instant stay. Refused for an alert that was resolved
    without being acknowledged.
    """
    async with database.transaction() as connection:
        row = await stored.acknowledge(
            connection, database.workspace_id, _uuid(alert_id), by=caller.key_id, now=now
        )
    if row is None:
        raise RequestRefused(Code.ALERT_UNKNOWN)
    if row.acknowledged_at is None:
        raise RequestRefused(Code.ALERT_RESOLVED)
    return _alert(row)


@router.post(
    "/{alert_id:encoded}:resolve",
    operation_id="resolveAlert",
    scope=Scope.ALERTS_WRITE,
    refusals=[Code.ALERT_UNKNOWN],
    summary="Resolve an alert",
    response_description="The alert as it is now.",
    example=schemas.RESOLVED_ALERT_EXAMPLE,
)
async def resolve_alert(
    alert_id: AlertId, caller: Caller, database: Database, now: Now
) -> schemas.Alert:
    """Records which key resolved the alert, and when.

    Repeating changes nothing. An alert is also resolved automatically when the account moves.
    """
    async with database.transaction() as connection:
        row = await stored.resolve(
            connection, database.workspace_id, _uuid(alert_id), by=caller.key_id, now=now
        )
    if row is None:
        raise RequestRefused(Code.ALERT_UNKNOWN)
    return _alert(row)


def _uuid(alert_id: str) -> UUID:
    try:
        return UUID(alert_id)
    except ValueError as exc:
        # No alert has an id of another form.
        raise RequestRefused(Code.ALERT_UNKNOWN) from exc


def _alert(row: Any) -> schemas.Alert:  # noqa: ANN401 - a row of `queries.alerts`
    return schemas.Alert(
        id=row.alert_id,
        kind=row.kind,
        severity=row.severity,
        state=row.state,
        account_id=row.subject_id,
        journey=row.journey,
        stage=row.stage,
        cycle=row.cycle,
        owner=row.owner,
        opened_at=row.opened_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
        resolution=row.resolution,
        last_touchpoint=row.last_touchpoint,
        value_at_risk=row.value_at_risk,
        evidence=row.evidence,
        summary=row.summary,
    )
