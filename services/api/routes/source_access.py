"""Secrets and keys of `/v1/sources/{source_id}`, with which its senders authenticate."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query

from services.api import source_rights
from services.api.dependencies import DECODED, Caller, Database, Now
from services.api.errors import Code, RequestRefused
from services.api.http.routing import RequestBody, ScopedRouter
from services.api.queries import sources as queries
from services.api.routes.sources import SourceId, existing
from services.api.schemas import source_access as schemas
from shared.http.problem import FieldProblem
from shared.keys.principal import Scope
from shared.keys.token import KeyKind
from shared.sources import secret as secrets
from shared.sources.effects import effects_of_senders
from shared.sources.secret import SecretInvalid
from shared.sources.source import KINDS_WITH_KEYS, SourceKind
from shared.storage import keys
from shared.storage import source_changes as stored
from shared.storage.source_changes import LimitReached

router = ScopedRouter(prefix="/v1/sources", tags=["sources"])

_MAX_BODY_BYTES = 8_192

SecretId = Annotated[str, Path(min_length=1, description="The secret's id, a UUID."), DECODED]

KeyId = Annotated[str, Path(min_length=1, description="The key's id."), DECODED]


@router.post(
    "/{source_id:encoded}/secrets",
    operation_id="addSourceSecret",
    scope=Scope.SOURCES_WRITE,
    refusals=[Code.SOURCE_UNKNOWN, Code.SOURCE_KIND_MISMATCH, Code.LIMIT_REACHED],
    summary="Add a secret",
    status_code=201,
    response_description="Valid within seconds.",
    example=schemas.SECRET_EXAMPLE,
    body=RequestBody(
        max_bytes=_MAX_BODY_BYTES,
        description="The secret; an empty object has one generated.",
        example=schemas.NEW_SECRET_EXAMPLE,
    ),
)
async def add_source_secret(
    source_id: SourceId, new: schemas.NewSecret, caller: Caller, database: Database, now: Now
) -> schemas.CreatedSecret:
    """Valid beside the others: during a rotation several are.

    A generated secret is shown only in this response. For kinds that have a `webhook_path`. A source
    that can erase people (by its mapping, or of HubSpot) needs `people:erase` as well, one that merges
    accounts by its mapping `identity:write`.
    """
    workspace_id = database.workspace_id
    seconds = new.others_expire_in_seconds
    async with database.transaction() as connection:
        source = await existing(connection, workspace_id, source_id, is_locked=True)
        if not secrets.takes_secrets(source.kind):
            detail = "Senders of this kind show a key: make one with /keys."
            raise RequestRefused(Code.SOURCE_KIND_MISMATCH, detail)
        source_rights.require(caller, effects_of_senders(source.kind, source.settings))
        value = _secret(source.kind, new.value)
        try:
            added = await stored.add_secret(
                connection,
                workspace_id,
                source.source_id,
                value.encode("utf-8"),
                now=now,
                others_expire_at=None if seconds is None else now + timedelta(seconds=seconds),
            )
        except LimitReached as exc:
            raise RequestRefused(Code.LIMIT_REACHED, str(exc)) from exc
    return schemas.CreatedSecret(
        secret_id=added.secret_id,
        created_at=added.created_at,
        expires_at=added.expires_at,
        value=value if new.value is None else None,
    )


@router.delete(
    "/{source_id:encoded}/secrets/{secret_id:encoded}",
    operation_id="endSourceSecret",
    scope=Scope.SOURCES_WRITE,
    refusals=[Code.SOURCE_UNKNOWN, Code.SECRET_UNKNOWN],
    summary="Expire a secret",
    status_code=204,
    response_description="Its end is set.",
)
async def end_source_secret(
    source_id: SourceId,
    secret_id: SecretId,
    query: Annotated[schemas.EndSecretQuery, Query()],
    database: Database,
    now: Now,
) -> None:
    """Now or after a delay. A secret that expires earlier already keeps its end."""
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        source = await existing(connection, workspace_id, source_id)
        is_there = await stored.end_secret(
            connection,
            workspace_id,
            source.source_id,
            _uuid(secret_id),
            at=now + timedelta(seconds=query.in_seconds),
        )
    if not is_there:
        raise RequestRefused(Code.SECRET_UNKNOWN)


@router.post(
    "/{source_id:encoded}/keys",
    operation_id="createSourceKey",
    scope=Scope.SOURCES_WRITE,
    refusals=[Code.SOURCE_UNKNOWN, Code.SOURCE_KIND_MISMATCH],
    summary="Create a write key of the source",
    status_code=201,
    response_description="Valid at once.",
    example=schemas.KEY_EXAMPLE,
    body=RequestBody(
        max_bytes=_MAX_BODY_BYTES,
        description="What the key is for.",
        example=schemas.NEW_KEY_EXAMPLE,
    ),
)
async def create_source_key(
    source_id: SourceId, new: schemas.NewKey, database: Database, now: Now
) -> schemas.CreatedKey:
    """It sends events of this source and does nothing else.

    The key is shown only in this response. For the kinds `web` and `server`.
    """
    workspace_id = database.workspace_id
    days = new.expires_in_days
    expires_at = None if days is None else now + timedelta(days=days)
    async with database.transaction() as connection:
        source = await existing(connection, workspace_id, source_id, is_locked=True)
        if source.kind not in KINDS_WITH_KEYS:
            detail = "Providers of this kind are known by a secret: add one with /secrets."
            raise RequestRefused(Code.SOURCE_KIND_MISMATCH, detail)
        key = await keys.create(
            connection,
            workspace_id=workspace_id,
            kind=KeyKind.WRITE,
            now=now,
            label=new.label,
            expires_at=expires_at,
            source_id=source.source_id,
        )
    return schemas.CreatedKey(key_id=key.key_id, key=key.token, expires_at=expires_at)


@router.delete(
    "/{source_id:encoded}/keys/{key_id:encoded}",
    operation_id="revokeSourceKey",
    scope=Scope.SOURCES_WRITE,
    refusals=[Code.SOURCE_UNKNOWN, Code.KEY_UNKNOWN],
    summary="Revoke a key of the source",
    status_code=204,
    response_description="Revoked.",
)
async def revoke_source_key(
    source_id: SourceId, key_id: KeyId, database: Database, now: Now
) -> None:
    """For good. Running services refuse it within seconds."""
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        source = await existing(connection, workspace_id, source_id)
        is_revoked = await queries.revoke_key(
            connection, workspace_id, source.source_id, key_id, now
        )
    if not is_revoked:
        raise RequestRefused(Code.KEY_UNKNOWN)


def _secret(kind: SourceKind, given: str | None) -> str:
    try:
        return secrets.made(kind) if given is None else secrets.checked(kind, given)
    except SecretInvalid as exc:
        raise RequestRefused(
            Code.INVALID_BODY, errors=[FieldProblem(pointer="/value", detail=str(exc))]
        ) from exc


def _uuid(secret_id: str) -> UUID:
    try:
        return UUID(secret_id)
    except ValueError as exc:
        # No secret has an id of another form.
        raise RequestRefused(Code.SECRET_UNKNOWN) from exc
