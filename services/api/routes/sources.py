"""`/v1/sources`: who sends events, and what is done to them before the log."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.responses import Response

from services.api.errors import Code, RequestRefused
from services.api.operation import Answer, Body, Call, Operation, json_answer
from services.api.queries import sources as seen
from services.api.queries.connections import workspace_transaction
from services.api.schemas import source_examples as examples
from services.api.schemas import sources as schemas
from shared.clock import Clock
from shared.http.problem import FieldProblem
from shared.ids import WorkspaceId
from shared.keys.principal import Scope
from shared.sources.settings_reader import SettingsInvalid, read_settings
from shared.sources.source import Source, SourceSettings, settings_json, webhook_path
from shared.storage import source_changes as stored
from shared.storage.source_changes import LimitReached, NameTaken

MAX_BODY_BYTES = 262_144
"""Mappings are long."""
SOURCE_ID = "The source's id, as `POST /v1/sources` gave it."


class SourceRoutes:
    """Makes, shows, changes, pauses and removes sources."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """`engine` in the api's role; `clock` says when something was done."""
        self._engine = engine
        self._clock = clock

    def collection(self) -> list[Operation]:
        """The calls of all sources together."""
        return [
            Operation(
                method="GET",
                path="/v1/sources",
                operation_id="listSources",
                tag="sources",
                summary="Every source",
                description="By name, all at once: a workspace has few. `next_cursor` is null.",
                scope=Scope.SOURCES_READ,
                handler=self.list,
                answers=[
                    Answer(
                        status=200,
                        description="The sources.",
                        schema=schemas.Sources,
                        example=examples.SOURCES,
                    )
                ],
            ),
            Operation(
                method="POST",
                path="/v1/sources",
                operation_id="createSource",
                tag="sources",
                summary="Make a source",
                description=(
                    "For everything that sends: one website, one app, one system. Senders of the"
                    " kinds `web` and `server` show a key of the source; providers post to its"
                    " `webhook_path` and are known by a secret. Make those next."
                ),
                scope=Scope.SOURCES_WRITE,
                handler=self.create,
                body=Body(
                    media_types=("application/json",),
                    max_bytes=MAX_BODY_BYTES,
                    description="The source.",
                    schema=schemas.NewSource,
                    examples={"source": examples.NEW_SOURCE},
                ),
                answers=[
                    Answer(
                        status=201,
                        description="Made.",
                        schema=schemas.SourceDetail,
                        example=examples.SOURCE,
                        headers={"Location": "Where it can be read."},
                    )
                ],
                refusals=[Code.SOURCE_NAME_TAKEN, Code.LIMIT_REACHED],
            ),
        ]

    def one(self) -> list[Operation]:
        """The calls of one source."""
        return [
            *(self._switch(what) for what in ("pause", "resume")),
            Operation(
                method="GET",
                path="/v1/sources/{source_id}",
                operation_id="getSource",
                tag="sources",
                summary="One source",
                description="With its secrets and keys, of which no value can be read again.",
                scope=Scope.SOURCES_READ,
                handler=self.get,
                parameters={"source_id": SOURCE_ID},
                answers=[_shown("The source.")],
                refusals=[Code.SOURCE_UNKNOWN],
            ),
            Operation(
                method="PATCH",
                path="/v1/sources/{source_id}",
                operation_id="changeSource",
                tag="sources",
                summary="Rename a source, or change its settings",
                description=(
                    "Settings that are named are replaced, each as a whole; null puts one back to"
                    " its default. Ingest goes by the new ones within seconds."
                ),
                scope=Scope.SOURCES_WRITE,
                handler=self.change,
                parameters={"source_id": SOURCE_ID},
                body=Body(
                    media_types=("application/json",),
                    max_bytes=MAX_BODY_BYTES,
                    description="What to change.",
                    schema=schemas.SourceChange,
                    examples={"change": examples.CHANGE},
                ),
                answers=[_shown("The source as it is now.")],
                refusals=[Code.SOURCE_UNKNOWN, Code.SOURCE_NAME_TAKEN],
            ),
            Operation(
                method="DELETE",
                path="/v1/sources/{source_id}",
                operation_id="deleteSource",
                tag="sources",
                summary="Remove a source",
                description=(
                    "Its keys are revoked, its secrets, newest events and usage are gone, and its"
                    " webhooks are no longer taken. What came in by it stays."
                ),
                scope=Scope.SOURCES_WRITE,
                handler=self.delete,
                parameters={"source_id": SOURCE_ID},
                answers=[Answer(status=204, description="Removed.")],
                refusals=[Code.SOURCE_UNKNOWN],
            ),
        ]

    def _switch(self, what: str) -> Operation:
        is_pause = what == "pause"
        return Operation(
            method="POST",
            path=f"/v1/sources/{{source_id}}:{what}",
            operation_id=f"{what}Source",
            tag="sources",
            summary="Hold its senders off" if is_pause else "Let its senders in again",
            description=(
                "Senders get 503 with Retry-After and keep their events, as far as they can."
                if is_pause
                else "What its senders have kept comes in."
            )
            + " Repeating changes nothing.",
            scope=Scope.SOURCES_WRITE,
            handler=self.pause if is_pause else self.resume,
            parameters={"source_id": SOURCE_ID},
            answers=[_shown("The source as it is now.", is_paused=is_pause)],
            refusals=[Code.SOURCE_UNKNOWN],
        )

    async def list(self, call: Call) -> Response:
        """Every source."""
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            found = await stored.list_sources(connection, workspace_id)
        items = [schemas.SourceItem(**_fields(source)) for source in found]
        return json_answer(schemas.Sources(items=items))

    async def create(self, call: Call) -> Response:
        """Make a source."""
        asked = call.json(schemas.NewSource)
        settings = _settings(asked.settings)
        workspace_id = call.principal.workspace_id
        now = self._clock.now()
        try:
            async with workspace_transaction(self._engine, workspace_id) as connection:
                made = await stored.create(
                    connection,
                    workspace_id=workspace_id,
                    name=asked.name,
                    kind=asked.kind,
                    settings=settings,
                    now=now,
                )
                answer = await _detail(connection, made, now)
        except NameTaken as exc:
            raise RequestRefused(Code.SOURCE_NAME_TAKEN) from exc
        except LimitReached as exc:
            raise RequestRefused(Code.LIMIT_REACHED, str(exc)) from exc
        response = json_answer(answer, status=201)
        response.headers["Location"] = f"/v1/sources/{made.source_id}"
        return response

    async def get(self, call: Call) -> Response:
        """One source."""
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            found = await existing(connection, call)
            return json_answer(await _detail(connection, found, self._clock.now()))

    async def change(self, call: Call) -> Response:
        """Rename, or change settings."""
        asked = call.json(schemas.SourceChange)
        workspace_id = call.principal.workspace_id
        try:
            async with workspace_transaction(self._engine, workspace_id) as connection:
                found = await existing(connection, call, is_locked=True)
                await stored.change(
                    connection,
                    workspace_id,
                    found.source_id,
                    name=asked.name or found.name,
                    settings=_settings({**settings_json(found.settings), **asked.settings}),
                )
                return await self._as_it_is(connection, workspace_id, found)
        except NameTaken as exc:
            raise RequestRefused(Code.SOURCE_NAME_TAKEN) from exc

    async def pause(self, call: Call) -> Response:
        """Hold its senders off."""
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            found = await existing(connection, call, is_locked=True)
            await stored.pause(connection, workspace_id, found.source_id, self._clock.now())
            return await self._as_it_is(connection, workspace_id, found)

    async def resume(self, call: Call) -> Response:
        """Let its senders in again."""
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            found = await existing(connection, call, is_locked=True)
            await stored.resume(connection, workspace_id, found.source_id)
            return await self._as_it_is(connection, workspace_id, found)

    async def delete(self, call: Call) -> Response:
        """Remove a source."""
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            found = await existing(connection, call, is_locked=True)
            await stored.remove(connection, workspace_id, found.source_id, self._clock.now())
        return Response(status_code=204)

    async def _as_it_is(
        self, connection: AsyncConnection, workspace_id: WorkspaceId, before: Source
    ) -> Response:
        now = await stored.get(connection, workspace_id, before.source_id)
        return json_answer(await _detail(connection, now or before, self._clock.now()))


async def existing(connection: AsyncConnection, call: Call, *, is_locked: bool = False) -> Source:
    """The source that the path names. Raises RequestRefused(source_unknown)."""
    found = await stored.get(
        connection, call.principal.workspace_id, call.path["source_id"], is_locked=is_locked
    )
    if found is None:
        raise RequestRefused(Code.SOURCE_UNKNOWN)
    return found


def _shown(description: str, *, is_paused: bool = False) -> Answer:
    return Answer(
        status=200,
        description=description,
        schema=schemas.SourceDetail,
        example=examples.PAUSED_SOURCE if is_paused else examples.SOURCE,
    )


def _settings(written: dict[str, object]) -> SourceSettings:
    try:
        return read_settings(written)
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
    keys = await seen.keys(connection, source.workspace_id, source.source_id)
    return schemas.SourceDetail(
        **_fields(source),
        secrets=[
            schemas.SecretInfo(
                secret_id=each.secret_id, created_at=each.created_at, expires_at=each.expires_at
            )
            for each in secrets
        ],
        keys=[schemas.KeyInfo(**row._mapping) for row in keys],  # noqa: SLF001 - a public name
    )
