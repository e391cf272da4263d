"""Two gauges, counted in Postgres: subjects by stage, and open alerts.

They are counted periodically and not during the scrape, so that frequent scrapes cost no more. After a
slow count the pause is longer in proportion: counting never takes more than a twentieth of one
connection's time.
"""

import asyncio
from collections import Counter
from time import monotonic

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.api.queries import gauges as stored
from services.api.queries.connections import UNAVAILABLE, workspace_transaction
from shared.errors import TransientError
from shared.process.waiting import pause
from shared.storage.errors import transient_as_unavailable
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_SHARE = 20


class StageGauges:
    """Keeps the two gauges of `metrics` at most some seconds old."""

    def __init__(self, engine: AsyncEngine, metrics: Metrics, *, period_seconds: float) -> None:
        """`engine` in the api's role; at least `period_seconds` lie between two counts."""
        self._engine = engine
        self._metrics = metrics
        self._period_seconds = period_seconds
        self._stages: Counter[tuple[str, str, str]] = Counter()
        self._alerts: Counter[tuple[str, str]] = Counter()

    async def run(self, stop: asyncio.Event) -> None:
        """Count until `stop` is set. While the database is away the last counts stay."""
        while not stop.is_set():
            began = monotonic()
            try:
                await self.count()
            except TransientError as exc:
                log.warning("stage_gauges_not_counted", error=type(exc.__cause__ or exc).__name__)
            pause_seconds = max(self._period_seconds, _SHARE * (monotonic() - began))
            await pause(stop, pause_seconds)

    async def count(self) -> None:
        """Count once, over all workspaces. Raises DatabaseUnavailable."""
        stages: Counter[tuple[str, str, str]] = Counter()
        alerts: Counter[tuple[str, str]] = Counter()
        with transient_as_unavailable(UNAVAILABLE):
            async with self._engine.connect() as connection:
                workspaces = await stored.workspaces(connection)
        for workspace_id in workspaces:
            async with workspace_transaction(self._engine, workspace_id) as connection:
                counts = await stored.counts(connection, workspace_id)
            stages.update(counts.stages)
            alerts.update(counts.alerts)
        # Label sets that have vanished are set to zero once, or their last number would stay.
        for labels in self._stages.keys() | stages.keys():
            self._metrics.api_subjects_in_stage.labels(*labels).set(stages[labels])
        for kinds in self._alerts.keys() | alerts.keys():
            self._metrics.api_open_alerts.labels(*kinds).set(alerts[kinds])
        self._stages, self._alerts = stages, alerts
