"""What Postgres lets the api do for the key of an operator, and what it refuses without one."""

import asyncpg
import pytest

from shared.storage.connect import DatabaseRole
from tests.support.database import Connection, connected

_CREATE = """SELECT operator_create_workspace(
    $1, 'brand-a', 'first', '\\x00'::bytea, '{events:write}', now())"""
_LIST = "SELECT count(*) FROM operator_list_workspaces($1)"
_RENAME = "SELECT count(*) FROM operator_rename_workspace($1, 1, 'mine')"


async def _key(owner: Connection, key_id: str, kind: str, **instants: str) -> None:
    await owner.execute(
        "INSERT INTO api_key (workspace_id, key_id, kind, secret_hash, revoked_at, expires_at)"
        " VALUES (1, $1, $2, '', $3::text::timestamptz, $4::text::timestamptz)",
        key_id,
        kind,
        instants.get("revoked"),
        instants.get("expires"),
    )


async def test_the_api_makes_a_workspace_with_its_first_key_for_an_operator_alone(
    owner: Connection, api: Connection
) -> None:
    await _key(owner, "ours", "operator", expires="2999-01-01")
    await _key(owner, "secret", "secret")
    await _key(owner, "revoked", "operator", revoked="2026-01-01")
    await _key(owner, "expired", "operator", expires="2026-01-01")

    for other in ("secret", "revoked", "expired", "nobody", None):
        assert await api.fetchval(_CREATE, other) is None
        assert await api.fetchval(_LIST, other) == 0
        assert await api.fetchval(_RENAME, other) == 0
    made = await api.fetchval(_CREATE, "ours")

    stored = await owner.fetch("SELECT workspace_id, name FROM workspace ORDER BY workspace_id")
    assert [tuple(row) for row in stored] == [(1, "default"), (made, "brand-a")]
    first = await owner.fetchrow("SELECT workspace_id, kind FROM api_key WHERE key_id = 'first'")
    assert first is not None
    assert tuple(first) == (made, "secret")
    assert await api.fetchval(_LIST, "ours") == 2


@pytest.mark.parametrize("role", [DatabaseRole.INGEST, DatabaseRole.STAGER])
async def test_no_other_service_may_call_the_functions(
    database_url: str, owner: Connection, role: DatabaseRole
) -> None:
    await _key(owner, "ours", "operator")
    async with connected(database_url, role=role) as service:
        for statement in (_CREATE, _LIST, _RENAME, "SELECT operator_is_valid($1)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.fetchval(statement, "ours")
