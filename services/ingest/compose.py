"""The one composition of ingest: of its own process, of standalone, and of commands that store events.

`composed` connects everything that a service needs; `refresh` starts its background tasks. What only
judges events and stores nothing is `services.ingest.dry_run`, without keys, sources, database or log.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services.ingest.event_counts import EventCounts
from services.ingest.intake import Ingest
from services.ingest.recorder import LAST_WRITE_SECONDS, Recorder
from services.ingest.settings import IngestSettings
from shared.clock import Clock
from shared.eventlog.factory import open_writer
from shared.eventlog.port import LogWriter
from shared.keys.cache import KeyCache
from shared.process.listener import is_loopback
from shared.sources.registry import SourceRegistry
from shared.storage import event_names, keys, source_events, sources
from shared.storage.connect import DatabaseRole, create_engine
from shared.storage.identity import erasure_requests
from shared.storage.retractions.touchpoint_ids import TouchpointIds
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_READ_SECONDS = 3.0
_WRITE_SECONDS = 3.0


@asynccontextmanager
async def composed(
    settings: IngestSettings,
    *,
    clock: Clock,
    metrics: Metrics,
    writer: LogWriter | None = None,
    role: DatabaseRole = DatabaseRole.INGEST,
    application_name: str = "stageline-ingest",
    is_recording: bool = True,
    read_timeout_seconds: float = _READ_SECONDS,
) -> AsyncIterator[Ingest]:
    """Ingest with its own connections, which close at the end: log, recorder, database.

    The caller starts `ingest.writer` and reads keys and sources, by `refresh` or once. Connections open
    at their first use, so entering raises nothing.

    `writer`: another event log than that of `settings`. `is_recording`: events go to the live view of
    their source. `read_timeout_seconds`: longest read of the sources.
    """
    url = settings.database_url.get_secret_value()
    engine = create_engine(url, role=role, application_name=application_name, pool_size=1)
    # A pool of its own: writes of the live view must not delay the read that revokes a key.
    recorder_engine = create_engine(
        url, role=role, application_name=f"{application_name}-recorder", pool_size=1
    )
    recorder = Recorder(source_events.writer(recorder_engine), metrics) if is_recording else None
    event_counts = EventCounts(event_names.writer(recorder_engine)) if is_recording else None
    ingest = Ingest(
        writer=writer or open_writer(settings),
        keys=KeyCache(keys.loader(engine), clock, refresh_seconds=settings.key_refresh_seconds),
        sources=SourceRegistry(
            sources.loader(engine, clock),
            refresh_seconds=settings.key_refresh_seconds,
            timeout_seconds=read_timeout_seconds,
        ),
        clock=clock,
        metrics=metrics,
        write_erasures=erasure_requests.writer(engine, timeout_seconds=_WRITE_SECONDS),
        touchpoints=TouchpointIds(engine=engine, timeout_seconds=_READ_SECONDS),
        limits=settings.limits(),
        recorder=recorder,
        event_counts=event_counts,
        public_base_url=settings.public_base_url,
    )
    try:
        yield ingest
    finally:
        await ingest.writer.stop()
        if recorder is not None:
            # The last requests were answered after the recorder's task had ended.
            await recorder.flush(LAST_WRITE_SECONDS)
        if event_counts is not None:
            await event_counts.flush(LAST_WRITE_SECONDS)
        await recorder_engine.dispose()
        await engine.dispose()


def warn_of_foreign_hosts(settings: IngestSettings) -> None:
    """Log a warning where the settings of browser SDKs would name the `Host` that a stranger has sent."""
    if not settings.public_base_url and not is_loopback(settings.host):
        log.warning(
            "public_base_url_missing",
            host=settings.host,
            effect="SDKs in browsers get the Host of their request as the address of ingest",
            remedy="set STAGELINE_PUBLIC_BASE_URL",
        )


def refresh(ingest: Ingest, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
    """Start the background tasks of `ingest` in `group`: keys, sources and recorder, until `stop`."""
    group.create_task(ingest.keys.run(stop), name="keys")
    group.create_task(ingest.sources.run(stop), name="sources")
    if ingest.accounting.recorder is not None:
        group.create_task(ingest.accounting.recorder.run(stop), name="recorder")
    if ingest.accounting.event_counts is not None:
        group.create_task(ingest.accounting.event_counts.run(stop), name="event-counts")
