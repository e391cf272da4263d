"""The health port: alive while the loop runs, ready while batches are stored; and the lag gauge."""

import asyncio

import structlog
from starlette.applications import Starlette
from starlette.types import ASGIApp

from services.stager.consume.consumer import Consumer
from services.stager.store.session import Pool, answers
from shared.errors import TransientError
from shared.eventlog.port import LogReader
from shared.http.health import Check, Health, MetricsPeers, routes
from shared.http.observe import Observe
from shared.process.waiting import pause
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_LAG_SECONDS = 2.0


def checks(pool: "Pool | None", consumer: Consumer | None) -> dict[str, Check]:
    """The checks of `/readyz`."""

    async def database() -> bool:
        return pool is not None and await answers(pool)

    async def storing() -> bool:
        return consumer is not None and consumer.is_storing_well

    return {"database": database, "storing": storing}


def create_app(
    health: Health, metrics: Metrics, *, metrics_peers: MetricsPeers = "loopback"
) -> ASGIApp:
    """The health port's application."""
    app = Starlette(routes=routes(health, metrics.registry, metrics_peers=metrics_peers))
    return Observe(app, service="stager", metrics=metrics, health=health)


async def watch_lag(
    reader: LogReader, consumer: Consumer, metrics: Metrics, stop: asyncio.Event
) -> None:
    """Set the lag gauge every 2 s: records of each assigned partition that are not stored yet."""
    shown: set[int] = set()
    while not stop.is_set():
        try:
            bounds = await reader.bounds()
        except TransientError as exc:
            log.info("lag_unknown", error=str(exc))
        else:
            held = reader.assigned()
            for partition in shown - held:
                # Its new owner reports the lag; the sum over stagers would count it twice.
                metrics.stager_lag_records.remove(str(partition))
            shown = set(held) & bounds.keys()
            for partition in shown:
                first, next_offset = bounds[partition]
                position = consumer.positions.get(partition, first)
                metrics.stager_lag_records.labels(str(partition)).set(
                    max(0, next_offset - position)
                )
        await pause(stop, _LAG_SECONDS)
