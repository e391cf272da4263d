"""Ingest without a log: a list behind the writer's port, a fixed clock, keys on a database."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.app import create_app
from services.ingest.intake import Ingest
from services.ingest.limits import Limits
from shared.clock import ManualClock
from shared.contracts.envelope import Envelope, decode
from shared.errors import DatabaseUnavailable, LogUnavailable
from shared.eventlog.port import NewRecord
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.keys.cache import KeyCache
from shared.keys.principal import SCOPES_OF_KIND, Principal, Scope, StoredKey
from shared.keys.token import KeyKind, NewKey, generate
from shared.sources.erasure import ErasureRequest
from shared.sources.registry import SourceRegistry, SourceSnapshot
from shared.sources.source import (
    DailyUsage,
    Source,
    SourceKind,
    SourceSettings,
    Suppressed,
    WorkspaceRules,
)
from shared.telemetry.metrics import Metrics

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class ListLog:
    """What ingest appends, in order; refuses while `is_away`."""

    def __init__(self) -> None:
        self.records: list[NewRecord] = []
        self.is_away = False

    async def start(self) -> None:
        """Nothing to connect to."""

    async def append(self, records: Sequence[NewRecord]) -> None:
        if self.is_away:
            raise LogUnavailable
        self.records += records

    async def healthy(self) -> bool:
        return not self.is_away

    async def stop(self) -> None:
        """Nothing to flush."""

    @property
    def envelopes(self) -> list[Envelope]:
        return [decode(record.value) for record in self.records]


class FakeDatabase:
    """The keys and sources that there are; nothing can be read while `is_away`."""

    def __init__(self) -> None:
        self.keys: list[StoredKey] = []
        self.sources: list[Source] = []
        self.rules = WorkspaceRules(hash_key=b"of the tests")
        self.rules_of: dict[WorkspaceId, WorkspaceRules] = {}
        """Of other workspaces."""
        self.suppressed: list[Suppressed] = []
        self.erasures: list[ErasureRequest] = []
        self.usage: dict[str, DailyUsage] = {}
        self.touchpoints: dict[tuple[WorkspaceId, str, str | None], list[str]] = {}
        """Stored ids by the id as sent, and the source that is asked for."""
        self.imports: set[tuple[WorkspaceId, str]] = set()
        self.is_away = False

    def put(
        self,
        kind: KeyKind,
        scopes: frozenset[Scope] | None = None,
        source_id: str | None = None,
    ) -> NewKey:
        key = generate(kind)
        self.keys.append(
            StoredKey(
                workspace_id=DEFAULT_WORKSPACE,
                key_id=key.key_id,
                kind=kind,
                scopes=SCOPES_OF_KIND[kind] if scopes is None else scopes,
                secret_hash=key.secret_hash,
                label="",
                created_at=NOW,
                expires_at=None,
                revoked_at=None,
                source_id=source_id,
            )
        )
        return key

    def bind(
        self, settings: SourceSettings, *, kind: SourceKind = SourceKind.WEB, source_id: str = "src"
    ) -> dict[str, str]:
        """A source with these settings; the headers that send by a write key of it."""
        self.sources = [each for each in self.sources if each.source_id != source_id]
        self.sources.append(
            Source(
                workspace_id=DEFAULT_WORKSPACE,
                source_id=source_id,
                name=source_id,
                kind=kind,
                settings=settings,
                created_at=NOW,
            )
        )
        key = self.put(KeyKind.WRITE, source_id=source_id)
        return {"Authorization": f"Bearer {key.token}"}

    async def load(self) -> Sequence[StoredKey]:
        if self.is_away:
            raise DatabaseUnavailable
        return list(self.keys)

    async def write_erasures(self, requests: Sequence[ErasureRequest]) -> None:
        if self.is_away:
            raise DatabaseUnavailable
        self.erasures += requests

    async def ids_of(
        self, workspace_id: WorkspaceId, message_id: str, source_id: str | None
    ) -> Sequence[str]:
        if self.is_away:
            raise DatabaseUnavailable
        return self.touchpoints.get((workspace_id, message_id, source_id), ())

    async def has_import(self, workspace_id: WorkspaceId, import_id: str) -> bool:
        if self.is_away:
            raise DatabaseUnavailable
        return (workspace_id, import_id) in self.imports

    async def load_sources(self, above: int) -> SourceSnapshot:
        if self.is_away:
            raise DatabaseUnavailable
        return SourceSnapshot(
            sources=list(self.sources),
            rules={DEFAULT_WORKSPACE: self.rules, **self.rules_of},
            suppressed=[each for each in self.suppressed if each.change > above],
            usage=dict(self.usage),
        )


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def write_key(database: FakeDatabase) -> NewKey:
    return database.put(KeyKind.WRITE)


@pytest.fixture
def principal(write_key: NewKey) -> Principal:
    return Principal(
        workspace_id=DEFAULT_WORKSPACE,
        key_id=write_key.key_id,
        kind=KeyKind.WRITE,
        scopes=SCOPES_OF_KIND[KeyKind.WRITE],
    )


@pytest.fixture
def event_log() -> ListLog:
    return ListLog()


@pytest.fixture
def limits() -> Limits:
    return Limits(body_timeout_seconds=0.2)


@pytest.fixture
def ingest(event_log: ListLog, database: FakeDatabase, limits: Limits) -> Ingest:
    clock = ManualClock(NOW)
    return Ingest(
        writer=event_log,
        keys=KeyCache(database.load, clock, spacing_seconds=0.0),
        sources=SourceRegistry(database.load_sources, spacing_seconds=0.0),
        clock=clock,
        metrics=Metrics(CollectorRegistry()),
        write_erasures=database.write_erasures,
        touchpoints=database,
        limits=limits,
    )


@pytest.fixture
async def client(ingest: Ingest) -> AsyncIterator[httpx.AsyncClient]:
    """Without a key: a test says by which one it comes."""
    transport = httpx.ASGITransport(create_app(ingest))
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
        yield client


@pytest.fixture
def bearer(write_key: NewKey) -> dict[str, str]:
    return {"Authorization": f"Bearer {write_key.token}"}
