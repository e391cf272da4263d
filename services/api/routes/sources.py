"""`/v1/sources`: senders of events, and how their events are treated before they reach the log."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Path, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api import source_rights
from services.api.dependencies import DECODED, Caller, Database, Now
from services.api.errors import Code, RequestRefused
from services.api.http.routing import RequestBody, ScopedRouter
from services.api.queries import sources as queries
from services.api.schemas import sources as schemas
from services.api.schemas.source_access import KeyInfo, SecretInfo
from shared.http.openapi import header
from shared.http.problem import FieldProblem
from shared.ids import WorkspaceId
from shared.keys.principal import Scope
from shared.sources.effects import effects_of_mapping
from shared.sources.settings_reader import SettingsInvalid, changed_settings, new_settings
from shared.sources.source import Source, SourceSettings, settings_json, webhook_path
from shared.storage import source_changes as stored
from shared.storage.source_changes import LimitReached, NameInUse

router = ScopedRouter(prefix="/v1/sources", tags=["sources"])

_MAX_BODY_BYTES = 262_144
"""Mappings are long."""

SourceId = Annotated[
    str,
    Path(min_length=1, description="The source's id, as `POST /v1/sources` returned it."),
    DECODED,
]


@router.get(
    "",
    operation_id="listSources",
    scope=Scope.SOURCES_READ,
    refusals=[],
    summary="Every source",
    response_description="The sources.",
    example=schemas.SOURCES_EXAMPLE,
)
async def list_sources(database: Database) -> schemas.Sources:
    """By name, all at once: a workspace has few. `next_cursor` is null."""
    async with database.transaction() as connection:
        sources = await stored.list_sources(connection, database.workspace_id)
    return schemas.Sources(items=[schemas.SourceItem(**_fields(source)) for source in sources])


@router.post(
    "",
    operation_id="createSource",
    scope=Scope.SOURCES_WRITE,
    refusals=[Code.SOURCE_NAME_IN_USE, Code.LIMIT_REACHED],
    summary="Create a source",
    status_code=201,
    response_description="Created.",
    example=schemas.SOURCE_EXAMPLE,
    responses={201: {"headers": {"Location": header("Where it can be read.")}}},
    body=RequestBody(
        max_bytes=_MAX_BODY_BYTES, description="The source.", example=schemas.NEW_SOURCE_EXAMPLE
    ),
)
async def create_source(
    new: schemas.NewSource, response: Response, caller: Caller, database: Database, now: Now
) -> schemas.SourceDetail:
    """One for each sender: a website, an app, a system.

    Senders of the kinds `web` and `server` authenticate with a key of the source; providers post to
    its `webhook_path` and sign with a secret. Create the key or the secret next. A mapping that erases
    people needs `people:erase` as well, one that merges accounts `identity:write`.
    """
    settings = _read(partial(new_settings, new.kind), new.settings)
    source_rights.require(caller, effects_of_mapping(settings))
    try:
        async with database.transaction() as connection:
            source = await stored.create(
                connection,
                workspace_id=database.workspace_id,
                name=new.name,
                kind=new.kind,
                settings=settings,
                now=now,
            )
            detail = await _detail(connection, source, now)
    except NameInUse as exc:
        raise RequestRefused(Code.SOURCE_NAME_IN_USE) from exc
    except LimitReached as exc:
        raise RequestRefused(Code.LIMIT_REACHED, str(exc)) from exc
    response.headers["Location"] = f"/v1/sources/{source.source_id}"
    return detail


@router.post(
    "/{source_id:encoded}:pause",
    operation_id="pauseSource",
    scope=Scope.SOURCES_WRITE,
    refusals=[Code.SOURCE_UNKNOWN],
    summary="Pause a source",
    response_description="The source as it is now.",
    example=schemas.PAUSED_SOURCE_EXAMPLE,
)
async def pause_source(source_id: SourceId, database: Database, now: Now) -> schemas.SourceDetail:
    """Senders get 503 with Retry-After and keep their events, as far as they can.

    Repeating changes nothing.
    """
    async with database.transaction() as connection:
        source = await existing(connection, database.workspace_id, source_id, is_locked=True)
        await stored.pause(connection, database.workspace_id, source.source_id, now)
        return await _reloaded(connection, source, now)


@router.post(
    "/{source_id:encoded}:resume",
    operation_id="resumeSource",
    scope=Scope.SOURCES_WRITE,
    refusals=[Code.SOURCE_UNKNOWN],
    summary="Resume a source",
    response_description="The source as it is now.",
    example=schemas.SOURCE_EXAMPLE,
)
async def resume_source(source_id: SourceId, database: Database, now: Now) -> schemas.SourceDetail:
    """Events that its senders have kept are accepted.

    Repeating changes nothing.
    """
    async with database.transaction() as connection:
        source = await existing(connection, database.workspace_id, source_id, is_locked=True)
        await stored.resume(connection, database.workspace_id, source.source_id)
        return await _reloaded(connection, source, now)


@router.get(
    "/{source_id:encoded}",
    operation_id="getSource",
    scope=Scope.SOURCES_READ,
    refusals=[Code.SOURCE_UNKNOWN],
    summary="One source",
    response_description="The source.",
    example=schemas.SOURCE_EXAMPLE,
)
async def get_source(source_id: SourceId, database: Database, now: Now) -> schemas.SourceDetail:
    """With its secrets and keys, of which no value can be read again."""
    async with database.transaction() as connection:
        source = await existing(connection, database.workspace_id, source_id)
        return await _detail(connection, source, now)


@router.patch(
    "/{source_id:encoded}",
    operation_id="changeSource",
    scope=Scope.SOURCES_WRITE,
    refusals=[Code.SOURCE_UNKNOWN, Code.SOURCE_NAME_IN_USE],
    summary="Rename a source, or change its settings",
    response_description="The source as it is now.",
    example=schemas.SOURCE_EXAMPLE,
    body=RequestBody(
        max_bytes=_MAX_BODY_BYTES,
        description="What to change.",
        example=schemas.SOURCE_CHANGE_EXAMPLE,
    ),
)
async def change_source(
    source_id: SourceId,
    change: schemas.SourceChange,
    caller: Caller,
    database: Database,
    now: Now,
) -> schemas.SourceDetail:
    """Settings that are named are replaced, each as a whole; null restores the default.

    Ingest applies the new settings within seconds. Settings of a source whose mapping erases people
    need `people:erase` as well, of one that merges accounts `identity:write`.
    """
    try:
        async with database.transaction() as connection:
            source = await existing(connection, database.workspace_id, source_id, is_locked=True)
            settings = source.settings
            if change.settings:
                change_settings = partial(changed_settings, source.kind, settings)
                settings = _read(change_settings, change.settings)
                source_rights.require(caller, effects_of_mapping(settings))
            await stored.change(
                connection,
                database.workspace_id,
                source.source_id,
                name=change.name or source.name,
                settings=settings,
            )
            return await _reloaded(connection, source, now)
    except NameInUse as exc:
        raise RequestRefused(Code.SOURCE_NAME_IN_USE) from exc


@router.delete(
    "/{source_id:encoded}",
    operation_id="deleteSource",
    scope=Scope.SOURCES_WRITE,
    refusals=[Code.SOURCE_UNKNOWN],
    summary="Delete a source",
    status_code=204,
    response_description="Deleted.",
)
async def delete_source(source_id: SourceId, database: Database, now: Now) -> None:
    """Revokes its keys and deletes its secrets, newest events and usage.

    Its webhooks are no longer accepted. Events that it sent earlier stay.
    """
    async with database.transaction() as connection:
        source = await existing(connection, database.workspace_id, source_id, is_locked=True)
        await stored.remove(connection, database.workspace_id, source.source_id, now)


async def existing(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    source_id: str,
    *,
    is_locked: bool = False,
) -> Source:
    """The source with this id, locked for a change. Raises RequestRefused(source_unknown)."""
    source = await stored.get(connection, workspace_id, source_id, is_locked=is_locked)
    if source is None:
        raise RequestRefused(Code.SOURCE_UNKNOWN)
    return source


async def _reloaded(
    connection: AsyncConnection, before: Source, now: datetime
) -> schemas.SourceDetail:
    after = await stored.get(connection, before.workspace_id, before.source_id)
    return await _detail(connection, after or before, now)


def _read(
    read: Callable[[dict[str, object]], SourceSettings], written: dict[str, object]
) -> SourceSettings:
    try:
        return read(written)
    except SettingsInvalid as exc:
        raise RequestRefused(
            Code.INVALID_BODY,
            errors=[
                FieldProblem(pointer=f"/settings{each.pointer}", detail=each.detail)
                for each in exc.mistakes
            ],
        ) from exc


def _fields(source: Source) -> dict[str, object]:
    return {
        "source_id": source.source_id,
        "name": source.name,
        "kind": source.kind,
        "created_at": source.created_at,
        "paused_at": source.paused_at,
        "settings": settings_json(source.settings),
        "webhook_path": webhook_path(source),
    }


async def _detail(
    connection: AsyncConnection, source: Source, now: datetime
) -> schemas.SourceDetail:
    secrets = await stored.list_secrets(connection, source.workspace_id, source.source_id, now)
    keys = await queries.keys(connection, source.workspace_id, source.source_id)
    return schemas.SourceDetail(
        **_fields(source),
        secrets=[
            SecretInfo(
                secret_id=each.secret_id, created_at=each.created_at, expires_at=each.expires_at
            )
            for each in secrets
        ],
        keys=[KeyInfo(**row._mapping) for row in keys],  # noqa: SLF001 - a public name
    )
