"""Changes of sources: create, change, pause, remove; and of their secrets.

Works in the owner's role and in the api's, which sees one workspace and never reads a secret. No
function commits: the caller's transaction does.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import StagelineError
from shared.ids import WorkspaceId
from shared.sources.source import Source, SourceKind, SourceSettings, settings_json
from shared.storage.source_tables import source, source_event, source_secret, source_usage
from shared.storage.sources import as_source
from shared.storage.tables import api_key

MAX_SOURCES = 1_000
"""Of a workspace: every ingest process holds all of them."""
MAX_SECRETS = 5
"""In use at once: each is tried against each signature."""

_ID_BYTES = 12


class NameInUse(StagelineError):
    """Another source of the workspace has this name."""


class LimitReached(StagelineError):
    """One more would be too many; the message says of what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSecret:
    """A secret without its value: what the api may show of it."""

    secret_id: UUID
    created_at: datetime
    expires_at: datetime | None


async def create(
    connection: AsyncConnection,
    *,
    workspace_id: WorkspaceId,
    name: str,
    kind: SourceKind,
    settings: SourceSettings,
    now: datetime,
) -> Source:
    """Store a new source under a random id. Raises NameInUse and LimitReached."""
    count = await connection.scalar(
        select(func.count()).select_from(source).where(source.c.workspace_id == workspace_id)
    )
    if (count or 0) >= MAX_SOURCES:
        raise LimitReached(f"A workspace has at most {MAX_SOURCES} sources.")
    created = Source(
        workspace_id=workspace_id,
        source_id=f"src_{secrets.token_hex(_ID_BYTES)}",
        name=name,
        kind=kind,
        settings=settings,
        created_at=now,
    )
    statement = insert(source).values(
        workspace_id=workspace_id,
        source_id=created.source_id,
        name=name,
        kind=kind.value,
        settings=settings_json(settings),
        created_at=now,
    )
    try:
        async with connection.begin_nested():
            await connection.execute(statement)
    except IntegrityError as exc:
        raise _meaning(exc) from exc
    return created


async def list_sources(connection: AsyncConnection, workspace_id: WorkspaceId) -> list[Source]:
    """Sources of a workspace by name, without secrets."""
    rows = await connection.execute(
        select(source).where(source.c.workspace_id == workspace_id).order_by(source.c.name)
    )
    return [each for row in rows if (each := as_source(row)) is not None]


async def get(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    source_id: str,
    *,
    is_locked: bool = False,
) -> Source | None:
    """One source without its secrets; `is_locked` locks the row until the transaction ends."""
    statement = select(source).where(_is(workspace_id, source_id))
    if is_locked:
        statement = statement.with_for_update()
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else as_source(row)


async def by_name(
    connection: AsyncConnection, workspace_id: WorkspaceId, name: str
) -> Source | None:
    """The source of this name, without its secrets."""
    statement = select(source).where(source.c.workspace_id == workspace_id, source.c.name == name)
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else as_source(row)


async def change(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    source_id: str,
    *,
    name: str,
    settings: SourceSettings,
) -> None:
    """Set name and settings of a source. Raises NameInUse. Running services refresh within seconds."""
    statement = (
        update(source)
        .where(_is(workspace_id, source_id))
        .values(name=name, settings=settings_json(settings))
    )
    try:
        async with connection.begin_nested():
            await connection.execute(statement)
    except IntegrityError as exc:
        raise _meaning(exc) from exc


async def pause(
    connection: AsyncConnection, workspace_id: WorkspaceId, source_id: str, now: datetime
) -> None:
    """Pause a source: its senders get 503. Repeating changes nothing."""
    await connection.execute(
        update(source)
        .where(_is(workspace_id, source_id))
        .values(paused_at=func.coalesce(source.c.paused_at, now))
    )


async def resume(connection: AsyncConnection, workspace_id: WorkspaceId, source_id: str) -> None:
    """Resume a paused source."""
    await connection.execute(
        update(source).where(_is(workspace_id, source_id)).values(paused_at=None)
    )


async def remove(
    connection: AsyncConnection, workspace_id: WorkspaceId, source_id: str, now: datetime
) -> bool:
    """Remove a source with its secrets, events and usage, and revoke its keys. False if there is none.

    Touchpoints that it sent stay.
    """
    await connection.execute(
        update(api_key)
        .where(
            api_key.c.workspace_id == workspace_id,
            api_key.c.source_id == source_id,
            api_key.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    # Its secrets go by the foreign key.
    removed = await connection.execute(delete(source).where(_is(workspace_id, source_id)))
    for table in (source_event, source_usage):
        await connection.execute(
            delete(table).where(
                table.c.workspace_id == workspace_id, table.c.source_id == source_id
            )
        )
    return bool(removed.rowcount)


async def list_secrets(
    connection: AsyncConnection, workspace_id: WorkspaceId, source_id: str, now: datetime
) -> Sequence[StoredSecret]:
    """Secrets in use, newest first; never their values."""
    rows = await connection.execute(
        select(source_secret.c.secret_id, source_secret.c.created_at, source_secret.c.expires_at)
        .where(_of(workspace_id, source_id), _in_use(now))
        .order_by(source_secret.c.created_at.desc(), source_secret.c.secret_id)
    )
    return [StoredSecret(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


async def add_secret(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    source_id: str,
    value: bytes,
    *,
    now: datetime,
    others_expire_at: datetime | None = None,
) -> StoredSecret:
    """Add a secret; the others expire at `others_expire_at` if they would later.

    The caller holds the source locked. Raises LimitReached.
    """
    await connection.execute(
        delete(source_secret).where(_of(workspace_id, source_id), ~_in_use(now))
    )
    others = await list_secrets(connection, workspace_id, source_id, now)
    if others_expire_at is not None and others_expire_at <= now:
        others = []
    if len(others) >= MAX_SECRETS:
        raise LimitReached(f"A source has at most {MAX_SECRETS} secrets in use at once.")
    if others_expire_at is not None:
        await end_secret(connection, workspace_id, source_id, None, at=others_expire_at)
    created = StoredSecret(secret_id=uuid4(), created_at=now, expires_at=None)
    await connection.execute(
        insert(source_secret).values(
            workspace_id=workspace_id,
            source_id=source_id,
            secret_id=created.secret_id,
            value=value,
            created_at=now,
        )
    )
    return created


async def end_secret(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    source_id: str,
    secret_id: UUID | None,
    *,
    at: datetime,
) -> bool:
    """Let a secret (None: all) expire at `at`; whether there was one.

    One that expires earlier keeps its instant.
    """
    ended = await connection.execute(
        update(source_secret)
        .where(
            _of(workspace_id, source_id),
            *([] if secret_id is None else [source_secret.c.secret_id == secret_id]),
        )
        .values(expires_at=func.least(func.coalesce(source_secret.c.expires_at, at), at))
    )
    return bool(ended.rowcount)


def _is(workspace_id: WorkspaceId, source_id: str) -> ColumnElement[bool]:
    return and_(source.c.workspace_id == workspace_id, source.c.source_id == source_id)


def _of(workspace_id: WorkspaceId, source_id: str) -> ColumnElement[bool]:
    return and_(
        source_secret.c.workspace_id == workspace_id, source_secret.c.source_id == source_id
    )


def _in_use(now: datetime) -> ColumnElement[bool]:
    return or_(source_secret.c.expires_at.is_(None), source_secret.c.expires_at > now)


def _meaning(error: IntegrityError) -> Exception:
    """The error that a violated constraint means, or the driver's own."""
    if "source_workspace_id_name_key" in str(error.orig):
        return NameInUse("Another source of this workspace has this name.")
    return error
