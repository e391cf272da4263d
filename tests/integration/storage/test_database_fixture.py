import asyncpg

from shared.storage.connect import DatabaseRole
from tests.support.database import connected


async def test_a_fresh_database_holds_the_default_workspace(database_url: str) -> None:
    async with connected(database_url, role=DatabaseRole.INGEST) as connection:
        rows = await connection.fetch("SELECT workspace_id, name FROM workspace")

    assert [tuple(row) for row in rows] == [(1, "default")]


async def test_the_api_role_sees_nothing_before_it_names_a_workspace(database_url: str) -> None:
    async with connected(database_url, role=DatabaseRole.API) as connection:
        before = await connection.fetchval("SELECT count(*) FROM workspace")
        await connection.execute("SELECT set_config('stageline.workspace_id', '1', false)")
        after = await connection.fetchval("SELECT count(*) FROM workspace")

    assert (before, after) == (0, 1)
    assert isinstance(connection, asyncpg.Connection)
