"""The one composition of ingest: of its own process, of standalone, and of the command line's dry runs.

Usage:
- `composed`: everything connected, as a service needs it; `refresh` starts its background tasks;
- `DryRun`: parse, validate and privacy as ingest applies them, without keys, sources, database or log.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from services.ingest.decisions import Decisions, decide
from services.ingest.events.candidate import Candidate
from services.ingest.events.verdicts import BodyRefused, Refused
from services.ingest.gatekeeper.rules import Sender, source_rules
from services.ingest.intake import Ingest
from services.ingest.limits import Limits
from services.ingest.protocols.touchpoints.parse import parse
from services.ingest.recorder import LAST_WRITE_SECONDS, Recorder
from services.ingest.settings import IngestSettings
from services.ingest.validation import Validated, shared_fields, validate
from shared.clock import Clock
from shared.eventlog.factory import open_writer
from shared.eventlog.port import LogWriter
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.cache import KeyCache
from shared.keys.principal import SCOPES_OF_KIND, Principal
from shared.keys.token import KeyKind
from shared.sources.registry import SourceRegistry
from shared.sources.source import WorkspaceRules
from shared.storage import keys, source_events, sources
from shared.storage.connect import DatabaseRole, create_engine
from shared.telemetry.metrics import Metrics

_READ_SECONDS = 3.0


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
        limits=settings.limits(),
        recorder=recorder,
        public_base_url=settings.public_base_url,
    )
    try:
        yield ingest
    finally:
        await ingest.writer.stop()
        if recorder is not None:
            # The last requests were answered after the recorder's task had ended.
            await recorder.flush(LAST_WRITE_SECONDS)
        await recorder_engine.dispose()
        await engine.dispose()


def refresh(ingest: Ingest, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
    """Start the background tasks of `ingest` in `group`: keys, sources and recorder, until `stop`."""
    group.create_task(ingest.keys.run(stop), name="keys")
    group.create_task(ingest.sources.run(stop), name="sources")
    if ingest.accounting.recorder is not None:
        group.create_task(ingest.accounting.recorder.run(stop), name="recorder")


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What ingest would decide about events of a server without a source. Pure; stores nothing.

    Rules of a workspace or a source are not applied: only a running ingest has them.
    """

    limits: Limits = field(default_factory=Limits)

    def touchpoints(self, body: bytes) -> Sequence[Candidate | Refused] | BodyRefused:
        """Parse a body of `POST /v1/touchpoints`: a candidate or a refusal for each event."""
        return parse(body, is_ndjson=False, limits=self.limits)

    def validate(self, candidate: Candidate, *, received_at: datetime) -> Validated | Refused:
        """Validate one candidate; privacy rules are not applied."""
        return validate(candidate, shared_fields(_SENDER.principal, received_at))

    def decide(self, items: Sequence[Candidate | Refused], *, received_at: datetime) -> Decisions:
        """Validate the items and apply the default privacy rules; positions as in `items`."""
        return decide(items, sender=_SENDER, received_at=received_at, limits=self.limits)


_SENDER = Sender(
    Principal(
        workspace_id=DEFAULT_WORKSPACE,
        key_id="dry-run",
        kind=KeyKind.SECRET,
        scopes=SCOPES_OF_KIND[KeyKind.SECRET],
    ),
    source_rules(KeyKind.SECRET, None, WorkspaceRules(hash_key=b""), frozenset()),
)
