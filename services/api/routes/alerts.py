"""`/v1/alerts`: who needs attention, and taking it up."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.api import cursors
from services.api.cursors import AlertPosition
from services.api.errors import Code, Refused
from services.api.operation import Answer, Call, Operation, json_answer
from services.api.queries import alerts as stored
from services.api.queries.connections import workspace_transaction
from services.api.schemas import alerts as schemas
from services.api.schemas import examples
from shared.clock import Clock
from shared.keys.principal import Scope

_LISTING = "alerts"
_ALERT_ID = "The alert's id, a UUID."


class AlertRoutes:
    """Lists alerts and records what people do about them."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """`engine` in the api's role; `clock` says when an alert was taken up."""
        self._engine = engine
        self._clock = clock

    def operations(self) -> list[Operation]:
        """The calls of this resource."""
        return [
            Operation(
                method="GET",
                path="/v1/alerts",
                operation_id="listAlerts",
                tag="alerts",
                summary="Open and closed findings, newest first",
                description="Filters narrow each other; go on with `next_cursor` until it is null.",
                scope=Scope.STAGES_READ,
                handler=self.list,
                query=schemas.AlertsQuery,
                answers=[
                    Answer(
                        status=200,
                        description="A page of alerts.",
                        schema=schemas.Alerts,
                        example=examples.ALERTS,
                    )
                ],
                refusals=[Code.INVALID_CURSOR],
            ),
            Operation(
                method="POST",
                path="/v1/alerts/{alert_id}:acknowledge",
                operation_id="acknowledgeAlert",
                tag="alerts",
                summary="Somebody is on it",
                description=(
                    "Records which key acknowledged the alert, and when. Repeating changes nothing:"
                    " the first who and when stay. An alert that was resolved without ever being"
                    " acknowledged is refused."
                ),
                scope=Scope.ALERTS_WRITE,
                handler=self.acknowledge,
                parameters={"alert_id": _ALERT_ID},
                answers=[
                    Answer(
                        status=200,
                        description="The alert as it stands now.",
                        schema=schemas.Alert,
                        example=examples.ACKNOWLEDGED_ALERT,
                    )
                ],
                refusals=[Code.ALERT_UNKNOWN, Code.ALERT_RESOLVED],
            ),
            Operation(
                method="POST",
                path="/v1/alerts/{alert_id}:resolve",
                operation_id="resolveAlert",
                tag="alerts",
                summary="It is dealt with",
                description=(
                    "Records which key resolved the alert, and when. Repeating changes nothing."
                    " An alert also resolves itself when the account moves."
                ),
                scope=Scope.ALERTS_WRITE,
                handler=self.resolve,
                parameters={"alert_id": _ALERT_ID},
                answers=[
                    Answer(
                        status=200,
                        description="The alert as it stands now.",
                        schema=schemas.Alert,
                        example=examples.RESOLVED_ALERT,
                    )
                ],
                refusals=[Code.ALERT_UNKNOWN],
            ),
        ]

    async def list(self, call: Call) -> Response:
        """A page of alerts."""
        asked = call.query(schemas.AlertsQuery)
        workspace_id = call.principal.workspace_id
        after = (
            cursors.decode(asked.cursor, AlertPosition, _LISTING, asked)
            if asked.cursor is not None
            else None
        )
        filters = stored.Filters(
            state=asked.state, kind=asked.kind, journey=asked.journey, owner=asked.owner
        )
        async with workspace_transaction(self._engine, workspace_id) as connection:
            rows = await stored.page(
                connection, workspace_id, filters, after=after, limit=asked.limit + 1
            )
        page = rows[: asked.limit]
        next_cursor = None
        if len(rows) > asked.limit:
            position = AlertPosition(page[-1].opened_at, page[-1].alert_id)
            next_cursor = cursors.encode(position, _LISTING, asked)
        return json_answer(
            schemas.Alerts(items=[_alert(row) for row in page], next_cursor=next_cursor)
        )

    async def acknowledge(self, call: Call) -> Response:
        """Somebody is on it."""
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            row = await stored.acknowledge(
                connection,
                workspace_id,
                _alert_id(call),
                by=call.principal.key_id,
                now=self._clock.now(),
            )
        if row is None:
            raise Refused(Code.ALERT_UNKNOWN)
        if row.acknowledged_at is None:
            raise Refused(Code.ALERT_RESOLVED)
        return json_answer(_alert(row))

    async def resolve(self, call: Call) -> Response:
        """It is dealt with."""
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            row = await stored.resolve(
                connection,
                workspace_id,
                _alert_id(call),
                by=call.principal.key_id,
                now=self._clock.now(),
            )
        if row is None:
            raise Refused(Code.ALERT_UNKNOWN)
        return json_answer(_alert(row))


def _alert_id(call: Call) -> UUID:
    try:
        return UUID(call.path["alert_id"])
    except ValueError as exc:
        # No alert has an id of another form, so there is none to be found.
        raise Refused(Code.ALERT_UNKNOWN) from exc


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
