"""The migration marks the workspaces whose history may hold message ids without a scope."""

from alembic import command

from tests.support.database import connected, run_alembic

_BEFORE = "0009"
_WITH_BARE_IDS = "SELECT name FROM workspace WHERE has_bare_ids ORDER BY 1"


async def test_workspaces_that_had_senders_are_marked_and_new_ones_are_not(
    database_url: str,
) -> None:
    await run_alembic(command.downgrade, database_url, _BEFORE)
    async with connected(database_url) as owner:
        await owner.execute("INSERT INTO workspace (name) VALUES ('watched'), ('empty')")
        await owner.execute(
            "INSERT INTO source (workspace_id, source_id, name, kind, created_at)"
            " SELECT workspace_id, 'src_1', 'crm', 'hubspot', now() FROM workspace"
            " WHERE name = 'watched'"
        )
    await run_alembic(command.upgrade, database_url, "head")
    async with connected(database_url) as owner:
        await owner.execute("INSERT INTO workspace (name) VALUES ('new')")

        assert [row["name"] for row in await owner.fetch(_WITH_BARE_IDS)] == ["watched"]
