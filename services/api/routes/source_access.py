"""Secrets and keys of `/v1/sources/{source_id}`: what its senders are known by."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.api.errors import Code, RequestRefused
from services.api.operation import Answer, Body, Call, Operation, json_answer
from services.api.queries import sources as seen
from services.api.queries.connections import workspace_transaction
from services.api.routes.sources import SOURCE_ID, existing
from services.api.schemas import source_examples as examples
from services.api.schemas import sources as schemas
from shared.clock import Clock
from shared.http.problem import FieldProblem
from shared.keys.principal import Scope
from shared.keys.token import KeyKind
from shared.sources import secret as secrets
from shared.sources.secret import SecretInvalid
from shared.sources.source import KINDS_WITH_KEYS, SourceKind
from shared.storage import keys
from shared.storage import source_changes as stored
from shared.storage.source_changes import LimitReached

_MAX_BODY_BYTES = 8_192


class SourceAccessRoutes:
    """Takes secrets into use and ends them, makes keys and revokes them."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """`engine` in the api's role, which may write a secret and never read one."""
        self._engine = engine
        self._clock = clock

    def operations(self) -> list[Operation]:
        """The calls of this resource."""
        return [
            Operation(
                method="POST",
                path="/v1/sources/{source_id}/secrets",
                operation_id="addSourceSecret",
                tag="sources",
                summary="Take a secret into use",
                description=(
                    "Beside those that are in use: while a secret is being changed, several are"
                    " good. A secret that is made here is shown this once. For kinds that have a"
                    " `webhook_path`."
                ),
                scope=Scope.SOURCES_WRITE,
                handler=self.add_secret,
                parameters={"source_id": SOURCE_ID},
                body=Body(
                    media_types=("application/json",),
                    max_bytes=_MAX_BODY_BYTES,
                    description="The secret; an empty object has one made.",
                    schema=schemas.NewSecret,
                    examples={"made": examples.NEW_SECRET},
                ),
                answers=[
                    Answer(
                        status=201,
                        description="In use within seconds.",
                        schema=schemas.CreatedSecret,
                        example=examples.SECRET,
                    )
                ],
                refusals=[Code.SOURCE_UNKNOWN, Code.SOURCE_KIND_MISMATCH, Code.LIMIT_REACHED],
            ),
            Operation(
                method="DELETE",
                path="/v1/sources/{source_id}/secrets/{secret_id}",
                operation_id="endSourceSecret",
                tag="sources",
                summary="End a secret",
                description="At once, or after a while. One that ends earlier keeps its end.",
                scope=Scope.SOURCES_WRITE,
                handler=self.end_secret,
                parameters={"source_id": SOURCE_ID, "secret_id": "The secret's id, a UUID."},
                query=schemas.EndSecretQuery,
                answers=[Answer(status=204, description="Its end is set.")],
                refusals=[Code.SOURCE_UNKNOWN, Code.SECRET_UNKNOWN],
            ),
            Operation(
                method="POST",
                path="/v1/sources/{source_id}/keys",
                operation_id="createSourceKey",
                tag="sources",
                summary="Make a write key of the source",
                description=(
                    "It sends events by this source and does nothing else. It is shown this once."
                    " For the kinds `web` and `server`."
                ),
                scope=Scope.SOURCES_WRITE,
                handler=self.create_key,
                parameters={"source_id": SOURCE_ID},
                body=Body(
                    media_types=("application/json",),
                    max_bytes=_MAX_BODY_BYTES,
                    description="What the key is for.",
                    schema=schemas.NewKey,
                    examples={"key": examples.NEW_KEY},
                ),
                answers=[
                    Answer(
                        status=201,
                        description="Works at once.",
                        schema=schemas.CreatedKey,
                        example=examples.KEY,
                    )
                ],
                refusals=[Code.SOURCE_UNKNOWN, Code.SOURCE_KIND_MISMATCH],
            ),
            Operation(
                method="DELETE",
                path="/v1/sources/{source_id}/keys/{key_id}",
                operation_id="revokeSourceKey",
                tag="sources",
                summary="Revoke a key of the source",
                description="For good. Running services stop taking it within seconds.",
                scope=Scope.SOURCES_WRITE,
                handler=self.revoke_key,
                parameters={"source_id": SOURCE_ID, "key_id": "The key's id."},
                answers=[Answer(status=204, description="Revoked.")],
                refusals=[Code.SOURCE_UNKNOWN, Code.KEY_UNKNOWN],
            ),
        ]

    async def add_secret(self, call: Call) -> Response:
        """Take a secret into use."""
        asked = call.json(schemas.NewSecret)
        workspace_id = call.principal.workspace_id
        now = self._clock.now()
        seconds = asked.others_expire_in_seconds
        async with workspace_transaction(self._engine, workspace_id) as connection:
            found = await existing(connection, call, is_locked=True)
            if not secrets.takes_secrets(found.kind):
                detail = "Senders of this kind show a key: make one with /keys."
                raise RequestRefused(Code.SOURCE_KIND_MISMATCH, detail)
            value = _secret(found.kind, asked.value)
            try:
                made = await stored.add_secret(
                    connection,
                    workspace_id,
                    found.source_id,
                    value.encode("utf-8"),
                    now=now,
                    others_expire_at=None if seconds is None else now + timedelta(seconds=seconds),
                )
            except LimitReached as exc:
                raise RequestRefused(Code.LIMIT_REACHED, str(exc)) from exc
        return json_answer(
            schemas.CreatedSecret(
                secret_id=made.secret_id,
                created_at=made.created_at,
                expires_at=made.expires_at,
                value=value if asked.value is None else None,
            ),
            status=201,
        )

    async def end_secret(self, call: Call) -> Response:
        """End a secret."""
        asked = call.query(schemas.EndSecretQuery)
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            found = await existing(connection, call)
            is_there = await stored.end_secret(
                connection,
                workspace_id,
                found.source_id,
                _secret_id(call),
                at=self._clock.now() + timedelta(seconds=asked.in_seconds),
            )
        if not is_there:
            raise RequestRefused(Code.SECRET_UNKNOWN)
        return Response(status_code=204)

    async def create_key(self, call: Call) -> Response:
        """Make a key."""
        asked = call.json(schemas.NewKey)
        workspace_id = call.principal.workspace_id
        now = self._clock.now()
        days = asked.expires_in_days
        expires_at = None if days is None else now + timedelta(days=days)
        async with workspace_transaction(self._engine, workspace_id) as connection:
            found = await existing(connection, call, is_locked=True)
            if found.kind not in KINDS_WITH_KEYS:
                detail = "Providers of this kind are known by a secret: add one with /secrets."
                raise RequestRefused(Code.SOURCE_KIND_MISMATCH, detail)
            made = await keys.create(
                connection,
                workspace_id=workspace_id,
                kind=KeyKind.WRITE,
                now=now,
                label=asked.label,
                expires_at=expires_at,
                source_id=found.source_id,
            )
        return json_answer(
            schemas.CreatedKey(key_id=made.key_id, key=made.token, expires_at=expires_at),
            status=201,
        )

    async def revoke_key(self, call: Call) -> Response:
        """Revoke a key."""
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            found = await existing(connection, call)
            is_revoked = await seen.revoke_key(
                connection, workspace_id, found.source_id, call.path["key_id"], self._clock.now()
            )
        if not is_revoked:
            raise RequestRefused(Code.KEY_UNKNOWN)
        return Response(status_code=204)


def _secret(kind: SourceKind, given: str | None) -> str:
    try:
        return secrets.made(kind) if given is None else secrets.checked(kind, given)
    except SecretInvalid as exc:
        raise RequestRefused(
            Code.INVALID_BODY, errors=[FieldProblem(pointer="/value", detail=str(exc))]
        ) from exc


def _secret_id(call: Call) -> UUID:
    try:
        return UUID(call.path["secret_id"])
    except ValueError as exc:
        # No secret has an id of another form, so there is none to be found.
        raise RequestRefused(Code.SECRET_UNKNOWN) from exc
