"""API keys in Postgres: create, list, revoke, and the read that fills a `KeyCache`.

Writing needs the owner's role (operator commands); ingest and api may only read. No function
commits: the caller's transaction does.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.keys import token as tokens
from shared.keys.principal import SCOPES_OF_KIND, Scope, StoredKey
from shared.keys.token import KeyKind, NewKey
from shared.storage.errors import any_as_unavailable
from shared.storage.tables import api_key

_SCOPES = {scope.value: scope for scope in Scope}
_KINDS = [kind.value for kind in KeyKind]

# Every key of every workspace; some hundreds of short rows.
_ALL = select(
    api_key.c.workspace_id,
    api_key.c.key_id,
    api_key.c.kind,
    api_key.c.scopes,
    api_key.c.secret_hash,
    api_key.c.label,
    api_key.c.created_at,
    api_key.c.expires_at,
    api_key.c.revoked_at,
    api_key.c.source_id,
).where(
    # A newer version may have more kinds than this one, whose processes must go on beside it.
    api_key.c.kind.in_(_KINDS)
)


async def create(
    connection: AsyncConnection,
    *,
    workspace_id: WorkspaceId,
    kind: KeyKind,
    now: datetime,
    label: str = "",
    scopes: Iterable[Scope] | None = None,
    expires_at: datetime | None = None,
    source_id: str | None = None,
) -> NewKey:
    """Store a new key; the answer's token is shown once and cannot be read again.

    `scopes` None means all that the kind may hold. Raises ValueError for a scope that it may not, and
    for an operator's key of another workspace than the first.
    """
    if kind is KeyKind.OPERATOR and workspace_id != DEFAULT_WORKSPACE:
        message = "an operator's key is for all workspaces: leave --workspace out"
        raise ValueError(message)
    allowed = SCOPES_OF_KIND[kind]
    granted = allowed if scopes is None else frozenset(scopes)
    if not granted or not granted <= allowed:
        message = f"a key of kind {kind} holds at least one of: {', '.join(sorted(allowed))}"
        raise ValueError(message)
    key = tokens.generate(kind)
    await connection.execute(
        insert(api_key).values(
            workspace_id=workspace_id,
            key_id=key.key_id,
            kind=kind.value,
            scopes=sorted(granted),
            secret_hash=key.secret_hash,
            label=label,
            created_at=now,
            expires_at=expires_at,
            source_id=source_id,
        )
    )
    return key


async def list_keys(connection: AsyncConnection, workspace_id: WorkspaceId) -> list[StoredKey]:
    """Keys of a workspace, revoked ones included, oldest first."""
    rows = await connection.execute(
        _ALL.where(api_key.c.workspace_id == workspace_id).order_by(
            api_key.c.created_at, api_key.c.key_id
        )
    )
    return [_stored(row) for row in rows]


async def bind(
    connection: AsyncConnection, workspace_id: WorkspaceId, key_id: str, source_id: str
) -> None:
    """Let a write key send by a source from now on, unless it belongs to one already."""
    await connection.execute(
        update(api_key)
        .where(
            api_key.c.workspace_id == workspace_id,
            api_key.c.key_id == key_id,
            api_key.c.kind == KeyKind.WRITE.value,
            api_key.c.source_id.is_(None),
        )
        .values(source_id=source_id)
    )


async def revoke(
    connection: AsyncConnection, workspace_id: WorkspaceId, key_id: str, now: datetime
) -> bool:
    """Revoke a key for good; False if the workspace has no such key.

    Safe to repeat: the first revocation's instant stays.
    """
    result = await connection.execute(
        update(api_key)
        .where(api_key.c.workspace_id == workspace_id, api_key.c.key_id == key_id)
        .values(revoked_at=func.coalesce(api_key.c.revoked_at, now))
    )
    return bool(result.rowcount)


async def load_all(connection: AsyncConnection) -> list[StoredKey]:
    """Every key of every workspace."""
    return [_stored(row) for row in await connection.execute(_ALL)]


def loader(engine: AsyncEngine) -> Callable[[], Awaitable[Sequence[StoredKey]]]:
    """Bind `load_all` to an engine, for a `KeyCache`. The call raises DatabaseUnavailable."""

    async def load() -> Sequence[StoredKey]:
        with any_as_unavailable("the keys cannot be read"):
            async with engine.connect() as connection:
                return await load_all(connection)

    return load


def _stored(row: Row[*tuple[Any, ...]]) -> StoredKey:
    return StoredKey(
        workspace_id=WorkspaceId(row.workspace_id),
        key_id=row.key_id,
        kind=KeyKind(row.kind),
        # A newer version may have more scopes than this one: an unknown scope grants nothing.
        scopes=frozenset(_SCOPES[scope] for scope in row.scopes if scope in _SCOPES),
        secret_hash=bytes(row.secret_hash),
        label=row.label,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        source_id=row.source_id,
    )
