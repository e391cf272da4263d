"""Sources in Postgres: the read that fills a `SourceRegistry`.

No function commits: the caller's transaction does.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import msgspec
import structlog
from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.clock import Clock
from shared.contracts.names import JunkNames
from shared.ids import WorkspaceId
from shared.sources.registry import SourceLoader, SourceSnapshot
from shared.sources.source import (
    DEFAULTS_OF_KIND,
    DailyUsage,
    Source,
    SourceKind,
    Suppressed,
    WorkspaceRules,
    settings_from,
)
from shared.storage.errors import any_as_unavailable
from shared.storage.source_tables import source, source_secret, source_usage, suppression
from shared.storage.tables import journey_version, workspace

log = structlog.get_logger(__name__)


def loader(engine: AsyncEngine, clock: Clock) -> SourceLoader:
    """Bind `read_all` to an engine, for a `SourceRegistry`. The call raises DatabaseUnavailable."""

    async def load(above: int) -> SourceSnapshot:
        with any_as_unavailable("the sources cannot be read"):
            async with engine.connect() as connection:
                return await read_all(connection, above, clock.now())

    return load


async def read_all(connection: AsyncConnection, above: int, now: datetime) -> SourceSnapshot:
    """Every source of every workspace with its secrets in use, rules, usage and suppressed people.

    Of the suppressed people only changes above the number `above`.
    """
    secrets = await _secrets(connection, now)
    rows = await connection.execute(select(source))
    return SourceSnapshot(
        sources=[parsed for row in rows if (parsed := as_source(row, secrets)) is not None],
        rules=await _rules(connection),
        suppressed=await _suppressed(connection, above),
        usage=await _usage(connection, now.date()),
    )


async def _secrets(connection: AsyncConnection, now: datetime) -> Mapping[str, Sequence[bytes]]:
    rows = await connection.execute(
        select(source_secret.c.source_id, source_secret.c.value)
        .where(or_(source_secret.c.expires_at.is_(None), source_secret.c.expires_at > now))
        .order_by(source_secret.c.created_at.desc(), source_secret.c.secret_id)
    )
    secrets: dict[str, list[bytes]] = {}
    for row in rows:
        secrets.setdefault(row.source_id, []).append(bytes(row.value))
    return secrets


async def _rules(connection: AsyncConnection) -> Mapping[WorkspaceId, WorkspaceRules]:
    newest = (
        select(
            journey_version.c.workspace_id,
            journey_version.c.journey,
            func.max(journey_version.c.version).label("version"),
        )
        .group_by(journey_version.c.workspace_id, journey_version.c.journey)
        .subquery()
    )
    published = await connection.execute(
        select(journey_version.c.workspace_id, journey_version.c.server_only).join(
            newest,
            (journey_version.c.workspace_id == newest.c.workspace_id)
            & (journey_version.c.journey == newest.c.journey)
            & (journey_version.c.version == newest.c.version),
        )
    )
    server_only: dict[int, set[str]] = {}
    for row in published:
        server_only.setdefault(row.workspace_id, set()).update(row.server_only)
    workspaces = await connection.execute(
        select(
            workspace.c.workspace_id,
            workspace.c.hash_key,
            workspace.c.junk_added,
            workspace.c.junk_removed,
        )
    )
    return {
        WorkspaceId(row.workspace_id): WorkspaceRules(
            hash_key=bytes(row.hash_key),
            server_only=frozenset(server_only.get(row.workspace_id, ())),
            junk=JunkNames(frozenset(row.junk_added), frozenset(row.junk_removed)),
        )
        for row in workspaces
    }


async def _suppressed(connection: AsyncConnection, above: int) -> Sequence[Suppressed]:
    rows = await connection.execute(
        select(
            suppression.c.change,
            suppression.c.workspace_id,
            suppression.c.digest,
            suppression.c.lifted_at,
        )
        .where(suppression.c.change > above)
        .order_by(suppression.c.change)
    )
    return [
        Suppressed(
            change=row.change,
            workspace_id=WorkspaceId(row.workspace_id),
            digest=bytes(row.digest),
            is_lifted=row.lifted_at is not None,
        )
        for row in rows
    ]


async def _usage(connection: AsyncConnection, day: date) -> Mapping[str, DailyUsage]:
    rows = await connection.execute(
        select(source_usage.c.source_id, source_usage.c.accepted).where(source_usage.c.day == day)
    )
    return {row.source_id: DailyUsage(day, row.accepted) for row in rows}


def as_source(
    row: Row[*tuple[Any, ...]], secrets: Mapping[str, Sequence[bytes]] = MappingProxyType({})
) -> Source | None:
    """A row of `source`, or None where a newer version wrote settings that this one cannot read."""
    try:
        kind = SourceKind(row.kind)
        # A source that was made before a setting existed lacks it: the default of its kind holds.
        stored = row.settings
        if isinstance(stored, dict):
            stored = {**DEFAULTS_OF_KIND.get(kind, {}), **stored}
        settings = settings_from(stored)
    except (msgspec.ValidationError, ValueError):
        # A newer version wrote it: applying only some of the settings would be worse than none.
        log.warning("source_not_understood", source_id=row.source_id)
        return None
    return Source(
        workspace_id=WorkspaceId(row.workspace_id),
        source_id=row.source_id,
        name=row.name,
        kind=kind,
        settings=settings,
        created_at=row.created_at,
        paused_at=row.paused_at,
        secrets=tuple(secrets.get(row.source_id, ())),
    )
