from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import ManualClock
from shared.errors import DatabaseUnavailable
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.keys.cache import AuthFailure, KeyCache
from shared.keys.principal import Principal, Scope
from shared.keys.token import KeyKind, generate
from shared.storage import keys
from shared.storage.connect import DatabaseRole
from shared.storage.tables import api_key
from tests.support.database import engine_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def key_cache(database_url: str) -> AsyncIterator[KeyCache]:
    async with engine_of(database_url, role=DatabaseRole.INGEST) as engine:
        yield KeyCache(keys.loader(engine), ManualClock(NOW), spacing_seconds=0.0)


async def test_a_created_key_authenticates_until_it_is_revoked(
    owner_engine: AsyncEngine, key_cache: KeyCache
) -> None:
    async with owner_engine.begin() as connection:
        key = await keys.create(
            connection, workspace_id=DEFAULT_WORKSPACE, kind=KeyKind.SECRET, now=NOW, label="crm"
        )
    created = await key_cache.authenticate(key.token)
    async with owner_engine.begin() as connection:
        revoked = await keys.revoke(connection, DEFAULT_WORKSPACE, key.key_id, NOW)
    await key_cache.refresh()

    assert isinstance(created, Principal)
    assert created.scopes == frozenset(Scope) - {Scope.WORKSPACES_WRITE}
    assert revoked
    assert await key_cache.authenticate(key.token) is AuthFailure.REVOKED


async def test_the_list_shows_every_key_of_the_workspace_but_no_secret(
    owner_engine: AsyncEngine,
) -> None:
    later = NOW + timedelta(minutes=1)
    async with owner_engine.begin() as connection:
        second = await keys.create(
            connection, workspace_id=DEFAULT_WORKSPACE, kind=KeyKind.WRITE, now=later
        )
        first = await keys.create(
            connection,
            workspace_id=DEFAULT_WORKSPACE,
            kind=KeyKind.SECRET,
            now=NOW,
            label="reader",
            scopes=[Scope.STAGES_READ],
            expires_at=later,
        )
        listed = await keys.list_keys(connection, DEFAULT_WORKSPACE)
        elsewhere = await keys.list_keys(connection, WorkspaceId(2))

    assert [(k.key_id, k.label, k.scopes, k.expires_at) for k in listed] == [
        (first.key_id, "reader", frozenset({Scope.STAGES_READ}), later),
        (second.key_id, "", frozenset({Scope.EVENTS_WRITE}), None),
    ]
    assert elsewhere == []
    assert first.token.rsplit("_", 1)[1] not in repr(listed)


async def test_a_key_cannot_hold_more_than_its_kind(owner_engine: AsyncEngine) -> None:
    async with owner_engine.begin() as connection:
        with pytest.raises(ValueError, match="events:write"):
            await keys.create(
                connection,
                workspace_id=DEFAULT_WORKSPACE,
                kind=KeyKind.WRITE,
                now=NOW,
                scopes=[Scope.STAGES_READ],
            )


async def test_revoking_again_keeps_the_first_instant_and_an_unknown_id_is_reported(
    owner_engine: AsyncEngine,
) -> None:
    async with owner_engine.begin() as connection:
        key = await keys.create(
            connection, workspace_id=DEFAULT_WORKSPACE, kind=KeyKind.WRITE, now=NOW
        )
        await keys.revoke(connection, DEFAULT_WORKSPACE, key.key_id, NOW)
        again = await keys.revoke(
            connection, DEFAULT_WORKSPACE, key.key_id, NOW + timedelta(days=1)
        )
        elsewhere = await keys.revoke(connection, WorkspaceId(2), key.key_id, NOW)
        [stored] = await keys.list_keys(connection, DEFAULT_WORKSPACE)

    assert (again, elsewhere) == (True, False)
    assert stored.revoked_at == NOW


async def test_a_database_that_is_not_there_is_a_passing_fault() -> None:
    async with engine_of("postgresql://nobody@127.0.0.1:1/none") as engine:
        key_cache = KeyCache(keys.loader(engine), ManualClock(NOW))

        with pytest.raises(DatabaseUnavailable):
            await keys.loader(engine)()
        answer = await key_cache.authenticate(generate(KeyKind.WRITE).token)

    assert answer is AuthFailure.UNAVAILABLE


async def test_a_key_of_a_kind_that_this_version_does_not_know_stops_no_other(
    owner_engine: AsyncEngine, key_cache: KeyCache
) -> None:
    async with owner_engine.begin() as connection:
        key = await keys.create(
            connection, workspace_id=DEFAULT_WORKSPACE, kind=KeyKind.WRITE, now=NOW
        )
        await connection.execute(
            insert(api_key).values(
                workspace_id=DEFAULT_WORKSPACE, key_id="newer", kind="newer", secret_hash=b""
            )
        )

    assert isinstance(await key_cache.authenticate(key.token), Principal)
